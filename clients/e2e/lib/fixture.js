// What most tests stand on: a daemon, an application before it, a browser, and the end of all three.

import assert from "node:assert/strict";
import { after, before } from "node:test";
import { Application } from "./application.js";
import { launch, needsBrowser } from "./browser.js";
import { Daemon } from "./daemon.js";
import { Tab } from "./tab.js";

/**
 * Has a file's tests run with a browser of their own; returns what makes the rest. Everything is ended after the file,
 * whatever became of its tests.
 */
export function fixture() {
  const ends = [];
  let browser; // a promise: hooks of a file need not wait for one another
  before(async () => {
    if (needsBrowser.skip) return;
    browser = launch();
    await browser;
  });
  after(async () => {
    await (await browser)?.close();
    for (const end of ends.reverse()) await end();
  });
  return {
    /** Resolves to a daemon and an application. */
    async serve(...flags) {
      const daemon = await Daemon.start(...flags);
      ends.push(() => daemon.kill());
      const application = await Application.start(daemon);
      ends.push(() => application.close());
      return { daemon, application };
    },

    /** Resolves to a browser's profile: its tabs share what tabs share. */
    profile: async () => (await browser).newContext(),

    /** Resolves to several tabs of one profile, all live. */
    async tabs(count, application, start, context) {
      context ??= await (await browser).newContext();
      const tabs = [];
      for (let n = 0; n < count; n++) tabs.push(await Tab.open(context, application, start));
      for (const tab of tabs) await tab.live();
      return tabs;
    },
  };
}

/** Fails where a tab has something to complain of. */
export async function allRight(...tabs) {
  for (const [n, tab] of tabs.entries()) assert.deepEqual(await tab.wrong(), [], `tab ${n + 1}`);
}

/** The transports, and the default. */
export const transports = ["websocket", "sse", "long-poll"];
