import assert from "node:assert/strict";
import test from "node:test";

import { answer, id, pass, problem, said, settle, token, world } from "./world.js";

test("the first poll has no token, the next has that of the answer", async () => {
  const roots = world.client();
  assert.equal(roots.state, "connecting");
  roots.on("a");
  assert.equal(world.next().url, "http://push.test/comet/", "the address is given the slash that it lacks");
});

test("what comes is heard in order, and every poll brings the newest token", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).answer(answer(3, [{ path: "a", message: 1 }, { path: "a", message: 2 }, { path: "b", message: 9 }]));
  await settle();
  world.next(token(3)).answer(said(4, null));
  await settle();
  assert.deepEqual(roots.heard, ["a", 1, 2, null]);
  assert.deepEqual(roots.log, ["live", id()]);
  assert.equal(roots.transport, "long-poll");
});

test("a poll that fails is repeated with the same token, later each time", async () => {
  const roots = await world.connected(["a"], { retry: 3000 });
  for (const wait of [500, 500, 1000, 2000, 3000, 3000]) {
    world.next(token(1)).fail();
    await settle();
    assert.equal(roots.state, "retrying");
    await pass(wait - 1);
    assert.ok(world.quiet(), `nothing before ${wait} ms`);
    await pass(1);
  }
  world.next(token(1)).answer(said(2, "at last"));
  await settle();
  assert.equal(roots.state, "live");
  assert.deepEqual(roots.heard, ["a", "at last"]);
  world.next(token(2)).fail();
  await pass(500);
  world.next(token(2)); // the waits begin anew
});

test("an answer that is no answer of rootsd is a failure like any other, and the token stays", async () => {
  await world.connected(["a"]);
  world.next(token(1)).answer("<html>Bad Gateway</html>", { status: 502 });
  await pass(500);
  for (const [body, wait] of [["<html>Welcome to the hotel</html>", 500], ["{}", 1000], ["null", 2000]]) {
    world.next(token(1)).answer(body);
    await pass(wait);
  }
  world.next(token(1));
});

test("a request that rejects with nothing is a failure like any other", async () => {
  await world.connected(["a"]);
  world.next(token(1)).fail(null);
  await pass(500);
  world.next(token(1));
});

test("a poll that fails late fails nevertheless, and the next one waits longer", async () => {
  await world.connected(["a"]);
  for (const wait of [500, 500, 1000, 2000, 4000]) {
    await pass(2000);
    world.next(token(1)).answer("Bad Gateway", { status: 502 });
    await pass(wait - 1);
    assert.ok(world.quiet(), `nothing before ${wait} ms`);
    await pass(1);
  }
});

test("a stale token is given up for a new session, and all is asked for again", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).answer(...problem(409, "stale"));
  await pass(500);
  world.next("comet/").answer(answer(0, [], 2));
  await settle();
  assert.deepEqual(world.next("connect/" + id(2)).body, ["a"]);
  assert.equal(roots.id, id(2));
});

test("one that was superseded comes back with its token: what took its place may have been given up", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).answer(...problem(409, "superseded"));
  await pass(500);
  world.next(token(1)).answer(answer(2, [{ path: "a", message: 1 }]));
  await settle();
  assert.equal(roots.id, id());
  world.next(token(2));
  assert.ok(world.quiet(), "nothing is asked for again");
  assert.deepEqual(roots.log.filter((entry) => entry instanceof Error), []);
});

test("Retry-After is obeyed, with jitter after it, and the reason said", async () => {
  const roots = await world.connected(["a"]);
  for (const jitter of [500, 500, 1000, 2000]) {
    world.next(token(1)).answer(...problem(503, "draining", { "Retry-After": "7" }));
    await pass(7000 + jitter - 1);
    assert.ok(world.quiet());
    await pass(1);
  }
  world.next(token(1));
  assert.ok(roots.log.includes("it is draining"));
});

test("a Retry-After that timers cannot keep is a wait of a day, not none", async () => {
  await world.connected(["a"]);
  world.next(token(1)).answer(...problem(503, "closed for a month", { "Retry-After": "2592000" }));
  await pass(86_400_000 - 1);
  assert.ok(world.quiet());
  await pass(1);
  world.next(token(1));
});

test("a poll that nothing is heard of is given up", async () => {
  await world.connected(["a"], { silence: 30_000 });
  const poll = world.next(token(1));
  await pass(30_000);
  assert.ok(poll.signal.aborted);
  await pass(500);
  world.next(token(1)).answer(answer(2));
});

test("reconnect drops the poll and resumes at once", async () => {
  const roots = await world.connected(["a"]);
  const poll = world.next(token(1));
  roots.reconnect();
  assert.ok(poll.signal.aborted);
  world.next(token(1)).answer(said(2, 1));
  poll.answer(said(2, 1)); // too late
  await settle();
  assert.deepEqual(roots.heard, ["a", 1]);
});

test("reconnect when it has just come live repeats nothing", async () => {
  const roots = await world.connected(["a"]);
  world.next(token(1)).fail();
  await settle();
  roots.addEventListener("state", ({ detail }) => detail === "live" && roots.reconnect(), { once: true });
  await pass(500);
  for (let i = 0; i < 2; i++) {
    world.next("comet/").answer(said(2, 1));
    await settle();
  }
  assert.deepEqual(roots.heard, ["a", 1]);
});

test("a handler that renders by subscribing anew is told of an update once", async () => {
  const roots = await world.connected(["a"]);
  let told = 0, off;
  const subscribe = () => {
    off = roots.on("a", () => {
      off();
      if (++told < 100) subscribe();
    });
  };
  subscribe();
  world.next(token(1)).answer(said(2, 1));
  await settle();
  assert.equal(told, 1);
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

test("that no transport works is said once", async () => {
  const roots = world.client({ transports: ["sse", "long-poll"] });
  roots.on("a");
  for (const wait of [500, 1000, 2000]) {
    world.next("comet/").fail(new Error("no stream"));
    await settle();
    world.next("comet/").fail(new Error("no poll"));
    await pass(wait);
  }
  world.next("comet/");
  assert.deepEqual(roots.log, ["no poll", "retrying"]);
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
  const updates = [
    { path: "ä", message: "line\u2028separator" },
    { path: "b", message: { "data: x": "a: b" } },
    { path: "c", message: "x".repeat(300) },
  ];
  const text = `retry: 1500\nevent: session\nid: ${token(0)}\ndata: {"id":"${id()}"}\n\n:\n\n` +
    updates.map((update, i) => `id: ${token(i + 1)}\ndata: ${JSON.stringify(update)}\n\n`).join("");
  for (let at = 0, n = 1; at < text.length; at += n, n = n * 3 % 11) stream.say(text.slice(at, at + n));
  for (let i = 0; i < 40; i++) await settle();
  assert.deepEqual(heard, updates);
  roots.reconnect();
  world.next(token(3));
});
