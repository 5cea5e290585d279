// Requests that are answered with a problem, or not at all.

/** Makes the error for an answer that is not as it should be, with what the answer says of itself. */
export async function problem(answer) {
  const { detail, reason = "" } = await answer.json().catch(() => ({}));
  const { status, url, headers } = answer;
  return Object.assign(new Error(detail || `${url} answers ${status}`), { status, reason, after: headers.get("Retry-After") * 1000 || 0 });
}

/** POSTs JSON. Rejects where that is not answered with a success. */
export async function post(fetch, url, body, headers) {
  const answer = await fetch(url, { method: "POST", body: JSON.stringify(body), headers }).catch((error) => {
    throw Object.assign(error, { status: 0, reason: "" });
  });
  if (!answer.ok) throw await problem(answer);
}

/** Tells whether an answer means that asking again is of no use. */
export const final = ({ status }) => status >= 400 && status < 500 && ![408, 425, 429].includes(status);
