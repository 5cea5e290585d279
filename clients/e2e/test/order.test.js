// Many updates as fast as they are taken: all of them, once, in order.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture, transports } from "../lib/fixture.js";

const { serve, tabs } = fixture();
const count = 5_000;
const room = ["--push-queue-messages", "20000", "--push-queue-bytes", "8MiB", "--push-resume", "20000"];

for (const transport of transports) {
  for (const open of [1, 2]) {
    test(`${count} updates over ${transport}, ${open} tab(s)`, needsBrowser, async () => {
      const { application } = await serve(...room);
      const all = await tabs(open, application, { options: { transports: [transport] }, patterns: ["ticks/1", "ticks/*"] });
      for (const tab of all) for (const pattern of ["ticks/1", "ticks/*"]) await tab.loaded(pattern);
      await application.numbers.burst("ticks/1", count);
      for (const tab of all) await complete(tab);
      await allRight(...all);
    });
  }
}

/** Checks that both views were told of every number, and never had to be loaded again. */
async function complete(tab) {
  for (const pattern of ["ticks/1", "ticks/*"]) {
    await tab.shows("ticks/1", count, pattern);
    const told = (await tab.log(pattern)).filter(({ kind }) => kind === "render").map(({ message }) => message);
    assert.deepEqual(told, Array.from({ length: count }, (_, n) => n + 1));
  }
}

test("more than a session may hold: what is missed is loaded", needsBrowser, async () => {
  const { application } = await serve("--push-queue-messages", "100", "--push-bundle", "300ms");
  const all = await tabs(2, application, { options: { transports: ["long-poll"] }, patterns: ["ticks/1", "calm"] });
  for (const tab of all) for (const path of ["ticks/1", "calm"]) await tab.loaded(path);
  await application.numbers.burst("ticks/1", count);
  for (const tab of all) {
    await tab.shows("ticks/1", count);
    const why = await tab.again("ticks/1");
    assert.ok(why.length > 0 && why.every((gap) => gap === "overflow" || gap === "reload"), `loaded again because of ${why}`);
    assert.deepEqual(await tab.again("calm"), [], "nothing was missed at the other path");
  }
  await allRight(...all);
});
