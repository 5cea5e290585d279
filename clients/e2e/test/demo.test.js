// The demo, as somebody sees it who tries to make it lose something.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { until } from "../lib/awaited.js";
import { root } from "../lib/binary.js";
import { needsBrowser } from "../lib/browser.js";
import { Visit } from "../lib/demo.js";
import { fixture } from "../lib/fixture.js";
import { shots } from "../lib/shots.js";

const { serve, profile } = fixture();

/** Resolves to a daemon with a demo, and to tabs of one browser that show it. */
async function demo({ tabs = 1, flags = [], below = "/" } = {}) {
  const { daemon } = await serve("--demo", ...flags);
  const url = `${daemon.push}${below}demo/`, context = await profile();
  const visits = [];
  for (let n = 0; n < tabs; n++) visits.push(await Visit.open(context, url));
  return { daemon, url, context, visit: visits[0], visits };
}

const names = ["received", "missed", "repeated", "disordered", "number", "loads"];

/** What the page has counted. */
const counts = (visit) => visit.page.evaluate((all) => Object.fromEntries(
  all.map((name) => [name, Number(document.getElementById(name).textContent.replaceAll(",", "").replace("–", 0))])), names);

/** Resolves when so many numbers more have come. */
async function hears(visit, more = 5) {
  const { received } = await counts(visit);
  const check = (enough) => Number(document.getElementById("received").textContent.replaceAll(",", "")) >= enough;
  await visit.until(`${more} more numbers after ${received}`, check, received + more);
}

const faultless = { missed: 0, repeated: 0, disordered: 0 };

/** Fails where a number was lost since then, by the page's own counts and by what it began and ended with. */
async function nothingLost(visit, then) {
  const { number, received, loads, ...faults } = await counts(visit);
  assert.deepEqual(faults, faultless);
  assert.equal(received - then.received, number - then.number, "as many came as were told");
  assert.equal(loads, then.loads, "nothing was loaded afresh");
  assert.equal(await visit.page.getAttribute("#counts", "data-good"), "yes");
}

const bars = (visit) => visit.page.evaluate(() => [...document.querySelectorAll("progress")].map(({ value }) => value));

test("the page comes alive, and asks nobody else", needsBrowser, async () => {
  const { visit } = await demo();
  await visit.says("#client", /^This browser is roots-\S+\.$/);
  await visit.says("#transport", /^over a WebSocket$/);
  await visit.until("a percentage at each bar", () => [...document.querySelectorAll(".percent")].every((each) => each.textContent));
  const before = await bars(visit);
  await hears(visit);
  const moved = (then) => [...document.querySelectorAll("progress")].some(({ value }, n) => value !== then[n]);
  await visit.until("a bar to move", moved, before);
  const labels = await visit.page.evaluate(() => [...document.querySelectorAll("progress")]
    .map(({ value, parentNode }) => [value === 100 ? "done" : `${value} %`, parentNode.querySelector(".percent").textContent]));
  for (const [bar, label] of labels) assert.equal(label, bar, "what stands beside a bar");
  const { number, received, loads, ...faults } = await counts(visit);
  assert.deepEqual({ loads, ...faults }, { loads: 0, ...faultless });
  assert.ok(number >= received && received >= 5);
  visit.clean();
  await shots(visit.page, "demo");
});

test("a connection that is broken loses nothing", needsBrowser, async () => {
  const { visit } = await demo();
  await hears(visit);
  const then = await counts(visit), client = await visit.text("#client");
  for (let times = 0; times < 3; times++) {
    await visit.page.click("#break");
    await visit.says("#told", /^Broken, and back on the same session.*None is missing\.$/);
    await hears(visit, 3);
  }
  await nothingLost(visit, then);
  assert.equal(await visit.text("#client"), client, "it is the same session");
  visit.clean();
});

test("who goes away for ten seconds, with all tabs, is told all of it", needsBrowser, async () => {
  const { visits: [one, other] } = await demo({ tabs: 2 });
  for (const visit of [one, other]) await hears(visit);
  const then = [await counts(one), await counts(other)];
  await one.page.click("#leave");
  for (const visit of [one, other]) {
    await visit.says("#told", /^Away\. /);
    await visit.light("retrying");
    assert.ok(await visit.page.isDisabled("#break") && await visit.page.isDisabled("#leave"));
  }
  const away = await counts(one);
  for (const visit of [one, other]) {
    await visit.says("#told", /^Away for 1\d\.\d s\. .* None is missing\.$/);
    await visit.live();
  }
  const [, came] = /(\d+) numbers waited/.exec(await one.text("#told"));
  assert.ok(came >= 40, `${came} numbers waited, of the 50 of ten seconds`);
  assert.ok((await counts(one)).received >= away.received + 40);
  for (const [n, visit] of [one, other].entries()) {
    await nothingLost(visit, then[n]);
    await visit.until("buttons", () => !document.getElementById("leave").disabled && !document.getElementById("break").disabled);
  }
  one.clean();
  await shots(one.page, "demo-after");
});

test("a daemon that is started anew, with a demo that begins anew, is no silent hole", needsBrowser, async () => {
  const { daemon, visit } = await demo();
  await addTo(visit, "forgotten with the daemon");
  await visit.says("#panes", /forgotten with the daemon/);
  await hears(visit, 40); // so that the application that begins anew is not as far as this one was
  const client = await visit.text("#client");
  const { loads: before } = await counts(visit);
  await daemon.stop();
  await visit.light("retrying");
  await daemon.start();
  await visit.live();
  await visit.until("the list as it is now", () => !document.getElementById("panes").textContent.includes("forgotten"));
  await hears(visit);
  assert.equal(await visit.text("#client"), client, "the session is the same");
  const { loads, ...rest } = await counts(visit);
  assert.ok(loads > before && await visit.page.isVisible("#afresh"), "it says that it has loaded afresh");
  assert.deepEqual({ ...rest, ...faultless }, rest);
  assert.deepEqual(visit.complaints, []);
});

/** Adds an entry with the mouse, in the first pane. */
async function addTo(visit, text) {
  const form = visit.page.locator(".pane form").first();
  await form.locator("input").fill(text);
  await form.locator("button").click();
}

/** Resolves when both panes show an entry so often, ticked or not. */
const both = (visit, text, times, done = false) => visit.until(`${text} ${times} times in both panes, ${done}`, ([wanted, n, ticked]) =>
  [...document.querySelectorAll(".pane ul")].every((list) => [...list.children].filter((row) =>
    row.querySelector("span").textContent === wanted && row.querySelector("input").checked === ticked).length === n), [text, times, done]);

test("what is done to the list in one pane is in the other, and in another tab", needsBrowser, async () => {
  const { visits: [one, other] } = await demo({ tabs: 2 });
  const text = "<b>Prune</b> & water";
  await both(other, "Water the roots", 1);
  await addTo(one, text);
  for (const visit of [one, other]) await both(visit, text, 1);
  assert.equal(await one.page.inputValue(".pane form input >> nth=0"), "", "what was added is out of the field");
  await other.page.locator(".pane >> nth=1").getByLabel(text, { exact: true }).check();
  for (const visit of [one, other]) await both(visit, text, 1, true);
  await one.page.locator(".pane >> nth=1").getByLabel(`Remove: ${text}`, { exact: true }).click();
  for (const visit of [one, other]) await both(visit, text, 0, true);
  await one.page.locator(".pane >> nth=0").getByLabel("Remove: Water the roots", { exact: true }).click();
  await both(other, "Water the roots", 0);
  await other.page.click("#reset");
  for (const visit of [one, other]) await both(visit, "Water the roots", 1);
  one.clean();
  other.clean();
});

test("a refusal of the list says why, and keeps what was typed", needsBrowser, async () => {
  const { visit } = await demo();
  const field = visit.page.locator(".pane form input").first();
  await both(visit, "Water the roots", 1);
  await addTo(visit, "   ");
  await visit.says("#refused", /text is empty/);
  await field.evaluate((input, text) => (input.value = text), "ü".repeat(201)); // as maxlength keeps who types from
  await field.press("Enter");
  await visit.says("#refused", /^text has 201 characters; it may have 200$/);
  assert.equal(await field.inputValue(), "ü".repeat(201));
  await field.fill("ü".repeat(200));
  await field.press("Enter");
  await both(visit, "ü".repeat(200), 1);
  assert.equal(await visit.text("#refused"), "");
  visit.clean(["400 POST /demo/todo", "400 POST /demo/todo"]);
  await visit.fits();
});

test("the keyboard alone adds, ticks and removes", needsBrowser, async () => {
  const { visit } = await demo();
  const { keyboard } = visit.page;
  await both(visit, "Water the roots", 1);
  await visit.reach(".pane form input");
  await keyboard.type("Typed");
  await keyboard.press("Enter");
  await both(visit, "Typed", 1);
  const row = await visit.page.$(".pane li:last-child");
  await visit.reach(".pane li:last-child input", "Shift+Tab");
  assert.ok(await row.evaluate((element) => element.contains(document.activeElement)), "the row of the first pane");
  await keyboard.press("Space");
  await both(visit, "Typed", 1, true);
  await visit.reach(".pane li:last-child .remove");
  await keyboard.press("Enter");
  await both(visit, "Typed", 0, true);
  assert.ok(await visit.page.evaluate(() => document.activeElement.matches(".pane .remove")), "the focus is on the row beside it");
  visit.clean();
});

test("the tree lights up where files are touched", needsBrowser, async () => {
  const { visit } = await demo();
  await visit.until("files", () => document.querySelectorAll("#files button").length > 5);
  await visit.page.evaluate(() => {
    window.lit = new Set();
    new MutationObserver((changes) => changes.forEach(({ target }) => lit.add(`${target.textContent} ${target.dataset.lit}`)))
      .observe(document.getElementById("files"), { subtree: true, attributeFilter: ["data-lit"] });
  });
  await visit.until("a light", () => [...lit].some((each) => /(read|written)$/.test(each)));
  await visit.page.click("text=trunk.go");
  await visit.until("the file and its folders to light up", () => ["trunk.go", "oak/", "src/"].every((name) => lit.has(`${name} written`)));
  await visit.until("each light to go out", () => [...lit].some((each) => each.endsWith("undefined")));
  assert.match(await visit.text("li:has(> button:text('trunk.go')) > .times"), /^[1-9]\d*$/);
  visit.clean();
});

test("what somebody sends is shown, as text", needsBrowser, async () => {
  const { daemon, visit } = await demo();
  assert.match(await visit.text("#said"), /^It arrives here/);
  await visit.says("#command", /^curl 127\.0\.0\.1:\d+\/update/);
  const [, ingest] = /^curl (\S+)\/update/.exec(await visit.text("#command"));
  assert.equal(`http://${ingest}`, daemon.ingest, "the command is for this daemon");
  await visit.until("the connection", () => document.getElementById("received").textContent !== "0");
  for (const [message, shown] of [
    ["hi", /^hi$/], ["<img src=x onerror=alert(1)>", /^<img src=x onerror=alert\(1\)>$/], [{ a: [1, 2] }, /^\{"a":\[1,2\]\}$/],
    ["x".repeat(500), /^x{120}…$/],
  ]) {
    await daemon.post("update", { path: "demo/hello", message });
    await visit.says("#said", shown);
  }
  await visit.fits();
  visit.clean();
});

test("a daemon that wants a token of back-ends says so in the lines to copy", needsBrowser, async () => {
  const { visit } = await demo({ flags: ["--ingest-tokens", "s3cret-s3cret-s3cret"] });
  await hears(visit);
  await visit.until("the token", () => !document.querySelector("#command .token").hidden);
  assert.match(await visit.page.innerText("#command"), /-H "Authorization: Bearer \$TOKEN"/);
  assert.ok(!(await visit.page.content()).includes("s3cret"), "and does not tell it");
  visit.clean();
});

test("tabs share a session, and another goes on when one is closed", needsBrowser, async () => {
  const { daemon, visits: [one, other] } = await demo({ tabs: 2 });
  await other.says("#shared", /^2 tabs of this browser/);
  for (const visit of [one, other]) await hears(visit, 2);
  assert.equal(await daemon.metric("rootsd_sessions"), 1);
  const client = await one.text("#client");
  assert.equal(await other.text("#client"), client);
  const then = await counts(other);
  await one.page.close();
  await other.says("#shared", /^Open this page in another tab/);
  await hears(other, 10);
  await nothingLost(other, then);
  assert.equal(await other.text("#client"), client, "on the same session");
  await until("one session", async () => (await daemon.metric("rootsd_sessions")) === 1);
  other.clean();
});

test("the lines that are shown are those that run, and few", needsBrowser, async () => {
  const { visit } = await demo();
  const file = await readFile(join(root, "clients/demo/page/snippet.js"), "utf8");
  assert.ok(file.trim().split("\n").length <= 6);
  await visit.says("#snippet", /roots\.on/);
  assert.equal(await visit.text("#snippet"), `<script src="roots.js"></script>\n\n${file.trim()}`);
});

test("below a prefix", needsBrowser, async () => {
  const { daemon, url, visit } = await demo({ flags: ["--push-prefix", "/comet/"], below: "/comet/" });
  const then = await counts(visit);
  await hears(visit);
  await addTo(visit, "Below a prefix");
  await both(visit, "Below a prefix", 1);
  assert.deepEqual({ ...then, ...faultless }, then);
  assert.equal(await daemon.metric("rootsd_sessions"), 1);
  const [{ path }] = await visit.page.context().cookies(url);
  assert.equal(path, "/comet/demo", "the cookie is for the demo alone");
  visit.clean();
});

test("without --demo there is no page", async () => {
  const { daemon } = await serve();
  const answer = await fetch(`${daemon.push}/demo/`);
  assert.equal(answer.headers.get("set-cookie"), null);
  assert.match((await answer.json()).reconnectWith, /^roots-/, "it opens a session, as any address does");
});

test("it fits a phone", needsBrowser, async () => {
  const { visit } = await demo();
  await hears(visit);
  await visit.until("files", () => document.querySelectorAll("#files button").length > 5);
  await visit.fits();
});
