// The browser has no network for a while.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pause } from "../lib/awaited.js";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture, transports } from "../lib/fixture.js";

const { serve, tabs } = fixture();
const paths = ["busy", "calm"];

/** Resolves to an application and two tabs that have loaded. */
async function online(transport, ...flags) {
  const { application } = await serve(...flags);
  const all = await tabs(2, application, { options: { transports: [transport], retry: 400 }, patterns: paths });
  for (const tab of all) for (const path of paths) await tab.loaded(path);
  await application.numbers.next("busy");
  for (const tab of all) await tab.shows("busy", 1);
  return { application, all };
}

/** Does something while there is no network. */
async function offline(application, all, during) {
  const context = all[0].page.context();
  await application.offline();
  await context.setOffline(true);
  for (const tab of all) await tab.retrying();
  await during();
  await application.online();
  await context.setOffline(false);
  for (const tab of all) await tab.live();
}

for (const transport of transports) {
  test(`a short spell over ${transport}: nothing is lost, and nothing loaded again`, needsBrowser, async () => {
    const { application, all } = await online(transport);
    await offline(application, all, () => application.numbers.burst("busy", 20));
    for (const tab of all) {
      await tab.shows("busy", 21);
      for (const path of paths) assert.deepEqual(await tab.again(path), []);
    }
    await allRight(...all);
  });

  test(`longer than updates are kept, over ${transport}: what was missed is loaded again, and only that`, needsBrowser, async () => {
    const { application, all } = await online(transport, "--push-queue-age", "500ms", "--push-expire", "20s");
    await offline(application, all, async () => {
      await application.numbers.burst("busy", 20);
      await pause(900);
    });
    for (const tab of all) {
      await tab.shows("busy", 21);
      assert.deepEqual(await tab.again("busy"), ["age"]);
      assert.deepEqual(await tab.again("calm"), []);
    }
    await application.numbers.next("calm");
    for (const tab of all) await tab.shows("calm", 1);
    await allRight(...all);
  });

  test(`longer than a session lives, over ${transport}: everything is loaded again`, needsBrowser, async () => {
    const { application, all } = await online(transport, "--push-expire", "1s", "--push-queue-age", "500ms");
    await offline(application, all, async () => {
      await application.numbers.burst("busy", 20);
      await pause(1600);
    });
    for (const tab of all) {
      for (const path of paths) await tab.loaded(path, 2);
      await tab.shows("busy", 21);
    }
    await application.numbers.next("calm");
    for (const tab of all) await tab.shows("calm", 1);
    await allRight(...all);
  });
}
