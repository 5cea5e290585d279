// Tabs of one browser share one connection, and none is told less because of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../lib/awaited.js";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture, transports } from "../lib/fixture.js";
import { Tab } from "../lib/tab.js";

const { serve, profile, tabs } = fixture();
const room = ["--push-resume", "10000", "--push-queue-messages", "10000"];
const shared = { options: { disconnect: "/server/disconnect/{id}", retry: 500 }, patterns: ["ticks"] };

for (const count of [2, 8]) {
  test(`${count} tabs share one session and one connection`, needsBrowser, async () => {
    const { daemon, application } = await serve();
    const all = await tabs(count, application, shared);
    for (const tab of all) await tab.loaded("ticks");
    assert.equal(await daemon.metric("rootsd_sessions_opened_total"), 1);
    assert.equal(application.proxy.open, 1);
    assert.equal(new Set(await Promise.all(all.map((tab) => tab.page.evaluate(() => roots.id)))).size, 1, "one ID");
    await application.numbers.next("ticks");
    for (const tab of all) await tab.shows("ticks", 1);
    await allRight(...all);
  });
}

/** How a tab that carries the connection may go. */
const ways = {
  "is closed": (tab) => tab.page.close(),
  "closes its Roots": (tab) => tab.page.evaluate(() => roots.close()),
  "goes to another page": (tab) => tab.page.goto("about:blank"),
  "crashes": (tab) => crash(tab),
};

for (const [way, leave] of Object.entries(ways)) {
  for (const transport of way === "is closed" ? transports : ["websocket"]) {
    test(`the leader ${way} in the middle of a stream over ${transport}`, needsBrowser, async () => {
      const { daemon, application } = await serve(...room);
      const start = { ...shared, options: { ...shared.options, transports: [transport] } };
      let all = await tabs(4, application, start);
      for (const tab of all) await tab.loaded("ticks");
      const done = application.numbers.stream("ticks", 3);
      for (let goes = 0; goes < 2; goes++) {
        const leader = Tab.leader(all);
        await leader.until("the stream", (n) => recorder.views.ticks.shown.ticks > n, application.numbers.now("ticks") + 20);
        await leave(leader);
        all = all.filter((tab) => tab !== leader);
        for (const tab of all) await tab.until("the stream", (n) => recorder.views.ticks.shown.ticks > n, application.numbers.now("ticks"));
      }
      const last = await done();
      for (const tab of all) await tab.shows("ticks", last);
      await allRight(...all);
      for (const tab of all) assert.deepEqual(await tab.again("ticks"), [], "nothing was missed");
      assert.equal(await daemon.metric("rootsd_sessions_opened_total"), 1, "the session went on");
    });
  }
}

test("a tab that listens to what is connected already has its reload", needsBrowser, async () => {
  const { application } = await serve();
  const [first] = await tabs(1, application, shared);
  await first.loaded("ticks");
  await application.numbers.next("ticks");
  await first.shows("ticks", 1);
  const [second] = await tabs(1, application, shared, first.page.context());
  await second.loaded("ticks");
  await second.shows("ticks", 1);
  await application.numbers.next("ticks");
  for (const tab of [first, second]) await tab.shows("ticks", 2);
  for (const tab of [first, second]) assert.deepEqual(await tab.again("ticks"), []);
  await allRight(first, second);
});

test("the last handler of one tab goes, and the other tab's stays", needsBrowser, async () => {
  const { application } = await serve();
  const [first, second] = await tabs(2, application, shared);
  await first.page.evaluate(() => recorder.listen("alone"));
  await first.loaded("alone");
  await second.loaded("ticks");
  await first.page.evaluate(() => {
    for (const view of Object.values(recorder.views)) view.off();
  });
  await until("a disconnect", () => application.asked.some(({ verb }) => verb === "disconnect"));
  const left = application.asked.filter(({ verb }) => verb === "disconnect").flatMap(({ paths }) => paths);
  assert.deepEqual(left, ["alone"]);
  await application.numbers.next("ticks");
  await second.shows("ticks", 1);
  assert.deepEqual((await first.log("ticks")).filter(({ kind }) => kind === "render"), [], "the first has no handler");
  await allRight(first, second);
});

test("a page that was left and comes back goes on, with what it missed", needsBrowser, async () => {
  const { application } = await serve();
  const all = await tabs(2, application, shared);
  for (const tab of all) await tab.loaded("ticks");
  const left = Tab.leader(all);
  await left.page.evaluate(() => addEventListener("pageshow", ({ persisted }) => (window.persisted = persisted)));
  await left.page.goto(`${application.url}/page/page.js`);
  await application.numbers.next("ticks");
  for (const tab of all) if (tab !== left) await tab.shows("ticks", 1);
  await left.page.goBack({ waitUntil: "commit" });
  await left.until("the page as it was left", () => window.persisted);
  await left.shows("ticks", 1);
  await application.numbers.next("ticks");
  for (const tab of all) await tab.shows("ticks", 2);
  await allRight(...all);
});

test("the session ends with the last tab that closes its Roots", needsBrowser, async () => {
  const { daemon, application } = await serve();
  const all = await tabs(2, application, shared);
  for (const tab of all) await tab.loaded("ticks");
  await all[0].page.evaluate(() => roots.close());
  await application.numbers.next("ticks");
  await all[1].shows("ticks", 1);
  assert.equal(await daemon.metric("rootsd_sessions"), 1);
  await all[1].page.evaluate(() => roots.close());
  await until("no session", async () => (await daemon.metric("rootsd_sessions")) === 0);
  await allRight(...all);
});

test("tabs of different users do not share", needsBrowser, async () => {
  const { daemon, application } = await serve();
  const context = await profile();
  const all = [];
  for (const share of ["ada", "grace"]) {
    all.push(...(await tabs(2, application, { ...shared, options: { share } }, context)));
  }
  for (const tab of all) await tab.loaded("ticks");
  assert.equal(await daemon.metric("rootsd_sessions_opened_total"), 2);
  await allRight(...all);
});

test("without Web Locks eight tabs on long-polls do not hang the browser", needsBrowser, async () => {
  const { application } = await serve();
  const context = await profile();
  await context.addInitScript(() => Object.defineProperty(navigator, "locks", { value: undefined }));
  const start = { options: { transports: ["long-poll"], hidden: 300, retry: 500 }, patterns: ["ticks"] };
  const all = [];
  for (let n = 0; n < 8; n++) {
    await all.at(-1)?.hide(true);
    all.push(...(await tabs(1, application, start, context)));
    await all[n].loaded("ticks");
    assert.equal(await all[n].page.evaluate(() => fetch("/").then((answer) => answer.status)), 200);
  }
  await until("hidden tabs to let go", () => application.proxy.open === 1);
  await application.numbers.next("ticks");
  await all[7].shows("ticks", 1);
  await all[0].hide(false);
  await all[0].shows("ticks", 1);
  await allRight(...all);
});

async function crash(tab) {
  const session = await tab.page.context().newCDPSession(tab.page);
  const crashed = tab.page.waitForEvent("crash");
  session.send("Page.crash").catch(() => {}); // it has no answer: what would give it is gone
  await crashed;
}
