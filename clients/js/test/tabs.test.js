import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";

import { openBrowser } from "./browser.js";
import { blank, closeAll, fairWeather, id, pass, settle, token, World, worstLuck } from "./world.js";

let world, browser;

beforeEach(() => {
  world = new World();
  worstLuck();
  browser = openBrowser();
});
afterEach(() => {
  closeAll();
  browser.end();
  fairWeather();
});

const answer = (cursor, updates = [], n) => ({ updates, reconnectWith: token(cursor, n) });

/** Opens a tab that hears patterns. */
async function tab(patterns, options) {
  const roots = world.client(options);
  roots.heard = [];
  roots.offs = patterns.map((pattern) => roots.on(pattern,
    (message) => roots.heard.push(message),
    ({ path, gap }) => void roots.heard.push(gap ? `${path} ${gap}` : path)));
  await settle();
  return roots;
}

/** Two tabs, of which the first leads, that hear "a" and are connected to it. */
async function twoTabs() {
  const leader = await tab(["a"]), follower = await tab(["a"]);
  world.next("comet/").answer(answer(0));
  await settle();
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(1, [blank("a")]));
  await settle();
  return [leader, follower];
}

const said = (n, cursor) => answer(cursor, [{ path: "a", message: n }]);

test("two tabs have one connection and one connect between them", async () => {
  const [leader, follower] = await twoTabs();
  world.next(token(1)).answer(said(1, 2));
  await settle();
  for (const roots of [leader, follower]) {
    assert.deepEqual(roots.heard, ["a", 1]);
    assert.equal(roots.state, "live");
    assert.equal(roots.id, id());
    assert.equal(roots.transport, "long-poll");
  }
  assert.equal(world.asked.length, 1, "one poll, and nothing else");
});

test("a tab that comes later loads what is connected already, and the others do not", async () => {
  const [leader, follower] = await twoTabs();
  const third = await tab(["a", "b"]);
  assert.deepEqual(third.heard, ["a"]);
  assert.deepEqual(leader.heard.concat(follower.heard), ["a", "a"]);
  assert.deepEqual(world.next("connect").body, ["b"]);
  assert.equal(third.id, id());
});

test("a path is disconnected when the last tab has no use for it", async () => {
  const [leader, follower] = await twoTabs();
  leader.offs[0]();
  await pass(1000);
  assert.throws(() => world.next("disconnect"));
  follower.offs[0]();
  await settle();
  await pass(1000);
  assert.deepEqual(world.next("disconnect").body, ["a"]);
});

test("when the tab that leads is closed, another goes on where it stopped", async () => {
  const [leader, follower] = await twoTabs();
  world.next(token(1)).answer(said(1, 2));
  await settle();
  leader.close();
  await pass(100);
  assert.throws(() => world.next("/leave"), "the session is still of use");
  world.next(token(2)).answer(said(2, 3));
  await pass(2000);
  assert.deepEqual(follower.heard, ["a", 1, 2], "nothing is loaded anew");
  assert.throws(() => world.next("connect"), "nothing is asked for anew");
  follower.close();
  world.next("/leave");
});

test("a tab that came when all was connected can lead as well", async () => {
  const [leader, follower] = await twoTabs(), third = await tab(["a"]);
  leader.close();
  follower.close();
  await pass(100);
  world.next(token(1)).answer(said(1, 2));
  await pass(2000);
  assert.deepEqual(third.heard, ["a", 1]);
  assert.throws(() => world.next("connect"), "nothing is asked for anew");
});

test("a tab that asks twice before it is answered loads once", async () => {
  await twoTabs();
  const third = world.client(), heard = [];
  third.on("a", undefined, () => void heard.push("a"));
  for (let i = 0; i < 3; i++) {
    await Promise.resolve();
    third.on("b/" + i);
  }
  await settle();
  assert.deepEqual(heard, ["a"]);
});

test("a tab that is gone without a word wants nothing any more", async () => {
  const [, follower] = await twoTabs();
  follower.close();
  await settle();
  const third = await tab(["b"]);
  await pass(1000);
  world.next("connect").answer("{}");
  await settle();
  third.close();
  await pass(1000);
  assert.deepEqual(world.next("disconnect").body, ["b"]);
});

test("a tab that missed what the others heard loads all it shows", async () => {
  const [leader, follower] = await twoTabs();
  browser.lost = (data, to) => data.updates && to === [...browser.channels].at(-1);
  world.next(token(1)).answer(said(1, 2));
  await settle();
  browser.lost = () => false;
  world.next(token(2)).answer(said(2, 3));
  await settle();
  world.next(token(3)).answer(said(3, 4));
  await settle();
  assert.deepEqual(leader.heard, ["a", 1, 2, 3]);
  assert.deepEqual(follower.heard, ["a", "a tab", 3]);
});

test("when the next to lead knows less than the others, they load afresh rather than see something twice", async () => {
  const [leader, follower] = await twoTabs();
  const third = await tab(["a"]);
  browser.lost = (data, to) => data.updates && to === [...browser.channels][1];
  world.next(token(1)).answer(said(1, 2));
  await settle();
  browser.lost = () => false;
  leader.close();
  await pass(100);
  world.next(token(1)).answer(answer(3, [{ path: "a", message: 1 }, { path: "a", message: 2 }]));
  await settle();
  assert.deepEqual(follower.heard, ["a", 1, 2]);
  assert.deepEqual(third.heard, ["a", 1, "a tab"]);
});

test("all tabs see what state the connection is in, and one that is seen keeps the time", async () => {
  const [leader, follower] = await twoTabs();
  world.next(token(1)).fail();
  await settle();
  assert.equal(leader.state, "retrying");
  assert.equal(follower.state, "retrying");
  await pass(500);
  world.next(token(1)).fail();
  await settle();
  await pass(500);
  assert.equal(world.asked.filter(({ signal }) => !signal.aborted).length, 1, "one try, though both have kept the time");
  follower.reconnect();
  await settle();
  world.next(token(1)).answer(said(1, 2));
  await settle();
  assert.equal(follower.state, "live");
});

test("a hidden page that shares nothing lets go of its poll, and comes back", async () => {
  const roots = await tab(["a"], { share: false, hidden: 10_000 });
  world.next("comet/").answer(answer(0));
  await settle();
  world.next("connect").answer("{}");
  const poll = world.next(token(0));
  browser.document.hidden = true;
  browser.document.dispatchEvent(new Event("visibilitychange"));
  await pass(9_999);
  assert.ok(!poll.signal.aborted);
  await pass(1);
  assert.ok(poll.signal.aborted);
  assert.equal(roots.state, "retrying");
  await pass(600_000);
  assert.ok(world.quiet());
  browser.document.hidden = false;
  browser.document.dispatchEvent(new Event("visibilitychange"));
  world.next(token(0));
});

test("offline is told at once, and online tried at once", async () => {
  const [leader] = await twoTabs();
  const poll = world.next(token(1));
  globalThis.dispatchEvent(new Event("offline"));
  await settle();
  assert.ok(poll.signal.aborted);
  assert.equal(leader.state, "retrying");
  globalThis.dispatchEvent(new Event("online"));
  await settle();
  world.next(token(1)).answer(said(1, 2));
  await settle();
  assert.equal(leader.state, "live");
});

test("a page that goes leaves, and one that comes back from the cache begins anew", async () => {
  const roots = await tab(["a"]);
  world.next("comet/").answer(answer(0));
  await settle();
  world.next("connect").answer("{}");
  world.next(token(0)).answer(answer(1, [blank("a")]));
  await settle();
  globalThis.dispatchEvent(new Event("pagehide"));
  await settle();
  world.next("/leave");
  assert.ok(world.quiet());
  globalThis.dispatchEvent(Object.assign(new Event("pageshow"), { persisted: true }));
  await settle();
  world.next("comet/").answer(answer(0, [], 2));
  await settle();
  assert.deepEqual(world.next("connect/" + id(2)).body, ["a"]);
  world.next(token(0, 2)).answer(answer(1, [blank("a")], 2));
  await settle();
  assert.deepEqual(roots.heard, ["a", "a"]);
});

test("where locks are forbidden, a page is on its own", async () => {
  browser.locks.forbidden = true;
  await tab(["a"]);
  world.next("comet/");
});

test("the application's proof goes to its own origin, and to nobody else", async () => {
  browser.document.cookie = "a=b; csrftoken=django; c=d";
  browser.meta = { content: "rails" };
  for (const [connect, django, rails] of [["/c/{id}", "django", "rails"], ["http://other.test/c/{id}", null, null]]) {
    await tab(["a"], { connect, share: connect });
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

test("what works is remembered for a day", async () => {
  const transports = ["sse", "long-poll"];
  await tab(["a"], { transports });
  world.next().fail();
  await settle();
  world.next().answer(answer(0));
  await settle();
  closeAll();
  world.asked = [];
  await tab(["a"], { transports });
  assert.equal(world.next("comet/", /GET/).headers.get("Accept"), "application/json");
  closeAll();
  world.asked = [];
  const [[key, text]] = Object.entries(localStorage);
  localStorage[key] = text.replace(/\d+/, (at) => at - 86_400_000);
  await tab(["a"], { transports });
  assert.equal(world.next("comet/", /GET/).headers.get("Accept"), "text/event-stream");
});
