import assert from "node:assert/strict";
import test, { mock } from "node:test";

import { answer, id, pass, said, settle, token, world } from "./world.js";

test("close ends the session, and nothing is asked any more", async () => {
  const roots = await world.connected(["a"]);
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

test("close during a reload: what waits for it is not rendered", async () => {
  const roots = await world.connected(["a"]), rendered = [];
  let done;
  roots.on("a", (message) => rendered.push(message), () => new Promise((then) => done = then));
  await settle();
  world.next(token(1)).answer(said(2, 1));
  await settle();
  roots.close();
  done();
  await settle();
  assert.deepEqual(rendered, []);
});

test("close while a reload that failed waits: it is not repeated", async () => {
  const roots = await world.connected(["a"]);
  let loads = 0;
  roots.on("a", undefined, async () => {
    loads++;
    throw new Error("401");
  });
  await settle();
  roots.close();
  await pass(60_000);
  assert.equal(loads, 1);
});

test("close in a listener that hears that a try has failed: there is no other", async () => {
  const roots = await world.connected(["a"]);
  roots.addEventListener("state", ({ detail }) => detail === "retrying" && roots.close());
  world.next(token(1)).fail();
  await settle();
  world.next("/leave");
  await pass(60_000);
  assert.ok(world.quiet());
  assert.equal(roots.state, "closed");
});

test("close in a listener that hears that it is live: there is no session after that", async () => {
  const roots = await world.tab(["a"]);
  roots.addEventListener("state", ({ detail }) => detail === "live" && roots.close());
  await world.open();
  assert.deepEqual(roots.log, ["live", "closed"]);
  assert.equal(roots.id, "");
});

test("close in a handler: what came with the update is not rendered", async () => {
  const roots = await world.tab(["a"], { transports: ["sse"], connect: async () => {} });
  const stream = world.next().stream();
  stream.say(`event: session\nid: ${token(0)}\ndata: {"id":"${id()}"}\n\n`);
  for (let i = 0; i < 20; i++) await settle();
  roots.on("b", () => roots.close());
  const updates = [{ path: "a", message: "" }, { path: "b", message: 1 }, { path: "a", message: 2 }];
  stream.say(updates.map((update, i) => `id: ${token(i + 1)}\ndata: ${JSON.stringify(update)}\n\n`).join(""));
  for (let i = 0; i < 20; i++) await settle();
  assert.deepEqual(roots.heard, ["a"]);
  assert.equal(roots.state, "closed");
  assert.equal(roots.id, "");
});

/** Returns the timers that were set and not cleared, if no time goes by. */
function timers() {
  const set = mock.method(globalThis, "setTimeout"), cleared = mock.method(globalThis, "clearTimeout");
  return () => {
    const done = new Set(cleared.mock.calls.map((call) => call.arguments[0]));
    return set.mock.calls.filter((call) => !done.has(call.result)).map((call) => call.arguments[1]);
  };
}

test("close leaves no timer of a poll, of a connect that failed or of a disconnect to come", async () => {
  const left = timers();
  const roots = await world.tab(["a"]);
  await world.open();
  world.next("/connect").answer("oops", { status: 500 });
  await settle();
  assert.equal(left().length, 2);
  roots.close();
  assert.deepEqual(left(), []);
  const other = await world.connected(["a"]);
  other.offs[0]();
  await settle();
  assert.equal(left().length, 2);
  other.close();
  assert.deepEqual(left(), []);
});

test("close leaves no timer of a try to come", async () => {
  const left = timers();
  const roots = await world.tab(["a"]);
  world.next().fail();
  await settle();
  assert.equal(left().length, 1);
  roots.close();
  assert.deepEqual(left(), []);
});
