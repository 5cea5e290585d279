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

/** A client that hears patterns and has a session; nothing is connected yet. */
async function listening(patterns, options) {
  const roots = world.client(options);
  roots.heard = [];
  roots.offs = patterns.map((pattern) => roots.on(pattern, undefined, ({ path, gap }) => void roots.heard.push(gap ? `${path} ${gap}` : path)));
  await settle();
  world.next("comet/").answer(answer(0));
  await settle();
  return roots;
}

test("all paths of a page are asked for at once, as JSON, with the application's headers", async () => {
  await listening(["a", "b/*"], { headers: { "X-Team": "blue" } });
  const ask = world.next("connect");
  assert.equal(ask.url, "http://app.test/connect/" + id());
  assert.deepEqual(ask.body, ["a", "b/*"]);
  assert.equal(ask.headers.get("Content-Type"), "application/json");
  assert.equal(ask.headers.get("X-Team"), "blue");
  assert.equal(world.next(token(0)).headers.get("X-Team"), null, "rootsd is not told");
});

test("what is added while a request is on its way goes with the next one", async () => {
  const roots = await listening(["a"]);
  roots.on("b");
  roots.on("c");
  await settle();
  const first = world.next("connect");
  assert.deepEqual(first.body, ["a"]);
  first.answer("{}");
  await settle();
  assert.deepEqual(world.next("connect").body, ["b", "c"]);
});

test("a request that fails is repeated, with what is wanted by then", async () => {
  const roots = await listening(["a"]);
  world.next("connect").answer("oops", { status: 500 });
  await settle();
  roots.on("b");
  await pass(500);
  const again = world.next("connect");
  assert.deepEqual(again.body, ["a", "b"]);
  again.fail();
  await pass(1000);
  assert.deepEqual(world.next("connect").body, ["a", "b"]);
});

test("a refusal is found out path by path, said once, and stops nobody else", async () => {
  const roots = await listening(["a", "secret", "c"]);
  world.next("connect").answer("no", { status: 403 });
  await settle();
  for (const [path, status] of [["a", 200], ["secret", 403], ["c", 200]]) {
    const ask = world.next("connect");
    assert.deepEqual(ask.body, [path]);
    ask.answer(JSON.stringify({ detail: "not yours" }), { status });
    await settle();
  }
  assert.deepEqual(roots.log.slice(2), ["roots: secret: not yours"]);
  await pass(60_000 - 1);
  assert.throws(() => world.next("connect"));
});

test("a new session is asked everything again, also what was refused", async () => {
  const roots = await listening(["a", "b"]);
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(2, [blank("a"), blank("b")]));
  await settle();
  world.next(token(2)).answer(answer(0, [], 2));
  await settle();
  const ask = world.next("connect/" + id(2));
  assert.deepEqual(ask.body, ["a", "b"]);
  ask.answer("{}");
  world.next(token(0, 2)).answer(answer(2, [blank("a"), blank("b")], 2));
  await settle();
  assert.deepEqual(roots.heard, ["a", "b", "a", "b"]);
});

test("a new session does not wait for the time that a failed request for the old one waits", async () => {
  await listening(["a"]);
  for (const wait of [500, 1000, 2000, 4000]) {
    world.next("connect").fail();
    await pass(wait);
  }
  world.next("connect").fail();
  await settle();
  world.next(token(0)).answer(answer(0, [], 2));
  await settle();
  world.next("connect/" + id(2));
});

test("what nobody listens to is disconnected a second later, unless somebody does again", async () => {
  const roots = await listening(["a", "b"]);
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(2, [blank("a"), blank("b")]));
  await settle();
  roots.offs.forEach((off) => off());
  roots.offs.forEach((off) => off());
  await settle();
  roots.on("b", undefined, () => void roots.heard.push("b again"));
  await settle();
  assert.equal(roots.heard.at(-1), "b again", "it is connected, so its view is loaded without asking");
  await pass(1000);
  const ask = world.next("disconnect");
  assert.deepEqual(ask.body, ["a"]);
  ask.answer("{}");
  await settle();
  roots.on("a");
  await settle();
  assert.deepEqual(world.next("/connect").body, ["a"]);
});

test("a second handler of a path loads its view without asking", async () => {
  const roots = await listening(["a"]);
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(1, [blank("a")]));
  await settle();
  let loads = 0;
  roots.on("a", undefined, () => void loads++);
  await settle();
  assert.equal(loads, 1);
  assert.throws(() => world.next("connect"));
});

test("a lease that lapsed is renewed", async () => {
  await listening(["a"]);
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(1, [blank("a")]));
  await settle();
  world.next(token(1)).answer(answer(2, [{ path: "::+::disconnect", message: "a" }]));
  await settle();
  assert.deepEqual(world.next("connect").body, ["a"]);
});

test("where it is not known which paths were disconnected, all are asked for", async () => {
  await listening(["a", "b"]);
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(2, [blank("a"), blank("b")]));
  await settle();
  world.next(token(2)).answer(answer(3, [blank("::+::disconnect", "overflow")]));
  await settle();
  assert.deepEqual(world.next("connect").body, ["a", "b"]);
});

test("open paths are asked of rootsd itself, with the right to do so", async () => {
  const roots = await listening(["public/a"], { connect: undefined, disconnect: undefined });
  const ask = world.next("/connect");
  assert.equal(ask.url, `http://push.test/comet/${token(0)}/connect`);
  ask.answer("{}");
  roots.offs[0]();
  await pass(1000);
  assert.equal(world.next("/disconnect").url, `http://push.test/comet/${token(0)}/disconnect`);
});

test("functions are given the ID and the paths", async () => {
  const asked = [];
  await listening(["a"], { connect: async (...all) => void asked.push(all), disconnect: undefined });
  assert.deepEqual(asked, [[id(), ["a"]]]);
});
