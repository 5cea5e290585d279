import assert from "node:assert/strict";
import test from "node:test";

import { problem, settle, token, unhandled, world } from "./world.js";

test("publishes go one after the other, and wait for a session", async () => {
  const roots = world.client();
  const first = roots.publish("/chat/", "a"), second = roots.publish("chat", "b");
  await settle();
  await world.open();
  const post = world.next(token(0), /POST/);
  assert.deepEqual(post.body, [{ path: "chat", message: "a" }]);
  assert.throws(() => world.next("", /POST/), "the second waits for the first");
  post.answer(...problem(403, "not_permitted"));
  await assert.rejects(first, { status: 403, reason: "not_permitted", message: "it is not_permitted" });
  await settle();
  world.next(token(0), /POST/).fail();
  await assert.rejects(second, { message: "fetch failed" });
});

test("what is no path is rejected", async () => {
  const roots = world.client();
  await assert.rejects(roots.publish("chat/*", 1), { name: "RangeError", reason: "wildcard" });
  await assert.rejects(roots.publish(42, 1), TypeError);
});

test("one that waits for a session at close is rejected, and so is one after it", async () => {
  const roots = world.client();
  const waiting = roots.publish("a", 1);
  await settle();
  roots.close();
  await assert.rejects(waiting, /closed/);
  await assert.rejects(roots.publish("a", 2), /closed/);
});

/** A publish that rootsd does not take. */
async function refused() {
  const roots = await world.connected(["a"]);
  const sent = roots.publish("chat", 1);
  await settle();
  world.next(token(1), /POST/).answer(...problem(403, "not_permitted"));
  return { sent };
}

test("one that fails and that nobody looks after shows as an unhandled rejection", async () => {
  await refused();
  const errors = await unhandled();
  assert.deepEqual(errors.map(({ reason }) => reason), ["not_permitted"]);
});

test("one that fails and that somebody looks after does not", async () => {
  const { sent } = await refused();
  const reasons = [];
  sent.catch(({ reason }) => reasons.push(reason));
  assert.deepEqual(await unhandled(), []);
  assert.deepEqual(reasons, ["not_permitted"]);
});
