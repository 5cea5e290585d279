import assert from "node:assert/strict";
import test, { beforeEach } from "node:test";

import { Handler } from "../src/handler.js";
import { blank, pass, settle } from "./world.js";

let said, reports;
const report = (error) => reports.push(error?.message);

beforeEach(() => {
  [said, reports] = [[], []];
});

function handler(reload, hold = 1000) {
  const render = (message, update) => said.push(`${update.path}=${message}`);
  return new Handler({ hold, retry: 4000, report }, "a/*", render, reload);
}
const update = (message, path = "a/b") => ({ path, message });

/** A reload that ends when the test says so. */
function slowly() {
  const reload = (update) => {
    said.push(`load ${update.path}${update.gap ? ` (${update.gap})` : ""}`);
    return new Promise((resolve, reject) => Object.assign(reload, { done: resolve, fail: () => reject(new Error("no")) }));
  };
  return reload;
}

test("a blank message is for reload alone, and what comes before the first is in what that loads", async () => {
  const it = handler((update) => said.push(`load ${update.path}`));
  [update(1), blank("a/b"), update(2)].forEach((u) => it.take(u));
  await settle();
  assert.deepEqual(said, ["load a/b", "a/b=2"]);
});

test("without a reload all that is not blank is rendered", () => {
  const it = handler();
  [update(1), blank("a/b"), update(2)].forEach((u) => it.take(u));
  assert.deepEqual(said, ["a/b=1", "a/b=2"]);
});

test("updates wait while a reload loads, or what it shows would overwrite them", async () => {
  const reload = slowly(), it = handler(reload);
  [blank("a/b"), update(1), update(2)].forEach((u) => it.take(u));
  await settle();
  assert.deepEqual(said, ["load a/b"]);
  reload.done();
  await settle();
  it.take(update(3));
  assert.deepEqual(said, ["load a/b", "a/b=1", "a/b=2", "a/b=3"]);
});

test("a blank message during a reload loads once more, in its place", async () => {
  const reload = slowly(), it = handler(reload);
  [blank("a/b"), update(1), blank("a/b"), blank("a/b"), update(2)].forEach((u) => it.take(u));
  reload.done();
  await settle();
  assert.deepEqual(said, ["load a/b", "a/b=1", "load a/b"]);
  reload.done();
  await settle();
  assert.deepEqual(said.slice(3), ["a/b=2"]);
});

test("a reload that fails is repeated, less and less often, and updates go on waiting", async () => {
  const reload = slowly(), it = handler(reload);
  [blank("a/b"), update(1)].forEach((u) => it.take(u));
  for (const wait of [500, 1000, 2000, 4000, 4000]) {
    reload.fail();
    await pass(wait - 1);
    assert.equal(said.at(-1), "load a/b");
    const before = said.length;
    await pass(1);
    assert.equal(said.length, before + 1, `after ${wait} ms it is tried again`);
  }
  assert.equal(reports.length, 5);
  reload.done();
  await settle();
  assert.equal(said.at(-1), "a/b=1");
});

test("where more waits than may, it goes, and all is loaded once more", async () => {
  const reload = slowly(), it = handler(reload, 3);
  it.take(blank("a/b"));
  for (let i = 0; i < 9; i++) it.take(update(i));
  reload.done();
  await settle();
  assert.deepEqual(said, ["load a/b", "load a/* (reload)"], "the fourth that waits is one too many, twice");
  reload.done();
  await settle();
  assert.deepEqual(said.slice(2), ["a/b=7", "a/b=8"]);
});

test("what handlers throw is reported, and stops nothing", async () => {
  const thrown = [new Error("reload"), undefined];
  const it = new Handler({ hold: 9, retry: 1, report }, "a", async () => { throw new Error("render"); }, () => {
    if (thrown.length) throw thrown.shift();
  });
  [blank("a"), update(1, "a"), update(2, "a")].forEach((u) => it.take(u));
  await settle();
  assert.deepEqual(reports, ["reload"], "what waits goes on waiting");
  await pass(1);
  assert.deepEqual(reports, ["reload", undefined]);
  await pass(1);
  assert.deepEqual(reports, ["reload", undefined, "render", "render"]);
});

test("one that is undone is told of nothing more, whatever waits", async () => {
  const reload = slowly(), it = handler(reload);
  [blank("a/b"), update(1)].forEach((u) => it.take(u));
  it.on = false;
  reload.done();
  await settle();
  it.take(update(2));
  assert.deepEqual(said, ["load a/b"]);
});
