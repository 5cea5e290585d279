// What real networks and proxies do to connections: nothing is lost, repeated or in another order, in any tab.

import assert from "node:assert/strict";
import { test } from "node:test";
import { pause } from "../lib/awaited.js";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture, transports } from "../lib/fixture.js";

const { serve, tabs } = fixture();
const room = ["--push-resume", "20000", "--push-queue-messages", "20000", "--push-queue-bytes", "8MiB"];
const options = { retry: 400, patience: 1000, silence: 2500 };

/** Resolves to an application whose proxy has these faults, and two tabs that have loaded. */
async function behind(faults, given = {}, flags = []) {
  const { application } = await serve(...room, ...flags);
  Object.assign(application.proxy, faults);
  const all = await tabs(2, application, { options: { ...options, ...given }, patterns: ["ticks", "calm"] });
  for (const tab of all) for (const path of ["ticks", "calm"]) await tab.loaded(path);
  return { application, all };
}

/** Checks that both tabs were told of every number, and loaded no view again. */
async function complete(application, all) {
  const last = application.numbers.now("ticks");
  for (const tab of all) {
    await tab.shows("ticks", last);
    const log = await tab.log("ticks");
    assert.deepEqual(log.filter(({ kind }) => kind === "render").map(({ message }) => message), Array.from({ length: last }, (_, n) => n + 1));
    for (const path of ["ticks", "calm"]) assert.deepEqual(await tab.again(path), [], path);
  }
  await allRight(...all);
}

for (const [name, faults] of Object.entries({
  "a proxy that buffers answers": { buffering: true, upgrade: "refuse" },
  "a proxy that refuses Upgrade": { upgrade: "refuse" },
  "a proxy that takes Upgrade away": { upgrade: "strip" },
})) {
  test(name, needsBrowser, async () => {
    const { application, all } = await behind(faults);
    const done = application.numbers.stream("ticks", 5);
    await all[0].until("updates", () => recorder.views.ticks.shown.ticks > 100);
    await done();
    await complete(application, all);
  });
}

for (const transport of transports) {
  test(`connections that are closed after 1 s of silence, ${transport}`, needsBrowser, async () => {
    const { application, all } = await behind({ idle: 1000 }, { transports: [transport], silence: 30_000 });
    for (let n = 1; n <= 3; n++) {
      await pause(2000 + 300 * n);
      await application.numbers.next("ticks");
    }
    await complete(application, all);
  });

  test(`connections that are reset in the middle of a fast stream, ${transport}`, needsBrowser, async () => {
    const { application, all } = await behind({}, { transports: [transport] });
    const done = application.numbers.stream("ticks", 2);
    for (let times = 0; times < 8; times++) {
      const shown = application.numbers.now("ticks");
      application.proxy.drop();
      for (const tab of all) await tab.until("more", (n) => recorder.views.ticks.shown.ticks > n + 10, shown);
    }
    await done();
    await complete(application, all);
  });

  test(`a black hole for a while, ${transport}`, needsBrowser, async () => {
    const { application, all } = await behind({}, { transports: [transport] }, ["--push-hold", "1s"]);
    const done = application.numbers.stream("ticks", 20);
    await all[0].until("updates", () => recorder.views.ticks.shown.ticks > 10);
    application.proxy.hole = true;
    for (const tab of all) await tab.retrying();
    application.proxy.hole = false;
    for (const tab of all) await tab.live();
    await done();
    await complete(application, all);
  });
}
