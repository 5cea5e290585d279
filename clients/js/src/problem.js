// Requests that are answered with a problem, or not at all.

/** POSTs JSON. Rejects where that is not answered with a success. */
export async function post(fetch, url, body, headers) {
  const answer = await checked(await fetch(url, { method: "POST", body: JSON.stringify(body), headers }));
  // It was not answered by whom it was meant for: by a page to log in, mostly.
  if (answer.redirected) throw Object.assign(new Error("redirected to " + answer.url), { status: 403 });
}

/** Returns an answer that is a success, or not an answer at all. Any other is thrown, with what it says of itself. */
export async function checked(answer) {
  if (answer?.ok !== false) return answer;
  const { detail, reason } = await answer.json().catch(() => {}) ?? {};
  const { status } = answer;
  const after = answer.headers.get("Retry-After") * 1000; // milliseconds
  throw Object.assign(new Error(detail || `${answer.url} answers ${status}`), { status, reason, after });
}

/** Tells whether an answer means that asking again is of no use. An ID that is not known may just have been given up.
 * */
export const final = (error) =>
  /^4(?!08|25|29)..$/.test(error.status) && error.reason !== "unknown_id";
