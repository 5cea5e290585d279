// What the tests stand on: a rootsd and an application that are these few lines.
import assert from "node:assert/strict";
import { afterEach, beforeEach } from "node:test";

import { Roots } from "../src/roots.js";
import { socketsIn } from "./socket.js";
import { fairWeather, settle, worstLuck } from "./time.js";

export { pass, settle } from "./time.js";

export const id = (n = 1) => `roots-AAAAAAAAAAAAAAAAAAAAAA-${n}`;
export const token = (cursor = 0, n = 1) => `${id(n)}/${cursor}/SSSSSSSSSSSSSSSSSSSSSS`;
export const blank = (path, gap) => ({ path, message: "", ...(gap && { gap }) });

/** What rootsd answers to a poll. */
export const answer = (cursor, updates = [], n) => ({ updates, reconnectWith: token(cursor, n) });

/** What it answers to a poll when something happened at "a". */
export const said = (cursor, ...messages) => answer(cursor, messages.map((message) => ({ path: "a", message })));

/** The arguments of a request's `answer` that make it a problem. */
export const problem = (status, reason, headers) =>
  [JSON.stringify({ status, reason, detail: `it is ${reason}` }), { status, headers }];

/** The world of the test that runs now. */
export let world;

const clients = [];

beforeEach(() => {
  world = new World();
  worstLuck();
});

afterEach(async () => {
  closeAll();
  const rejected = await unhandled();
  fairWeather();
  assert.deepEqual(rejected, [], "nobody looks after these rejections");
});

/** Closes what the test has made. */
export function closeAll() {
  for (const roots of clients.splice(0)) roots.close();
}

/** Returns what promises were rejected with that nobody looks after. That is known once the event loop has gone round.
 * */
export async function unhandled() {
  const type = "unhandledRejection", errors = [], others = process.listeners(type);
  process.removeAllListeners(type); // the test runner's would fail the test
  process.on(type, (error) => errors.push(error));
  await new Promise((then) => setImmediate(then));
  process.removeAllListeners(type);
  for (const other of others) process.on(type, other);
  return errors;
}

/**
 * Makes a rootsd: requests wait in `asked` until the test answers them. `next(part)` waits for none: it takes the
 * oldest whose URL has the part in it, and whose method is as wanted, and fails if there is none.
 */
class World {
  asked = [];
  sockets = [];
  WebSocket = socketsIn(this.sockets);

  fetch = (url, { method = "GET", headers, body, signal, keepalive } = {}) => new Promise((resolve, reject) => {
    signal?.addEventListener("abort", () => reject(signal.reason));
    const request = { url: `${url}`, method, body: body && JSON.parse(body), headers: new Headers(headers), signal, keepalive };
    request.answer = (...all) => resolve(response(request.url, ...all));
    request.redirect = (to) => resolve(Object.defineProperty(response(to, "<html>Log in"), "redirected", { value: true }));
    request.fail = (error = new TypeError("fetch failed")) => reject(error);
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

  /** The requests that were not given up and wait for an answer. */
  get waiting() {
    return this.asked.filter((request) => !request.signal?.aborted);
  }

  /** Whether there are none. */
  quiet() {
    return !this.waiting.length;
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
      roots.log.push(event.detail.cause?.message);
    });
    return roots;
  }

  /** Makes a client that listens to patterns, as a tab does, and writes down the messages and which paths it loads in
   * `heard`. */
  async tab(patterns, options) {
    const roots = this.client(options);
    roots.heard = [];
    roots.offs = patterns.map((pattern) => roots.on(pattern,
      (message) => roots.heard.push(message),
      ({ path, gap }) => void roots.heard.push(gap ? `${path} ${gap}` : path)));
    await settle();
    return roots;
  }

  /** Gives the oldest poll a new session. */
  async open(n) {
    this.next("comet/", /GET/).answer(answer(0, [], n));
    await settle();
  }

  /** Has the application connect what it is asked to, which are these paths, and rootsd say so in a session that was
   * silent. */
  async connect(paths, n) {
    const ask = this.next("/connect");
    assert.deepEqual(ask.body, paths);
    ask.answer("{}");
    this.next(token(0, n)).answer(answer(paths.length, paths.map((path) => blank(path)), n));
    await settle();
  }

  /** Makes a tab that has a session and is connected to all that it listens to. */
  async connected(patterns, options) {
    const roots = await this.tab(patterns, options);
    await this.open();
    await this.connect(patterns);
    return roots;
  }
}

const response = (url, value, init) =>
  Object.defineProperty(new Response(typeof value === "string" ? value : JSON.stringify(value), init), "url", { value: url });
