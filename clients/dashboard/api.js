// Requests to the daemon: they carry the admin token, where one is wanted, and their errors say what the daemon said.

const storedAs = "roots-admin-token";

/** Tells all parts of the page what each has to know: "up" and "down", and "token" when the daemon wants one. */
export const daemon = new EventTarget();

/** What the daemon answered instead of what was asked for (problem+json); status 0 where it answered nothing. */
export class Problem extends Error {
  constructor({ detail, title, status = 0, reason = "", field = "", entry }) {
    super(detail || title || `rootsd answers ${status}`);
    Object.assign(this, { status, reason, field, entry });
  }
}

export const token = () => sessionStorage.getItem(storedAs) ?? "";

export function keepToken(text) {
  sessionStorage.setItem(storedAs, text);
}

/** fetch, with the token. Roots uses it, too. */
export async function request(url, init = {}) {
  const headers = new Headers(init.headers);
  if (token()) headers.set("Authorization", `Bearer ${token()}`);
  const answer = await fetch(url, { ...init, headers });
  if (answer.status === 401) daemon.dispatchEvent(new Event("token"));
  return answer;
}

/** Resolves with the answer to a request, rejects with a Problem, or with an AbortError where init.signal said so. */
async function open(url, init) {
  const answer = await request(url, init).catch((error) => {
    throw error.name === "AbortError" ? error : new Problem({ detail: "rootsd does not answer" });
  });
  if (answer.ok) return answer;
  const said = await answer.json().catch(() => ({}));
  throw new Problem({ ...said, status: answer.status });
}

/** The same for JSON. */
export async function ask(url, init) {
  const answer = await open(url, init);
  return answer.json().catch(() => {
    throw new Problem({ detail: "the answer of rootsd broke off" });
  });
}

/** POSTs text, which is JSON. */
export const post = (url, body) =>
  ask(url, { method: "POST", body, headers: { "Content-Type": "application/json" } });

/** A path as it stands in an address. */
export const inAddress = (path) => path.split("/").map(encodeURIComponent).join("/");

/** Calls take with the lines of an endless answer, several at a time, until it ends or signal aborts it. */
export async function readLines(url, signal, take) {
  const answer = await open(url, { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + value).split("\n");
    rest = lines.pop();
    if (lines.length) take(lines);
  }
}
