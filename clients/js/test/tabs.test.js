import assert from "node:assert/strict";
import test, { afterEach, beforeEach } from "node:test";

import { openBrowser } from "./browser.js";
import { answer, blank, id, pass, said, settle, token, world } from "./world.js";

let browser;

beforeEach(() => {
  browser = openBrowser();
});
afterEach(() => browser.end());

/** Two tabs, of which the first leads, that hear "a" and are connected to it. */
async function twoTabs() {
  const leader = await world.tab(["a"]), follower = await world.tab(["a"]);
  await world.open();
  await world.connect(["a"]);
  return [leader, follower];
}

test("two tabs have one connection and one connect between them", async () => {
  const [leader, follower] = await twoTabs();
  world.next(token(1)).answer(said(2, 1));
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
  const third = await world.tab(["a", "b"]);
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
  world.next(token(1)).answer(said(2, 1));
  await settle();
  leader.close();
  await pass(100);
  assert.throws(() => world.next("/leave"), "the session is still of use");
  world.next(token(2)).answer(said(3, 2));
  await pass(2000);
  assert.deepEqual(follower.heard, ["a", 1, 2], "nothing is loaded anew");
  assert.throws(() => world.next("connect"), "nothing is asked for anew");
  follower.close();
  world.next("/leave");
});

test("a tab that came when all was connected can lead as well", async () => {
  const [leader, follower] = await twoTabs(), third = await world.tab(["a"]);
  leader.close();
  follower.close();
  await pass(100);
  world.next(token(1)).answer(said(2, 1));
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
  const third = await world.tab(["b"]);
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
  world.next(token(1)).answer(said(2, 1));
  await settle();
  browser.lost = () => false;
  world.next(token(2)).answer(said(3, 2));
  await settle();
  world.next(token(3)).answer(said(4, 3));
  await settle();
  assert.deepEqual(leader.heard, ["a", 1, 2, 3]);
  assert.deepEqual(follower.heard, ["a", "a tab", 3]);
});

test("when the next to lead knows less than the others, they load afresh rather than see something twice", async () => {
  const [leader, follower] = await twoTabs();
  const third = await world.tab(["a"]);
  browser.lost = (data, to) => data.updates && to === [...browser.channels][1];
  world.next(token(1)).answer(said(2, 1));
  await settle();
  browser.lost = () => false;
  leader.close();
  await pass(100);
  world.next(token(1)).answer(said(3, 1, 2));
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
  assert.equal(world.waiting.length, 1, "one try, though both have kept the time");
  follower.reconnect();
  await settle();
  world.next(token(1)).answer(said(2, 1));
  await settle();
  assert.equal(follower.state, "live");
});

test("the next to lead connects what the application had not yet connected for a new session", async () => {
  const [leader, follower] = await twoTabs();
  world.next(token(1)).answer(answer(0, [], 2));
  await settle();
  world.next("connect/" + id(2)); // which is not answered
  leader.close();
  await pass(100);
  assert.equal(follower.id, id(2));
  assert.deepEqual(world.next("connect/" + id(2)).body, ["a"]);
});

test("the next to lead says that it tries again, not that all begins", async () => {
  const [leader, follower] = await twoTabs();
  follower.log.length = 0;
  leader.close();
  await pass(100);
  assert.deepEqual(follower.log, ["retrying"]);
  await pass(1000);
  assert.deepEqual(follower.log, ["retrying", "live"]);
});

test("a path that was refused is asked for again when another tab wants it", async () => {
  await twoTabs();
  const one = await world.tab(["secret"]);
  world.next("/connect").answer("no", { status: 403 });
  await settle();
  await world.tab(["a"]);
  one.on("a");
  await settle();
  assert.throws(() => world.next("/connect"), "nobody wants it that did not before");
  await world.tab(["secret"]);
  assert.deepEqual(world.next("/connect").body, ["secret"]);
});

test("a tab that missed how a new session began loads all it shows", async () => {
  const [, follower] = await twoTabs();
  browser.lost = (data) => data.updates;
  world.next(token(1)).answer(answer(0, [], 2));
  await settle();
  world.next("connect/" + id(2)).answer("{}");
  world.next(token(0, 2)).answer(answer(1, [blank("a")], 2));
  await settle();
  browser.lost = () => false;
  assert.deepEqual(follower.heard, ["a"]);
  world.next(token(1, 2)).answer(answer(2, [{ path: "a", message: 7 }], 2));
  await settle();
  assert.deepEqual(follower.heard, ["a", 7, "a"]);
});

test("a tab that closes in a listener stays closed", async () => {
  await twoTabs();
  const third = world.client();
  third.addEventListener("session", () => third.close());
  third.on("a");
  await settle();
  assert.equal(third.state, "closed");
  assert.deepEqual(third.log, [id(), "closed"]);
});
