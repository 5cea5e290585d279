// The daemon goes away under the page, and comes back.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture } from "../lib/fixture.js";

const { serve, tabs } = fixture();
const paths = ["orders/1", "orders/2", "chat"];

for (const end of ["kill", "stop"]) {
  test(`a ${end} of the daemon, five times under a stream of updates`, needsBrowser, async () => {
    const { daemon, application } = await serve();
    const all = await tabs(2, application, { options: { retry: 500 }, patterns: paths });
    for (const tab of all) for (const path of paths) await tab.loaded(path);
    const done = application.numbers.stream("orders/1", 10);
    for (let times = 1; times <= 5; times++) {
      const id = await all[0].page.evaluate(() => roots.id);
      await daemon[end]();
      for (const tab of all) await tab.retrying();
      application.asked.length = 0;
      await daemon.start();
      for (const tab of all) {
        await tab.until("another ID", (before) => roots.id !== before, id);
        for (const path of paths) await tab.loaded(path, times + 1);
      }
      assert.deepEqual(batches(application), [[...paths].sort()], "asked again for all in one batch");
    }
    const last = await done();
    await application.numbers.next("chat");
    for (const tab of all) {
      await tab.shows("orders/1", last);
      await tab.shows("chat", 1);
      assert.deepEqual(await tab.again("chat"), ["", "", "", "", ""], "loaded once for each new session");
      const states = await tab.page.evaluate(() => recorder.states);
      assert.match(states.join(" "), /^connecting live( retrying live){5}$/);
    }
    await allRight(...all);
  });
}

/** The paths of each connect that was granted. */
function batches(application) {
  const granted = application.asked.filter(({ verb, status }) => verb === "connect" && status === 200);
  return granted.map((each) => each.paths.toSorted());
}
