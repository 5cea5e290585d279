// From a cold page to the first message: one round trip to open a session, one to have it connected, and none else.

import assert from "node:assert/strict";
import { test } from "node:test";
import { gate, nextWait } from "../lib/awaited.js";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture, transports } from "../lib/fixture.js";
import { Tab } from "../lib/tab.js";

const { serve, profile } = fixture();

for (const name of ["default", ...transports]) {
  test(`${name}: a session is opened and connected, and nothing else is waited for`, needsBrowser, async () => {
    const { application } = await serve();
    const asked = gate(), granted = gate();
    application.before = () => (asked.open(), granted.opened);
    const options = name === "default" ? {} : { transports: [name] };
    const tab = await Tab.open(await profile(), application, { options, patterns: ["orders/1", "orders/2"] });
    // The application does not answer before the client waits, so one of the two never waits for the other.
    const waits = name === "long-poll" ? 2 : 1;
    await asked.opened;
    while (application.proxy.kinds.length < waits) await nextWait(application.proxy);
    granted.open();
    await tab.loaded("orders/1");
    await tab.loaded("orders/2");
    const expected = name === "default" ? "websocket" : name;
    assert.deepEqual(application.proxy.kinds.slice(0, waits), Array(waits).fill(expected));
    assert.equal(application.proxy.requests[0].url, "/", "the first request opens a session");
    assert.deepEqual(application.asked.map(({ verb, paths }) => [verb, paths.toSorted()]), [["connect", ["orders/1", "orders/2"]]]);
    await application.numbers.next("orders/1");
    await tab.shows("orders/1", 1);
    await allRight(tab);
  });
}
