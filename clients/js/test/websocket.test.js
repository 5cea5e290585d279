import assert from "node:assert/strict";
import test from "node:test";

import { answer, pass, settle, token, world } from "./world.js";

/** What rootsd says when the updates between two cursors came. */
const said = (from, to) => answer(to, Array.from({ length: to - from }, (_, i) => ({ path: "a", message: from + i + 1 })));

async function live(options) {
  const roots = world.client({ WebSocket: world.WebSocket, transports: ["websocket", "sse"], connect: async () => {}, ...options });
  roots.heard = [];
  roots.on("a", (message) => roots.heard.push(message));
  await world.sockets[0].say(said(0, 0));
  return roots;
}

test("it opens at the same address, and what comes is heard", async () => {
  const roots = await live();
  assert.equal(world.sockets[0].url, "ws://push.test/comet/");
  assert.equal(roots.transport, "websocket");
  await world.sockets[0].say(said(0, 3));
  assert.deepEqual(roots.heard, [1, 2, 3]);
});

test("what came is confirmed a second later, or after 32 updates when more come", async () => {
  await live();
  const [socket] = world.sockets;
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
  assert.equal(socket.sent.length, 1);
  await socket.say(said(35, 36));
  assert.deepEqual(socket.sent, [token(3), token(35)]);
  await pass(2000);
  assert.deepEqual(socket.sent, [token(3), token(35), token(36)]);
  await pass(2000);
  assert.equal(socket.sent.length, 3, "there is nothing new to confirm");
});

test("a quiet socket is asked for a sign of life, and one that gives none is given up", async () => {
  const roots = await live({ silence: 60_000 });
  const [socket] = world.sockets;
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
  assert.equal(world.sockets[1].url, `ws://push.test/comet/${token(0)}`);
});

test("one that closes is opened again with the newest token, and the old one is heard no more", async () => {
  const roots = await live();
  await world.sockets[0].say(said(0, 2));
  world.sockets[0].close();
  await pass(500);
  await world.sockets[1].say(said(2, 3));
  await world.sockets[0].say(said(0, 2));
  assert.deepEqual(roots.heard, [1, 2, 3]);
  assert.equal(world.sockets[1].url, `ws://push.test/comet/${token(2)}`);
});

test("one that is told that its token is stale opens a session", async () => {
  await live();
  const [socket] = world.sockets;
  await socket.say(said(0, 2));
  socket.close(4409, "stale");
  await pass(500);
  assert.equal(world.sockets[1].url, "ws://push.test/comet/");
});

test("one that was superseded comes back with its token", async () => {
  await live();
  const [socket] = world.sockets;
  await socket.say(said(0, 2));
  socket.close(4409, "superseded");
  await pass(500);
  assert.equal(world.sockets[1].url, `ws://push.test/comet/${token(2)}`);
});

test("where Upgrade is refused, an event stream is opened at once", async () => {
  const roots = world.client({ WebSocket: world.WebSocket, transports: ["websocket", "sse"] });
  roots.on("a");
  world.sockets[0].close();
  await settle();
  assert.equal(world.next("comet/").headers.get("Accept"), "text/event-stream");
});

test("where a page may open none, an event stream is opened at once", async () => {
  const forbidden = class {
    constructor() {
      throw new DOMException("not here", "SecurityError");
    }
  };
  const roots = world.client({ WebSocket: forbidden, transports: ["websocket", "sse"] });
  roots.on("a");
  await settle();
  assert.equal(world.next("comet/").headers.get("Accept"), "text/event-stream");
});

test("one that fails because it is closed before it is open, as Node's does, is closed once", async () => {
  const opened = [], failing = class {
    constructor() {
      opened.push(this);
    }

    close() {
      this.onerror?.({});
    }
  };
  const roots = world.client({ WebSocket: failing, transports: ["websocket"] });
  roots.on("a");
  opened[0].onerror({});
  await settle();
  assert.equal(roots.state, "retrying");
  await pass(500);
  assert.equal(opened.length, 2);
});
