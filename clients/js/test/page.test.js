import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";

import { openBrowser } from "./browser.js";
import { answer, closeAll, id, pass, problem, said, settle, token, world } from "./world.js";

let browser;

beforeEach(() => {
  browser = openBrowser();
});
afterEach(() => browser.end());

/** The page hears of something. */
const happen = (type, detail) => globalThis.dispatchEvent(Object.assign(new Event(type), detail));

/** The page is shown, or hidden. */
function show(shown) {
  browser.document.hidden = !shown;
  browser.document.dispatchEvent(new Event("visibilitychange"));
}

test("a hidden page that shares nothing lets go of its poll, and comes back", async () => {
  const roots = await world.connected(["a"], { share: false, hidden: 10_000 });
  const poll = world.next(token(1));
  show(false);
  await pass(9_999);
  assert.ok(!poll.signal.aborted);
  await pass(1);
  assert.ok(poll.signal.aborted);
  assert.equal(roots.state, "retrying");
  await pass(600_000);
  assert.ok(world.quiet());
  show(true);
  world.next(token(1));
});

test("a hidden page that has found a WebSocket meanwhile keeps it", async () => {
  const options = { share: false, hidden: 10_000, WebSocket: world.WebSocket, transports: ["websocket"] };
  const roots = await world.tab(["a"], options), [socket] = world.sockets;
  show(false);
  await pass(1000);
  await socket.say(answer(0));
  assert.equal(roots.transport, "websocket");
  await pass(9000);
  assert.equal(socket.readyState, 1);
});

test("offline is told at once, and online tried at once", async () => {
  const roots = await world.connected(["a"]);
  const poll = world.next(token(1));
  happen("offline");
  await settle();
  assert.ok(poll.signal.aborted);
  assert.equal(roots.state, "retrying");
  happen("online");
  await settle();
  world.next(token(1)).answer(said(2, 1));
  await settle();
  assert.equal(roots.state, "live");
});

test("offline before the first answer is no error", async () => {
  const roots = await world.tab(["a"]);
  happen("offline");
  await settle();
  assert.deepEqual(roots.log, ["retrying"]);
});

test("offline while the next try waits puts it off, and leaves no other try behind", async () => {
  await world.connected(["a"]);
  world.next(token(1)).answer(...problem(503, "draining", { "Retry-After": "7" }));
  await settle();
  happen("offline");
  happen("online");
  await settle();
  const poll = world.next(token(1));
  await pass(7000);
  assert.ok(!poll.signal.aborted);
});

test("offline while the next try waits, then close: nothing is opened", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).fail();
  await settle();
  happen("offline");
  roots.close();
  world.next("/leave");
  await pass(60_000);
  assert.ok(world.quiet());
});

test("offline while the next try waits, then another tab leads: there is one connection", async () => {
  const leader = await world.tab(["a"]), follower = await world.tab(["a"]);
  await world.open();
  await world.connect(["a"]);
  world.next(token(1)).fail();
  await settle();
  happen("offline");
  leader.close();
  await pass(100);
  await pass(2000);
  assert.deepEqual(world.waiting.map(({ url }) => url), ["http://push.test/comet/" + token(1)]);
  assert.equal(follower.state, "live");
});

test("online in three tabs is one try", async () => {
  for (let i = 0; i < 3; i++) await world.tab(["a"]);
  await world.open();
  await world.connect(["a"]);
  world.asked = [];
  happen("online");
  await settle();
  assert.equal(world.asked.length, 1);
});

test("a page that goes leaves, and one that comes back from the cache begins anew", async () => {
  const roots = await world.connected(["a"]);
  happen("pagehide");
  await settle();
  world.next("/leave");
  assert.ok(world.quiet());
  happen("pageshow", { persisted: true });
  await settle();
  assert.equal(roots.state, "connecting");
  await world.open(2);
  await world.connect(["a"], 2);
  assert.deepEqual(roots.heard, ["a", "a"]);
});

test("a page that comes back from the cache with a publish that waits goes on", async () => {
  const roots = world.client();
  let sent;
  roots.publish("chat", 1).then(() => sent = true);
  await settle();
  const poll = world.next("comet/");
  happen("pagehide");
  assert.ok(poll.signal.aborted);
  await settle();
  assert.ok(world.quiet(), "a page that is away asks nothing");
  happen("pageshow", { persisted: true });
  await settle();
  await world.open(2);
  const post = world.next(token(0, 2), /POST/);
  assert.deepEqual(post.body, [{ path: "chat", message: 1 }]);
  post.answer("{}");
  await settle();
  assert.ok(sent);
});

test("where locks are forbidden, each page is on its own", async () => {
  browser.locks.forbidden = true;
  const one = await world.tab(["a"]), two = await world.tab(["a"]);
  await world.open(1);
  await world.open(2);
  assert.deepEqual([one.id, two.id], [id(1), id(2)]);
  assert.deepEqual(one.log, ["live", id(1)]);
});

test("where channels are forbidden, a page is on its own", async () => {
  browser.forbidChannels();
  const roots = await world.connected(["a"]);
  assert.deepEqual(roots.heard, ["a"]);
});

test("the application's proof goes to its own origin, and to nobody else", async () => {
  browser.document.cookie = "a=b; csrftoken=django; c=d";
  browser.meta = { content: "rails" };
  for (const [connect, django, rails] of [["/c/{id}", "django", "rails"], ["http://other.test/c/{id}", null, null]]) {
    await world.tab(["a"], { connect, share: connect });
    const open = world.next("comet/");
    assert.equal(open.headers.get("X-CSRFToken"), null);
    open.answer(answer(0));
    await settle();
    const ask = world.next("/c/");
    assert.equal(ask.headers.get("X-CSRFToken"), django);
    assert.equal(ask.headers.get("X-CSRF-Token"), rails);
    closeAll();
    world.asked = [];
  }
});

test("what works is remembered for a day from when it was found out", async () => {
  const hour = 3_600_000, transports = ["sse", "long-poll"];
  const opened = async () => {
    closeAll();
    world.asked = [];
    await world.tab(["a"], { transports });
    return world.waiting[0].headers.get("Accept");
  };
  const age = (by) => {
    const [[key, text]] = Object.entries(localStorage);
    localStorage[key] = text.replace(/\d+$/, (at) => at - by);
  };
  assert.equal(await opened(), "text/event-stream");
  world.next().fail();
  await settle();
  await world.open();
  age(23 * hour);
  assert.equal(await opened(), "application/json");
  await world.open(); // which works, and makes it no younger
  age(hour);
  assert.equal(await opened(), "text/event-stream");
});
