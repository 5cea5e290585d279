// A page that is open for days: handlers come and go, connections break, and nothing piles up.

import assert from "node:assert/strict";
import { test } from "node:test";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture, transports } from "../lib/fixture.js";
import { Tab } from "../lib/tab.js";

const { serve, profile } = fixture();
const heap = 512 * 1024; // bytes by which it may differ from one count to the next
const start = { options: { disconnect: "/server/disconnect/{id}", retry: 300 }, patterns: ["ticks"] };

for (const transport of transports) {
  test(`handlers and connections that come and go, over ${transport}`, needsBrowser, async () => {
    const { application } = await serve();
    const context = await profile();
    await context.addInitScript(countTimers);
    const tab = await Tab.open(context, application, { ...start, options: { ...start.options, transports: [transport] } });
    await tab.loaded("ticks");
    await cycles(tab, 200);
    await reconnects(application, tab, 20);
    const before = await counted(tab);
    await cycles(tab, 1000);
    await reconnects(application, tab, 100);
    const after = await counted(tab);
    assert.ok(after.heap - before.heap < heap, `the heap went from ${before.heap} to ${after.heap} bytes`);
    assert.ok(after.listeners - before.listeners <= 5, `listeners went from ${before.listeners} to ${after.listeners}`);
    assert.ok(after.timers - before.timers <= 5, `timers went from ${before.timers} to ${after.timers}`);
    assert.equal(after.handlers, 0, "handlers that are off, and still held");
    assert.deepEqual(await tab.again("ticks"), []);
    await allRight(tab);
  });
}

/** Listens and stops again, at paths that come back and at ones that do not. */
function cycles(tab, times) {
  return tab.page.evaluate(async (count) => {
    window.handlers ??= [];
    for (let n = 0; n < count; n++) {
      const render = () => n;
      handlers.push(new WeakRef(render));
      const off = roots.on(n % 2 ? "orders/1" : `orders/${handlers.length}`, render, render);
      if (n % 100 === 99) await new Promise((resolve) => setTimeout(resolve));
      off();
      off();
    }
  }, times);
}

/** Drops the connection so many times, and sees an update after each. The log of the recorder is not what is counted. */
async function reconnects(application, tab, times) {
  for (let n = 0; n < times; n++) {
    await tab.page.evaluate(() => roots.reconnect());
    await application.numbers.next("ticks");
    await tab.shows("ticks", application.numbers.now("ticks"));
  }
}

/** Resolves to what there is in the page, after a collection of garbage. */
async function counted(tab) {
  await tab.until("what was asked for to be done", () => recorder.timers.size < 5);
  const session = await tab.page.context().newCDPSession(tab.page);
  await session.send("Performance.enable");
  for (let n = 0; n < 3; n++) await session.send("HeapProfiler.collectGarbage");
  const { metrics } = await session.send("Performance.getMetrics");
  const metric = Object.fromEntries(metrics.map(({ name, value }) => [name, value]));
  await session.detach();
  const page = await tab.page.evaluate(() => ({
    timers: recorder.timers.size,
    handlers: window.handlers.filter((each) => each.deref()).length,
  }));
  return { heap: metric.JSHeapUsedSize, listeners: metric.JSEventListeners, ...page };
}

/** Runs in the page before its scripts: keeps the timers that are set and have not run. */
function countTimers() {
  const timers = new Set();
  const { setTimeout: set, clearTimeout: clear } = window;
  window.setTimeout = (run, ...rest) => {
    const id = set(() => {
      timers.delete(id);
      run();
    }, ...rest);
    timers.add(id);
    return id;
  };
  window.clearTimeout = (id) => {
    timers.delete(id);
    clear(id);
  };
  addEventListener("DOMContentLoaded", () => (recorder.timers = timers));
}
