// What the tests stand on: a rootsd and an application that are these few lines, and time that the test moves.
import { mock } from "node:test";

import { Roots } from "../src/roots.js";

export const id = (n = 1) => `roots-AAAAAAAAAAAAAAAAAAAAAA-${n}`;
export const token = (cursor = 0, n = 1) => `${id(n)}/${cursor}/SSSSSSSSSSSSSSSSSSSSSS`;
export const blank = (path, gap) => ({ path, message: "", ...(gap && { gap }) });

const clients = [];

/** Closes what the test has made, so that nothing keeps the process alive. */
export function closeAll() {
  for (const roots of clients.splice(0)) roots.close();
}

/** Lets everything happen that is to happen without time going by. */
export async function settle() {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** Moves the time on. */
export async function pass(milliseconds) {
  await settle();
  mock.timers.tick(milliseconds);
  await settle();
}

/**
 * Makes a rootsd: requests wait in `asked` until the test answers them. `next(part)` waits for none: it takes the oldest whose URL has
 * the part in it, and whose method is as wanted, and fails if there is none.
 */
export class World {
  asked = [];

  fetch = (url, { method = "GET", headers, body, signal, keepalive } = {}) => new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
    const request = { url: `${url}`, method, body: body && JSON.parse(body), headers: new Headers(headers), signal, keepalive };
    request.answer = (value, init) => resolve(new Response(typeof value === "string" ? value : JSON.stringify(value), init));
    request.fail = () => reject(new TypeError("fetch failed"));
    request.stream = () => {
      const stream = new TransformStream();
      const writer = stream.writable.getWriter(), encoder = new TextEncoder();
      resolve(new Response(stream.readable, { headers: { "Content-Type": "text/event-stream" } }));
      return { say: (text) => writer.write(encoder.encode(text)), end: () => writer.close() };
    };
    this.asked.push(request);
  });

  next(part = "", wanted = /./) {
    const i = this.asked.findIndex(({ url, method, signal }) => url.includes(part) && wanted.test(method) && !signal?.aborted);
    if (i < 0) throw new Error(`nobody asks for ${part}; there is ${this.asked.map((request) => request.url)}`);
    return this.asked.splice(i, 1)[0];
  }

  /** Whether anything that was not given up waits for an answer. */
  quiet() {
    return !this.asked.some((request) => !request.signal?.aborted);
  }

  /** Makes a client of it, which writes down what happens in `log`. */
  client(options) {
    const roots = new Roots("http://push.test/comet", {
      fetch: this.fetch, WebSocket: undefined, transports: ["long-poll"], connect: "http://app.test/connect/{id}",
      disconnect: "http://app.test/disconnect/{id}", ...options,
    });
    clients.push(roots);
    roots.log = [];
    roots.addEventListener("state", ({ detail }) => roots.log.push(detail));
    roots.addEventListener("session", ({ detail }) => roots.log.push(detail));
    roots.addEventListener("error", (event) => {
      event.preventDefault();
      roots.log.push(event.detail.message);
    });
    return roots;
  }
}

/** Takes the chance out of the waits before the next try: each is its upper bound, but for a hair, as tabs have random names. */
export function worstLuck() {
  let draws = 0;
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 1 - ++draws * 1e-12);
}

export function fairWeather() {
  mock.timers.reset();
  mock.restoreAll();
}
