import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";

import { blank, closeAll, fairWeather, id, pass, settle, token, World, worstLuck } from "./world.js";

let world;

beforeEach(() => {
  world = new World();
  worstLuck();
});
afterEach(() => {
  closeAll();
  fairWeather();
});

const answer = (cursor, updates = [], n) => ({ updates, reconnectWith: token(cursor, n) });
const problem = (status, reason, headers) => [JSON.stringify({ status, reason, detail: `it is ${reason}` }), { status, headers }];

/** A client of long-polls that hears "a" and is connected. */
async function connected(options) {
  const roots = world.client(options);
  roots.heard = [];
  roots.on("a", (message) => roots.heard.push(message), (update) => void roots.heard.push(update.gap ?? "load"));
  world.next("comet/").answer(answer(0));
  await settle();
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(1, [blank("a")]));
  await settle();
  return roots;
}

test("the first poll has no token, the next has that of the answer", async () => {
  const roots = world.client();
  assert.equal(roots.state, "connecting");
  roots.on("a");
  assert.equal(world.next().url, "http://push.test/comet/", "the address is given the slash that it lacks");
});

test("what comes is heard in order, and every poll brings the newest token", async () => {
  const roots = await connected();
  world.next(token(1)).answer(answer(3, [{ path: "a", message: 1 }, { path: "a", message: 2 }, { path: "b", message: 9 }]));
  await settle();
  world.next(token(3)).answer(answer(4, [{ path: "a", message: null }]));
  await settle();
  assert.deepEqual(roots.heard, ["load", 1, 2, null]);
  assert.deepEqual(roots.log, ["live", id()]);
  assert.equal(roots.transport, "long-poll");
});

test("a poll that fails is repeated with the same token, later each time", async () => {
  const roots = await connected({ retry: 3000 });
  for (const wait of [500, 500, 1000, 2000, 3000, 3000]) {
    world.next(token(1)).fail();
    await settle();
    assert.equal(roots.state, "retrying");
    await pass(wait - 1);
    assert.ok(world.quiet(), `nothing before ${wait} ms`);
    await pass(1);
  }
  world.next(token(1)).answer(answer(2, [{ path: "a", message: "at last" }]));
  await settle();
  assert.equal(roots.state, "live");
  assert.deepEqual(roots.heard, ["load", "at last"]);
  world.next(token(2)).fail();
  await pass(500);
  world.next(token(2)); // the waits begin anew
});

test("an answer that is no answer of rootsd is a failure like any other", async () => {
  await connected();
  world.next(token(1)).answer("<html>Bad Gateway</html>", { status: 502 });
  await pass(500);
  world.next(token(1)).answer("<html>Welcome to the hotel</html>");
  await pass(1000);
  world.next(token(1));
});

test("a stale token is given up for a new session, and all is asked for again", async () => {
  const roots = await connected();
  world.next(token(1)).answer(...problem(409, "stale"));
  await pass(500);
  world.next("comet/").answer(answer(0, [], 2));
  await settle();
  assert.deepEqual(world.next("connect/" + id(2)).body, ["a"]);
  assert.equal(roots.id, id(2));
});

test("Retry-After is obeyed, and the reason said", async () => {
  const roots = await connected();
  world.next(token(1)).answer(...problem(503, "draining", { "Retry-After": "7" }));
  await pass(6999);
  assert.ok(world.quiet());
  await pass(1);
  world.next(token(1));
  assert.ok(roots.log.includes("it is draining"));
});

test("a poll that nothing is heard of is given up", async () => {
  await connected({ silence: 30_000 });
  const poll = world.next(token(1));
  await pass(30_000);
  assert.ok(poll.signal.aborted);
  await pass(500);
  world.next(token(1)).answer(answer(2));
});

test("reconnect drops the poll and resumes at once", async () => {
  const roots = await connected();
  const poll = world.next(token(1));
  roots.reconnect();
  assert.ok(poll.signal.aborted);
  world.next(token(1)).answer(answer(2, [{ path: "a", message: 1 }]));
  poll.answer(answer(2, [{ path: "a", message: 1 }])); // too late
  await settle();
  assert.deepEqual(roots.heard, ["load", 1]);
});

test("close ends the session, and nothing is asked any more", async () => {
  const roots = await connected();
  const poll = world.next(token(1));
  roots.close();
  assert.ok(poll.signal.aborted);
  const leave = world.next("/leave");
  assert.equal(leave.url, `http://push.test/comet/${token(1)}/leave`);
  assert.ok(leave.keepalive, "it has to outlive the page");
  await pass(100_000);
  assert.ok(world.quiet());
  assert.equal(roots.log.at(-1), "closed");
  assert.throws(() => roots.on("a"), /closed/);
});

test("the next transport is tried at once where one does not work, and kept", async () => {
  const roots = world.client({ transports: ["sse", "long-poll"] });
  roots.on("a");
  world.next().fail();
  await settle();
  assert.equal(world.next().headers.get("Accept"), "application/json");
  assert.equal(roots.state, "connecting");
});

test("a stream that says nothing is given up for the next transport", async () => {
  const roots = world.client({ transports: ["sse", "long-poll"], patience: 5000 });
  roots.on("a");
  const stream = world.next();
  stream.stream(); // the header came, and then a proxy that keeps all else to itself
  await pass(5000);
  assert.ok(stream.signal.aborted);
  world.next().answer(answer(0));
  await settle();
  assert.equal(roots.transport, "long-poll");
});

test("one that worked is tried three times more before another is", async () => {
  const roots = world.client({ transports: ["sse", "long-poll"] });
  roots.on("a");
  const stream = world.next().stream();
  stream.say(`retry: 1500\nevent: session\nid: ${token(0)}\ndata: {"id":"${id()}"}\n\n`);
  await settle();
  assert.equal(roots.state, "live");
  stream.end();
  await pass(500);
  for (const wait of [500, 1000, 2000]) {
    const again = world.next("comet/roots");
    assert.equal(again.headers.get("Accept"), "text/event-stream");
    again.fail();
    await pass(wait);
  }
  world.next("comet/roots").fail();
  await settle();
  assert.equal(world.next("comet/roots").headers.get("Accept"), "application/json");
});

test("a stream is read however it is cut into pieces", async () => {
  const roots = world.client({ transports: ["sse"], connect: async () => {} });
  const heard = [];
  roots.on("*", (message, update) => heard.push(update));
  const stream = world.next().stream();
  const updates = [{ path: "ä", message: "line\u2028separator" }, { path: "b", message: { "data: x": "a: b" } }, { path: "c", message: "" + "x".repeat(300) }];
  const text = `retry: 1500\nevent: session\nid: ${token(0)}\ndata: {"id":"${id()}"}\n\n:\n\n` +
    updates.map((update, i) => `id: ${token(i + 1)}\ndata: ${JSON.stringify(update)}\n\n`).join("");
  for (let at = 0, n = 1; at < text.length; at += n, n = n * 3 % 11) stream.say(text.slice(at, at + n));
  for (let i = 0; i < 40; i++) await settle();
  assert.deepEqual(heard, updates);
  roots.reconnect();
  world.next(token(3));
});

test("publishes go one after the other, and wait for a session", async () => {
  const roots = world.client();
  const first = roots.publish("/chat/", "a"), second = roots.publish("chat", "b"), wrong = roots.publish("chat/*", "c");
  await settle();
  world.next("comet/").answer(answer(0));
  await settle();
  const post = world.next(token(0), /POST/);
  assert.deepEqual(post.body, [{ path: "chat", message: "a" }]);
  assert.throws(() => world.next("", /POST/), "the second waits for the first");
  post.answer(...problem(403, "not_permitted"));
  await assert.rejects(first, { status: 403, reason: "not_permitted", message: "it is not_permitted" });
  await settle();
  world.next(token(0), /POST/).fail();
  await assert.rejects(second, { status: 0 });
  await assert.rejects(wrong, { name: "RangeError", reason: "wildcard" });
});

test("bad options are told at once", () => {
  for (const [options, text] of [
    [{ transports: ["pigeon"] }, /transports are websocket,sse,long-poll, not "pigeon"/],
    [{ transports: [] }, /transports are .*, not ""/],
    [{ connect: "/server/connect" }, /has no \{id\}/],
    [{ disconnect: "/server/disconnect" }, /has no \{id\}/],
  ]) {
    assert.throws(() => world.client(options), text);
  }
  world.client({ transports: undefined, hold: undefined, retry: undefined });
});
