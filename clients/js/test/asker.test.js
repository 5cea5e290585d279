import assert from "node:assert/strict";
import test from "node:test";

import { answer, blank, id, pass, settle, token, world } from "./world.js";

/** A client that listens to patterns and has a session; nothing is connected yet. */
async function listening(patterns, options) {
  const roots = await world.tab(patterns, options);
  await world.open();
  return roots;
}

/** One that is connected to "a", and was refused "secret". */
async function refused(options) {
  const roots = await world.connected(["a"], options);
  roots.offs.push(roots.on("secret"));
  await settle();
  world.next("/connect").answer("no", { status: 403 });
  await settle();
  return roots;
}

const nobodyAsks = () => assert.throws(() => world.next("/connect"), /nobody asks/);

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

test("what is said of a path while its request waits to be repeated does not stand for it", async () => {
  const roots = await world.connected(["o/*"]);
  roots.on("o/42");
  await settle();
  world.next("/connect").answer("oops", { status: 500 });
  await settle();
  world.next(token(1)).answer(answer(2, [blank("o/42", "overflow")]));
  await settle();
  await pass(500);
  assert.deepEqual(world.next("/connect").body, ["o/42"]);
});

test("an ID that rootsd does not know may be one that it just gave up, so it is asked again", async () => {
  await listening(["a"]);
  world.next("/connect").answer({ status: 404, reason: "unknown_id" }, { status: 404 });
  await pass(500);
  assert.deepEqual(world.next("/connect").body, ["a"]);
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
  assert.deepEqual(roots.log.slice(2), ["not yours"]);
  await pass(60_000 - 1);
  nobodyAsks();
});

test("a refusal may say anything of itself, or nothing", async () => {
  for (const body of ["null", "", "<html>", "[]"]) {
    const roots = await listening(["a"]);
    world.next("/connect").answer(body, { status: 403 });
    await pass(60_000);
    nobodyAsks();
    assert.equal(roots.log[2], `http://app.test/connect/${id()} answers 403`);
    roots.close();
    world.asked = [];
  }
});

test("a request that is redirected is refused, and the page is told where to", async () => {
  const roots = await listening(["a"]);
  world.next("/connect").redirect("http://app.test/login");
  await settle();
  assert.deepEqual(roots.log.slice(2), ["redirected to http://app.test/login"]);
  await pass(60_000);
  nobodyAsks();
});

test("a path that was refused is not asked for because another is added", async () => {
  const roots = await refused();
  roots.on("b");
  await settle();
  assert.deepEqual(world.next("/connect").body, ["b"]);
});

test("a path that was refused is asked for again when the page gave it up and wants it again", async () => {
  for (const wait of [0, 5000]) {
    const roots = await refused({ disconnect: undefined });
    roots.offs.at(-1)();
    await pass(wait);
    nobodyAsks();
    roots.on("secret");
    await settle();
    assert.deepEqual(world.next("/connect").body, ["secret"]);
    roots.close();
    world.asked = [];
  }
});

test("a new session is asked everything again, also what was refused", async () => {
  const roots = await refused();
  world.next(token(1)).answer(answer(0, [], 2));
  await settle();
  await world.connect(["a", "secret"], 2);
  assert.deepEqual(roots.heard, ["a", "a"]);
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
  const roots = await world.connected(["a", "b"]);
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

test("a disconnect that cannot be asked for is reported, and what is added later is connected", async () => {
  let fails = false;
  const headers = () => {
    if (fails) throw new Error("no header");
    return {};
  };
  const roots = await world.connected(["a"], { headers });
  fails = true;
  roots.offs[0]();
  await pass(1000);
  assert.equal(roots.log.at(-1), "no header");
  fails = false;
  roots.on("b");
  await settle();
  assert.deepEqual(world.next("/connect").body, ["b"]);
});

test("a second handler of a path loads its view without asking", async () => {
  const roots = await world.connected(["a"]);
  let loads = 0;
  roots.on("a", undefined, () => void loads++);
  await settle();
  assert.equal(loads, 1);
  nobodyAsks();
});

test("a lease that lapsed is renewed", async () => {
  await world.connected(["a"]);
  world.next(token(1)).answer(answer(2, [{ path: "::+::disconnect", message: "a" }]));
  await settle();
  assert.deepEqual(world.next("connect").body, ["a"]);
});

test("where it is not known which paths were disconnected, all are asked for", async () => {
  await world.connected(["a", "b"]);
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

test("who connects at rootsd itself disconnects there as well", async () => {
  const disconnect = () => assert.fail("the application is not asked");
  const roots = await world.connected(["public/a"], { connect: undefined, disconnect });
  roots.offs[0]();
  await pass(1000);
  assert.deepEqual(world.next(token(0) + "/disconnect").body, ["public/a"]);
});

test("functions are given the ID and the paths", async () => {
  const asked = [];
  await listening(["a"], { connect: async (...all) => void asked.push(all), disconnect: undefined });
  assert.deepEqual(asked, [[id(), ["a"]]]);
});

test("a function that resolves to a refusal has been refused, and one that resolves to a failure is called again", async () => {
  for (const [status, calls] of [[200, 1], [403, 1], [503, 2]]) {
    let called = 0;
    const connect = async () => {
      called++;
      return new Response(JSON.stringify({ detail: `it is ${status}` }), { status });
    };
    const roots = await listening(["a"], { connect });
    await pass(500);
    assert.equal(called, calls, `for ${status}`);
    assert.equal(roots.log.includes(`it is ${status}`), status !== 200);
    roots.close();
    world.asked = [];
  }
});

test("a function may reject with anything: it is called again, unless that says that it was refused", async () => {
  const refusal = Object.freeze(Object.assign(new Error("no"), { status: 403 }));
  for (const [error, calls] of [[undefined, 2], ["later", 2], [refusal, 1]]) {
    let called = 0;
    const connect = () => {
      called++;
      return Promise.reject(error);
    };
    const roots = await listening(["a"], { connect });
    await pass(500);
    assert.equal(called, calls, `for ${error}`);
    assert.equal(roots.log[2], error?.message);
    roots.close();
    world.asked = [];
  }
});
