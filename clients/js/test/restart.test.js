import assert from "node:assert/strict";
import test, { mock } from "node:test";

import { openBrowser } from "./browser.js";
import { answer, id, pass, problem, said, settle, token, world } from "./world.js";

/** What rootsd answers to the token of a session that is no more, when it has many of them: a session, and when it is
 * this client's turn to be connected. */
const lost = (pace, n = 2) => ({ ...answer(0, [], n), pace });

const nobodyAsks = () => assert.throws(() => world.next("/connect"), /nobody asks/);

/** A client that was connected to "a", and has lost its session in a crash. */
async function crashed(pace, options) {
  const roots = await world.connected(["a"], options);
  world.next(token(1)).answer(lost(pace));
  await settle();
  return roots;
}

test("the application is asked when it is this client's turn, for what is wanted by then", async () => {
  const roots = await crashed(3000);
  assert.equal(roots.id, id(2));
  assert.equal(roots.state, "live");
  roots.on("b");
  await settle();
  await pass(2999);
  nobodyAsks();
  await pass(1);
  await world.connect(["a", "b"], 2);
  assert.deepEqual(roots.heard, ["a", "a"]);
});

test("what is added after its turn is asked for at once", async () => {
  const roots = await crashed(3000);
  await pass(3000);
  await world.connect(["a"], 2);
  roots.on("b");
  await settle();
  assert.deepEqual(world.next("/connect").body, ["b"]);
});

test("an answer with nothing in it does not begin its turn", async () => {
  await crashed(3000);
  world.next(token(0, 2)).answer(answer(1, [], 2));
  await pass(2999);
  nobodyAsks();
  await pass(1);
  assert.deepEqual(world.next("/connect").body, ["a"]);
});

test("a session that is no news does not wait", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).answer({ ...answer(2), pace: 3000 });
  roots.on("b");
  await settle();
  assert.deepEqual(world.next("/connect").body, ["b"]);
});

test("a session that is lost before its turn has the turn of the next one", async () => {
  for (const pace of [undefined, 5000]) {
    const roots = await crashed(3000);
    await pass(1000);
    world.next(token(0, 2)).answer(lost(pace, 3));
    await settle();
    if (pace) {
      await pass(pace - 1);
      nobodyAsks();
      await pass(1);
    }
    assert.deepEqual(world.next("connect/" + id(3)).body, ["a"]);
    roots.close();
    world.asked = [];
  }
});

test("its turn does not wait for a request of the session before that is never answered", async () => {
  const roots = await world.connected(["a"]);
  roots.on("b");
  await settle();
  const ask = world.next("/connect"); // the application has one daemon to ask, and that is gone
  world.next(token(1)).answer(lost(3000));
  await pass(3000);
  assert.deepEqual(world.next("connect/" + id(2)).body, ["a", "b"]);
  ask.answer("{}");
  await settle();
  nobodyAsks();
});

test("a new connection before its turn changes nothing", async () => {
  const roots = await crashed(3000);
  roots.reconnect();
  await pass(2999);
  nobodyAsks();
  await pass(1);
  world.next("/connect");
});

test("close before its turn: nothing is asked", async () => {
  const roots = await crashed(3000);
  const cleared = mock.method(globalThis, "clearTimeout");
  roots.close();
  assert.ok(cleared.mock.callCount());
  world.next("/leave");
  await pass(3000);
  assert.ok(world.quiet());
});

test("an event stream says when it is its turn", async () => {
  const roots = world.client({ transports: ["sse"] });
  roots.on("a");
  for (const [n, pace] of [[1, undefined], [2, 3000]]) {
    const stream = world.next("comet/", /GET/).stream();
    stream.say(`retry: 1500\nevent: session\nid: ${token(0, n)}\ndata: ${JSON.stringify({ id: id(n), pace })}\n\n`);
    await settle();
    if (pace) {
      await pass(pace - 1);
      nobodyAsks();
      await pass(1);
    }
    assert.deepEqual(world.next("connect/" + id(n)).body, ["a"]);
    stream.end();
    await pass(500);
  }
});

test("a WebSocket says when it is its turn", async () => {
  const roots = world.client({ WebSocket: world.WebSocket, transports: ["websocket"] });
  roots.on("a");
  await world.sockets[0].say(answer(0));
  world.next("connect/" + id());
  world.sockets[0].close(1006);
  await pass(500);
  await world.sockets[1].say(lost(3000));
  await pass(2999);
  nobodyAsks();
  await pass(1);
  assert.deepEqual(world.next("connect/" + id(2)).body, ["a"]);
});

test("a poll of a daemon that stops says when to come back, to the millisecond", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).answer({ ...said(2, 1), retry: 700 });
  await settle();
  assert.deepEqual(roots.heard, ["a", 1]);
  assert.equal(roots.state, "retrying");
  await pass(699);
  assert.ok(world.quiet());
  await pass(1);
  world.next(token(2)).answer(said(3, 2));
  await settle();
  assert.deepEqual(roots.heard, ["a", 1, 2]);
  assert.deepEqual(roots.log, ["live", id(), "retrying", "live"], "and nothing is reported");
  world.next(token(3));
});

test("close before a poll comes back: there is none", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).answer({ ...answer(2), retry: 700 });
  await settle();
  roots.close();
  world.next("/leave");
  await pass(700);
  assert.ok(world.quiet());
});

test("an event stream of a daemon that stops says when to come back; at its beginning that is for browsers", async () => {
  const roots = await world.tab(["a"], { transports: ["sse"], connect: async () => {} });
  for (const [end, wait] of [["", 500], ["retry: 700\n\n", 700], ["event: ended\nretry: 3600000\ndata: {}\n\n", 500]]) {
    const stream = world.next("comet/").stream();
    stream.say(`retry: 1500\nevent: session\nid: ${token(0)}\ndata: {"id":"${id()}"}\n\n${end}`);
    await settle();
    stream.end();
    await settle();
    assert.equal(roots.state, "retrying");
    await pass(wait - 1);
    assert.ok(world.quiet());
    await pass(1);
  }
  world.next("comet/");
});

test("a WebSocket that is closed because the daemon stops is told when to come back", async () => {
  const roots = world.client({ WebSocket: world.WebSocket, transports: ["websocket"] });
  roots.on("a");
  for (const [n, [reason, wait]] of [["310", 310], ["going away", 500], ["", 500]].entries()) {
    await world.sockets[n].say(answer(0));
    world.sockets[n].close(1001, reason);
    await settle();
    assert.equal(roots.state, "retrying");
    await pass(wait - 1);
    assert.equal(world.sockets.length, n + 1);
    await pass(1);
  }
  assert.equal(world.sockets.length, 4);
  world.next("connect/" + id());
});

test("the application's Retry-After is obeyed, with jitter after it", async () => {
  await world.tab(["a"]);
  await world.open();
  for (const jitter of [500, 1000]) {
    world.next("/connect").answer(...problem(429, "slowly", { "Retry-After": "7" }));
    await pass(7000 + jitter - 1);
    nobodyAsks();
    await pass(1);
  }
  assert.deepEqual(world.next("/connect").body, ["a"]);
});

test("ten thousand that were cut off at once do not come back at once", async () => {
  mock.restoreAll(); // chance as it is
  const waits = [];
  mock.method(globalThis, "setTimeout", (_, wait) => void waits.push(wait));
  const { backoff } = await import("../src/backoff.js");
  for (const [tries, bound] of [[0, 500], [3, 4000], [9, 15_000]]) {
    const tenths = Array(10).fill(0);
    for (let n = 0; n < 10_000; n++) tenths[Math.floor(10 * backoff(tries, 15_000) / bound)]++;
    for (const each of tenths) assert.ok(each > 800 && each < 1200, `${tenths} in the tenths of ${bound} ms`);
  }
  assert.deepEqual(waits, []);
});

test("when the tab that leads goes before its turn, the next one waits for some part of that time", async () => {
  const browser = openBrowser();
  try {
    const leader = await world.tab(["a"]), follower = await world.tab(["a"]);
    await world.open();
    await world.connect(["a"]);
    world.next(token(1)).answer(lost(3000));
    await pass(1000);
    mock.method(Math, "random", () => 0.5);
    leader.close();
    await pass(100);
    await pass(1499);
    nobodyAsks();
    await pass(1);
    await world.connect(["a"], 2);
    assert.deepEqual(follower.heard, ["a", "a"]);
    const third = await world.tab(["b"]);
    world.next("/connect").fail();
    follower.close();
    await pass(100);
    assert.deepEqual(world.next("/connect").body, ["b"], "its turn was then");
    assert.equal(third.id, id(2));
  } finally {
    browser.end();
  }
});
