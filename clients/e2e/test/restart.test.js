// The daemon goes away under the page, and comes back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture } from "../lib/fixture.js";

const { serve, tabs } = fixture();
const paths = ["orders/1", "orders/2", "chat"];
const start = { options: { retry: 500 }, patterns: paths };

test("a crash of the daemon, five times under a stream of updates", needsBrowser, async () => {
  const { daemon, application } = await serve();
  const all = await tabs(2, application, start);
  for (const tab of all) for (const path of paths) await tab.loaded(path);
  const done = application.numbers.stream("orders/1", 10);
  for (let times = 1; times <= 5; times++) {
    const id = await all[0].page.evaluate(() => roots.id);
    await daemon.kill();
    for (const tab of all) await tab.retrying();
    application.asked.length = 0;
    await daemon.start();
    for (const tab of all) {
      await tab.until("another ID", (before) => roots.id !== before, id);
      for (const path of paths) await tab.loaded(path, times + 1);
    }
    assert.deepEqual(batches(application), [[...paths].sort()], "asked again for all in one batch");
  }
  await comesThrough(application, all, done);
  for (const tab of all) assert.deepEqual(await tab.again("chat"), ["", "", "", "", ""], "loaded once for each new session");
});

test("a restart of the daemon, five times under a stream of updates: pages keep their session", needsBrowser, async () => {
  const { daemon, application } = await serve();
  const all = await tabs(2, application, start);
  for (const tab of all) for (const path of paths) await tab.loaded(path);
  const id = await all[0].page.evaluate(() => roots.id);
  const done = application.numbers.stream("orders/1", 10, true);
  application.asked.length = 0;
  for (let times = 1; times <= 5; times++) {
    await daemon.stop();
    for (const tab of all) await tab.retrying();
    await daemon.start();
    for (const tab of all) await tab.live();
    await application.numbers.next("orders/2");
    for (const tab of all) await tab.shows("orders/2", times);
  }
  await comesThrough(application, all, done);
  for (const tab of all) {
    assert.equal(await tab.page.evaluate(() => roots.id), id);
    // Back-ends may have been refused while nobody listened, so that pages load afresh what they have.
    for (const path of paths) assert.deepEqual(await tab.again(path), Array(5).fill("restart"), path);
  }
  assert.deepEqual(batches(application), [], "nothing is asked for again");
});

/** Ends the stream, and sees that what follows is heard. */
async function comesThrough(application, all, done) {
  const last = await done();
  await application.numbers.next("chat");
  for (const tab of all) {
    await tab.shows("orders/1", last);
    await tab.shows("chat", 1);
    const states = await tab.page.evaluate(() => recorder.states);
    assert.match(states.join(" "), /^connecting live( retrying live){5}$/);
  }
  await allRight(...all);
}

/** The paths of each connect that was granted. */
function batches(application) {
  const granted = application.asked.filter(({ verb, status }) => verb === "connect" && status === 200);
  return granted.map((each) => each.paths.toSorted());
}
