// A token that has leaked: what it gives a thief and for how long, how its owner notices, and how it ends.

import assert from "node:assert/strict";
import { test } from "node:test";
import { until } from "../lib/awaited.js";
import { needsBrowser } from "../lib/browser.js";
import { fixture, transports } from "../lib/fixture.js";
import { Tab } from "../lib/tab.js";

const { serve, profile } = fixture();

/** Asks as a thief does, who has the address of a request, as a log shows it. */
async function ask(daemon, token, options) {
  const answer = await fetch(`${daemon.push}/${token}`, options);
  return { status: answer.status, ...(answer.status === 204 ? {} : await answer.json()) };
}

/** Resolves to a session of an owner who is connected to `orders`, and may publish at `chat`. */
async function owner(daemon) {
  const { reconnectWith: first } = await ask(daemon, "");
  const [id, , secret] = first.split("/");
  await daemon.post("connect", { id, paths: ["orders"] });
  await daemon.post("permit", { id, paths: ["chat"] });
  return { id, secret, first };
}

const say = (daemon, message) => daemon.post("update", { path: "orders", message });
const heard = ({ updates }) => updates.map(({ message }) => message);

test("whoever has the address of a waiting request hears what comes, publishes what was permitted, and can end it", async () => {
  const { daemon } = await serve("--state-file", "off");
  const { first } = await owner(daemon);
  const { reconnectWith: token } = await ask(daemon, first);
  const waits = ask(daemon, token); // the owner
  await until("the owner to wait", async () => (await daemon.metric("rootsd_parked")) === 1);
  const thief = ask(daemon, token);
  assert.deepEqual(pick(await waits), { status: 409, reason: "superseded" }, "the owner is told");
  await say(daemon, "for the owner");
  assert.deepEqual(heard(await thief), ["for the owner"]);
  const published = await ask(daemon, token, { method: "POST", body: '{"path":"chat","message":"not mine"}' });
  assert.equal(published.status, 200);
  const refused = await ask(daemon, token, { method: "POST", body: '{"path":"orders","message":"not permitted"}' });
  assert.deepEqual(pick(refused), { status: 403, reason: "not_permitted" });
  assert.equal((await ask(daemon, token, { method: "DELETE" })).status, 204);
  assert.deepEqual(pick(await ask(daemon, token, { method: "POST", body: "{}" })), { status: 404, reason: "unknown_token" });
});

test("what was confirmed is not to be had again; but an old token has the secret, and its number can be guessed", async () => {
  const { daemon } = await serve("--state-file", "off");
  const { id, secret, first } = await owner(daemon);
  const { reconnectWith: second } = await ask(daemon, first);
  await say(daemon, "confirmed");
  const { reconnectWith: third } = await ask(daemon, second);
  await say(daemon, "next");
  await ask(daemon, third); // which confirms what came before it
  for (const token of [first, second]) assert.deepEqual(pick(await ask(daemon, token)), { status: 409, reason: "stale" });
  const guessed = await ask(daemon, `${id}/${third.split("/")[1]}/${secret}`);
  assert.deepEqual(heard(guessed), ["next"]);
  for (const wrong of [`${id}/0/${"x".repeat(secret.length)}`, `${id}/0`, id]) {
    const answer = await ask(daemon, wrong);
    assert.notEqual(answer.reconnectWith.split("/")[0], id, "without the secret, it is a new session");
    assert.deepEqual(answer.updates, []);
  }
});

const ends = {
  leave: (daemon, { first }) => ask(daemon, first, { method: "DELETE" }),
  kick: (daemon, { id }) => daemon.post("kick", { id }),
  "nobody waits": (daemon) => until("the session to end", async () => (await daemon.metric("rootsd_sessions")) === 0),
  disconnect: (daemon, { id }) => daemon.post("disconnect", { id, paths: ["orders"] }),
  lease: async (daemon, { id }) => {
    await daemon.post("connect", { id, paths: ["orders"], for: "100ms" });
    await until("the lease to end", async () => (await daemon.metric("rootsd_patterns")) === 0);
  },
};

for (const [name, end] of Object.entries(ends)) {
  test(`${name} ends what a token gives`, async () => {
    const { daemon } = await serve("--state-file", "off", "--push-expire", "1s", "--push-hold", "200ms");
    const session = await owner(daemon);
    const { reconnectWith: token } = await ask(daemon, session.first);
    await end(daemon, session);
    await say(daemon, "too late for a thief");
    for (let next = token, polls = 0; polls < 2; polls++) {
      const answer = await ask(daemon, next);
      assert.ok(!heard(answer).includes("too late for a thief"));
      next = answer.reconnectWith;
    }
  });
}

test("a page whose token is stolen goes on: it takes its session back, or is given another", needsBrowser, async () => {
  for (const transport of transports) {
    const { daemon, application } = await serve("--state-file", "off", "--push-hold", "1s");
    const tab = await Tab.open(await profile(), application, { options: { transports: [transport], retry: 100 }, patterns: ["ticks"] });
    await tab.loaded("ticks");
    const id = await tab.page.evaluate(() => roots.id);
    application.proxy.drop(); // so that it comes back with a token, which then stands in an address
    await until("an address with a token", () => application.proxy.requests.at(-1).url.startsWith(`/${id}/`));
    await tab.live();
    const token = application.proxy.requests.at(-1).url.slice(1);
    const asked = application.proxy.requests.length;
    const stolen = await ask(daemon, token);
    assert.ok([200, 409].includes(stolen.status), "the owner has come back before, or after");
    await until("the page to come back", () => application.proxy.requests.length > asked);
    await tab.live();
    if (await tab.page.evaluate((before) => roots.id !== before, id)) await tab.loaded("ticks", 2);
    await application.numbers.next("ticks");
    await tab.shows("ticks", application.numbers.now("ticks"));
  }
});

const pick = ({ status, reason }) => ({ status, reason });

test("no request of a page tells another of a token, and no answer with a token is kept", needsBrowser, async () => {
  const { daemon, application } = await serve("--state-file", "off");
  const context = await profile();
  const referrers = [], answers = [], tokens = [];
  context.on("request", async (request) => referrers.push((await request.allHeaders().catch(() => ({}))).referer ?? ""));
  context.on("response", (answer) => answers.push(answer));
  for (const transport of transports) {
    const tab = await Tab.open(context, application, { options: { transports: [transport], share: false }, patterns: ["ticks"] });
    await tab.loaded("ticks");
    application.proxy.drop();
    await until("an address with a token", () => application.proxy.requests.at(-1).url.split("/").length === 4);
    await tab.live();
    tokens.push(application.proxy.requests.at(-1).url.slice(1));
    await tab.page.close();
  }
  // Somebody puts the address of a request into the address bar, and goes on from there.
  const page = await context.newPage();
  const { reconnectWith: token } = await ask(daemon, "");
  await daemon.post("connect", { id: token.split("/")[0], paths: ["ticks"] });
  const shown = await page.goto(`${daemon.push}/${token}`);
  assert.equal(shown.headers()["cache-control"], "no-store");
  await page.evaluate((url) => (location = url), `${application.url}/`);
  await page.waitForURL(`${application.url}/`);
  tokens.push(token);
  const secrets = tokens.map((each) => each.split("/")[2]);
  assert.deepEqual(referrers.filter((referrer) => secrets.some((secret) => referrer.includes(secret))), []);
  for (const answer of answers.filter((each) => /^\/comet\/|^\/roots-/.test(new URL(each.url()).pathname))) {
    if (answer.status() !== 101) assert.equal(answer.headers()["cache-control"], "no-store", answer.url());
  }
});
