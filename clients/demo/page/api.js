// Requests to the application.

/** Returns the JSON at an address. */
export async function get(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(await said(answer));
  return answer.json();
}

/** POSTs JSON, with the page's proof that it is no other site's. */
export async function post(address, body) {
  const proof = /(?:^|; )csrftoken=([^;]*)/.exec(document.cookie);
  const headers = { "Content-Type": "application/json", "X-CSRFToken": proof?.[1] ?? "" };
  const answer = await fetch(address, { method: "POST", headers, body: JSON.stringify(body) });
  if (!answer.ok) throw new Error(await said(answer));
}

/** Returns what an answer says is wrong. */
async function said(answer) {
  const { detail } = await answer.json().catch(() => ({}));
  return detail ?? `the application answers ${answer.status}`;
}
