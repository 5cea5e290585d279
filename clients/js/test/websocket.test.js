import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";

import { closeAll, fairWeather, pass, settle, token, World, worstLuck } from "./world.js";

let world, sockets;

beforeEach(() => {
  world = new World();
  sockets = [];
  worstLuck();
});
afterEach(() => {
  closeAll();
  fairWeather();
});

/** A WebSocket of which the test is the other end. */
class Socket {
  readyState = 0;
  sent = [];

  constructor(url) {
    this.url = url;
    sockets.push(this);
  }

  send(text) {
    this.sent.push(JSON.parse(text));
  }

  /** The other end says something; the first word opens it. */
  async say(said) {
    this.readyState = 1;
    this.onmessage({ data: JSON.stringify(said) });
    await settle();
  }

  close() {
    if (this.readyState === 3) return;
    this.readyState = 3;
    queueMicrotask(() => this.onclose({ code: 1000 }));
  }
}

const said = (from, to) => ({
  updates: Array.from({ length: to - from }, (_, i) => ({ path: "a", message: from + i + 1 })), reconnectWith: token(to),
});

async function live(options) {
  const roots = world.client({ WebSocket: Socket, transports: ["websocket", "sse"], connect: async () => {}, ...options });
  roots.heard = [];
  roots.on("a", (message) => roots.heard.push(message));
  await sockets[0].say(said(0, 0));
  return roots;
}

test("it opens at the same address, and what comes is heard", async () => {
  const roots = await live();
  assert.equal(sockets[0].url, "ws://push.test/comet/");
  assert.equal(roots.transport, "websocket");
  await sockets[0].say(said(0, 3));
  assert.deepEqual(roots.heard, [1, 2, 3]);
});

test("what came is confirmed a second later, or after 32 updates at once", async () => {
  await live();
  const [socket] = sockets;
  await socket.say(said(0, 2));
  await pass(500);
  await socket.say(said(2, 3));
  await pass(499);
  assert.deepEqual(socket.sent, []);
  await pass(1);
  assert.deepEqual(socket.sent, [token(3)]);
  await socket.say(said(3, 34));
  assert.equal(socket.sent.length, 1);
  await socket.say(said(34, 35));
  assert.deepEqual(socket.sent, [token(3), token(35)]);
  await pass(2000);
  assert.equal(socket.sent.length, 2, "there is nothing new to confirm");
});

test("a quiet socket is asked for a sign of life, and one that gives none is given up", async () => {
  const roots = await live({ silence: 60_000 });
  const [socket] = sockets;
  await pass(30_000);
  assert.deepEqual(socket.sent, [[]]);
  await socket.say({ accepted: 0 });
  await pass(30_000);
  assert.deepEqual(socket.sent, [[], []]);
  assert.equal(roots.state, "live");
  await pass(30_000);
  assert.equal(socket.readyState, 3);
  assert.equal(roots.state, "retrying");
  await pass(500);
  assert.equal(sockets[1].url, `ws://push.test/comet/${token(0)}`);
});

test("one that closes is opened again with the newest token, and the old one is heard no more", async () => {
  const roots = await live();
  await sockets[0].say(said(0, 2));
  sockets[0].close();
  await pass(500);
  await sockets[1].say(said(2, 3));
  await sockets[0].say(said(0, 2));
  assert.deepEqual(roots.heard, [1, 2, 3]);
  assert.equal(sockets[1].url, `ws://push.test/comet/${token(2)}`);
});

test("where Upgrade is refused, an event stream is opened at once", async () => {
  const roots = world.client({ WebSocket: Socket, transports: ["websocket", "sse"] });
  roots.on("a");
  sockets[0].close();
  await settle();
  assert.equal(world.next("comet/").headers.get("Accept"), "text/event-stream");
});

test("where a page may open none, an event stream is opened at once", async () => {
  const forbidden = class { constructor() { throw new DOMException("not here", "SecurityError"); } };
  const roots = world.client({ WebSocket: forbidden, transports: ["websocket", "sse"] });
  roots.on("a");
  await settle();
  assert.equal(world.next("comet/").headers.get("Accept"), "text/event-stream");
});
