// Waiting, on this side of the browser.

import { once } from "node:events";

/** Resolves when a check, which may be asynchronous, holds; rejects where it throws, and after ten seconds or so many
 * milliseconds. For what says nothing when it changes, such as a metric. */
export async function until(what, check, patience = 10_000) {
  for (const end = Date.now() + patience; Date.now() < end; ) {
    if (await check()) return;
    await pause(20);
  }
  throw new Error(`waited for ${what}`);
}

/** Resolves after so many milliseconds: for a length of time that is itself what a test is about. */
export function pause(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Resolves to the next request at a proxy that waits for updates. */
export async function nextWait(proxy) {
  for (;;) {
    const [request] = await once(proxy, "request");
    if (request.kind) return request;
  }
}

/** Returns a gate: what waits for `opened` goes on after `open()`. */
export function gate() {
  let open;
  const opened = new Promise((resolve) => (open = resolve));
  return { open, opened };
}
