// Which transport is used, where not all of them work.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture } from "../lib/fixture.js";
import { Tab } from "../lib/tab.js";

const { serve, profile } = fixture();
const patience = 700; // milliseconds until a transport is given up

const cases = [
  { name: "by default a WebSocket", faults: {}, tried: ["websocket"] },
  { name: "Upgrade refused: server-sent events", faults: { upgrade: "refuse" }, tried: ["websocket", "sse"] },
  { name: "Upgrade stripped: server-sent events", faults: { upgrade: "strip" }, tried: ["websocket", "sse"] },
  { name: "buffered, Upgrade passed: a WebSocket", faults: { buffering: true }, tried: ["websocket"] },
  { name: "buffered, Upgrade refused: long-poll", faults: { buffering: true, upgrade: "refuse" }, tried: ["websocket", "sse", "long-poll"] },
  { name: "a list of one", list: ["sse"], faults: {}, tried: ["sse"] },
  { name: "a list in another order", list: ["long-poll", "websocket"], faults: {}, tried: ["long-poll"] },
  { name: "a list whose first does not work", list: ["websocket", "long-poll"], faults: { upgrade: "refuse" }, tried: ["websocket", "long-poll"] },
];

for (const { name, list, faults, tried } of cases) {
  test(`${name}; and the same at once on the next load`, needsBrowser, async () => {
    const { application } = await serve();
    Object.assign(application.proxy, faults);
    const start = { options: { patience, retry: 500, ...(list && { transports: list }) }, patterns: ["news"] };
    const context = await profile();
    await used(application, await Tab.open(context, application, start), tried);
    await context.pages()[0].close();
    application.proxy.requests.length = 0;
    await used(application, await Tab.open(context, application, start), tried.slice(-1));
  });
}

test("what is remembered and works no more is left for another", needsBrowser, async () => {
  const { application } = await serve();
  const start = { options: { patience, retry: 300 }, patterns: ["news"] };
  const context = await profile();
  await used(application, await Tab.open(context, application, start), ["websocket"]);
  await context.pages()[0].close();
  application.proxy.upgrade = "refuse";
  const tab = await Tab.open(context, application, start);
  await tab.loaded("news");
  assert.equal(await tab.transport(), "sse");
  await allRight(tab);
});

/** Checks that updates arrive by the last of these transports, and that just these were tried. */
async function used(application, tab, tried) {
  await tab.live();
  await tab.loaded("news");
  await application.numbers.next("news");
  await tab.shows("news", application.numbers.now("news"));
  assert.equal(await tab.transport(), tried.at(-1));
  const kinds = application.proxy.kinds.filter((kind, n, all) => kind !== all[n - 1]);
  assert.deepEqual(kinds, tried);
  await allRight(tab);
}
