// The application says who may hear what, and is asked as it wants to be asked.

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../lib/awaited.js";
import { needsBrowser } from "../lib/browser.js";
import { allRight, fixture, transports } from "../lib/fixture.js";
import { Tab } from "../lib/tab.js";

const { serve, profile, tabs } = fixture();

test("an application that answers 500 for a while is asked again", needsBrowser, async () => {
  const { application } = await serve();
  application.fail = true;
  const tab = await Tab.open(await profile(), application, { options: { retry: 300 }, patterns: ["a", "b"] });
  await until("three requests", () => application.asked.length >= 3);
  application.fail = false;
  for (const path of ["a", "b"]) await tab.loaded(path);
  await application.numbers.next("a");
  await tab.shows("a", 1);
  await allRight(tab);
});

test("one path of three is refused: the others live, and an error names it", needsBrowser, async () => {
  const { application } = await serve();
  application.refuse.add("secret");
  const [tab] = await tabs(1, application, { patterns: ["a", "secret", "b"] });
  for (const path of ["a", "b"]) {
    await tab.loaded(path);
    await application.numbers.next(path);
    await tab.shows(path, 1);
  }
  await tab.until("an error", () => recorder.errors.length > 0);
  const errors = await tab.page.evaluate(() => recorder.errors);
  assert.deepEqual(errors.map(({ message, status }) => [/\bsecret\b/.test(message), status]), [[true, 403]]);
  assert.deepEqual(await tab.log("secret"), []);
  const asked = application.asked.length;
  await application.numbers.next("a");
  await tab.shows("a", 2);
  assert.equal(application.asked.length, asked, "what was refused is not asked for again");
  await allRight(tab);
});

test("a path that is refused is asked for again by a new session", needsBrowser, async () => {
  const { daemon, application } = await serve();
  application.refuse.add("secret");
  const [tab] = await tabs(1, application, { options: { retry: 300 }, patterns: ["a", "secret"] });
  await tab.until("an error", () => recorder.errors.length > 0);
  application.refuse.clear();
  await daemon.kill();
  await tab.retrying();
  await daemon.start();
  for (const path of ["a", "secret"]) await tab.until(path, (at) => recorder.views[at].reloads > 0, path);
  await allRight(tab);
});

test("CSRF tokens and headers go to the application, and never to rootsd", needsBrowser, async () => {
  const { application } = await serve();
  const context = await profile();
  await context.addCookies([{ name: "csrftoken", value: "of-django", url: application.url }]);
  for (const transport of transports) {
    application.proxy.requests.length = application.asked.length = 0;
    const tab = await Tab.open(context, application);
    await tab.page.evaluate(() => document.head.insertAdjacentHTML("beforeend", '<meta name="csrf-token" content="of-rails">'));
    await tab.start({
      options: { transports: [transport], share: false, headers: { "X-Tenant": "acme" }, disconnect: "/server/disconnect/{id}" },
      patterns: ["a", "b"],
    });
    await tab.loaded("a");
    await tab.page.evaluate(() => recorder.views.b.off());
    await until("a disconnect", () => application.asked.some(({ verb }) => verb === "disconnect"));
    for (const { verb, headers } of application.asked) {
      const got = [headers["x-csrftoken"], headers["x-csrf-token"], headers["x-tenant"], headers["content-type"]];
      assert.deepEqual(got, ["of-django", "of-rails", "acme", "application/json"], verb);
    }
    const names = new Set(application.proxy.requests.flatMap(({ headers }) => Object.keys(headers)));
    for (const name of ["x-csrftoken", "x-csrf-token", "x-tenant"]) assert.ok(!names.has(name), `${name} at rootsd`);
    await allRight(tab);
    await tab.page.close();
  }
});

for (const transport of transports) {
  test(`publish over ${transport}, permitted and refused`, needsBrowser, async () => {
    const { daemon, application } = await serve();
    const all = await tabs(2, application, { options: { transports: [transport] }, patterns: ["ticks"] });
    for (const tab of all) await hearChat(tab);
    const id = await all[0].page.evaluate(() => roots.id);
    await daemon.post("permit", { id, paths: ["chat"] });
    const told = [];
    for (const [n, tab] of all.entries()) {
      const messages = Array.from({ length: 10 }, (_, each) => ({ n, each, text: "näht ✓" }));
      await tab.page.evaluate((list) => Promise.all(list.map((message) => roots.publish("chat", message))), messages);
      told.push(...messages);
    }
    for (const tab of all) {
      await tab.until("all messages", (count) => chat.length >= count, told.length);
      assert.deepEqual(await tab.page.evaluate(() => chat), told.map((message) => ({ message, from: id })));
      const refused = await tab.page.evaluate(() => roots.publish("orders/1", 1).then(() => null, ({ status, reason }) => ({ status, reason })));
      assert.deepEqual(refused, { status: 403, reason: "not_permitted" });
    }
    await allRight(...all);
  });
}

/** Collects what is said at the path of the chat; resolves when it is connected. */
async function hearChat(tab) {
  await tab.page.evaluate(() => {
    window.chat = [];
    return new Promise((connected) => {
      roots.on("chat", (message, { from }) => chat.push({ message, from }), connected);
    });
  });
}
