// The dashboard, as an operator sees it.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { until } from "../lib/awaited.js";
import { needsBrowser } from "../lib/browser.js";
import { Client } from "../lib/dashboard.js";
import { Visit } from "../lib/demo.js";
import { fixture } from "../lib/fixture.js";
import { shots } from "../lib/shots.js";

const clients = [];
after(() => clients.forEach((client) => client.leave()));
const { serve, profile } = fixture();

/** Resolves to a daemon and its dashboard. */
async function dashboard(...flags) {
  const { daemon, application } = await serve(...flags);
  return { daemon, numbers: application.numbers, visit: await Visit.open(await profile(), `${daemon.admin}/`) };
}

async function client(daemon, ...paths) {
  clients.push(await Client.open(daemon, ...paths));
  return clients.at(-1);
}

/** Has Explain say what it knows of a client or a path. */
async function explain(visit, what) {
  await visit.page.fill("#ask input", what);
  await visit.page.click("#ask button");
}

/** Resolves when the number of a chart, by its title, is above zero. */
const moves = (visit, title) => visit.until(`${title} to be above zero`, (wanted) => {
  const chart = [...document.querySelectorAll(".chart")].find((each) => each.querySelector("strong").textContent === wanted);
  return /[1-9]/.test(chart.querySelector(".numbers b").textContent);
}, title);

const titleOf = (visit, part) => visit.page.evaluate((name) => {
  const box = [...document.querySelectorAll("#picture .box")].find((each) => each.querySelector(".first").textContent === name);
  return { off: box.classList.contains("off"), text: box.textContent };
}, part);

test("the page comes alive, and asks nobody else", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  await visit.says("#uptime", /^up \d+ (s|min)/);
  await visit.says("#sessions", /^0$/);
  assert.equal(await visit.text("#connections"), "0", "its own are none of clients");
  assert.equal(await visit.text("#name"), "roots");
  assert.equal(await visit.page.title(), "roots · rootsd");
  assert.notEqual(await visit.text("#version"), "");
  assert.ok(!(await visit.page.isVisible("#banner")) && !(await visit.page.isVisible("#token")));
  assert.equal(await daemon.metric("rootsd_sessions"), 0, "who looks is not counted");
  visit.clean();
});

test("while nobody sees the page it draws nothing, and keeps what it hears", needsBrowser, async () => {
  const { visit } = await dashboard();
  const points = () => visit.page.evaluate(() => document.querySelector(".chart:last-child .line").getAttribute("d").split("L").length);
  const hide = (hidden) => visit.page.evaluate((is) => {
    Object.defineProperty(document, "hidden", { value: is, configurable: true });
    document.dispatchEvent(new Event("visibilitychange"));
  }, hidden);
  await visit.until("a first point", () => document.querySelector(".chart:last-child .line").getAttribute("d"));
  const heard = visit.page.evaluate(() => new Promise((resolve) => {
    let n = 0;
    new Roots(new URL("live/", location), { share: false }).on("stats", () => ++n === 3 && resolve());
  }));
  await hide(true);
  const before = await points();
  await heard;
  assert.equal(await points(), before);
  await hide(false);
  assert.ok(await points() >= before + 2);
  visit.clean();
});

test("its numbers move when there is traffic", needsBrowser, async () => {
  const { daemon, numbers, visit } = await dashboard();
  for (let n = 0; n < 3; n++) await client(daemon, "orders/**", `users/${n}/inbox`);
  const done = numbers.stream("orders/1", 20);
  await visit.says("#sessions", /^3$/);
  for (const title of ["Updates in", "Deliveries", "Latency", "Sessions", "Memory"]) await moves(visit, title);
  await visit.says("#picture", /ingest.*[1-9][\d.]*\/s/s);
  await visit.until("a line of a few points", () => document.querySelector(".chart .line").getAttribute("d").split("L").length > 3);
  await daemon.post("update", { path: "a//b", message: 1 }).catch(() => {});
  await moves(visit, "Refused");
  await visit.page.hover(".chart svg");
  await visit.says("#now .head p", /^at \d\d:\d\d:\d\d$/);
  await visit.page.mouse.move(0, 0);
  await visit.says("#now .head p", /^up to/);
  visit.clean();
  await shots(visit.page, "dashboard");
  await done();
});

test("the wiring shows where each component listens, and what turns on one that is off", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  await visit.until("boxes with numbers", () => /\d clients/.test(document.querySelector("#picture").textContent));
  assert.deepEqual(await titleOf(visit, "line").then(({ off }) => off), true);
  assert.match((await titleOf(visit, "line")).text, /turned on by line\.listen/);
  assert.match((await titleOf(visit, "log")).text, /turned on by log\.output/);
  for (const part of ["ingest", "push"]) {
    const { off, text } = await titleOf(visit, part);
    assert.ok(!off && text.includes(daemon[part]), `${part} is at ${daemon[part]}`);
  }
  assert.match(await visit.text("#picture ul"), /line is off; line\.listen turns it on/, "to those who do not see the picture");
  visit.clean();
});

test("the tree of paths goes by the keyboard", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  await client(daemon, "orders/1", "orders/2/lines", "news");
  await client(daemon, "orders/1");
  await see(visit, "paths");
  await visit.says("#tree", /orders/);
  assert.equal(await visit.text("#paths-total"), "3 paths that somebody is connected to");
  const { keyboard } = visit.page;
  const labels = () => visit.page.evaluate(() => [...document.querySelectorAll("#tree [role=treeitem]")]
    .filter((row) => !row.parentElement.closest("[hidden]")).map((row) => row.ariaLabel));
  const focused = (label) => visit.until(`the focus on ${label}`, (want) => document.activeElement.ariaLabel === want, label);
  assert.deepEqual(await labels(), ["orders: 0 connected here, 2 paths below", "news: 1 connected here, 0 paths below"]);
  await visit.reach("#tree [role=treeitem]");
  await keyboard.press("End");
  await focused("news: 1 connected here, 0 paths below");
  await keyboard.press("Home");
  await keyboard.press("ArrowRight");
  await visit.until("the level below", () => document.querySelectorAll("#tree [aria-level='2']").length === 2);
  await keyboard.press("ArrowRight");
  await focused("1: 2 connected here, 0 paths below");
  await keyboard.press("ArrowDown");
  await focused("2: 0 connected here, 1 path below");
  await keyboard.press("ArrowRight");
  await visit.says("#tree", /lines/);
  await keyboard.press("ArrowLeft");
  await keyboard.press("ArrowLeft");
  await focused("orders: 0 connected here, 2 paths below");
  await keyboard.press("ArrowLeft");
  assert.equal((await labels()).length, 2, "it is closed again");
  await client(daemon, "invoices/7");
  await visit.says("#tree", /invoices/);
  await keyboard.press("Enter");
  await visit.says("#explained", /^orders/);
  visit.clean();
});

test("the keyboard goes on where a level of the tree was closed, and at its button", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const { page } = visit;
  const one = await client(daemon, "orders/1", ...Array.from({ length: 200 }, (_, n) => `many-${n}`));
  await client(daemon, "orders", "orders/1"); // which puts it first
  await see(visit, "paths");
  await page.click("#tree [aria-label^=orders] .twisty");
  await page.press("#tree [aria-label^=orders]", "ArrowRight");
  await visit.until("the focus below", () => document.activeElement.ariaLevel === "2");
  await page.click("#tree [aria-label^=orders] .twisty");
  const stops = () => page.evaluate(() => [...document.querySelectorAll("#tree [tabindex='0']")].map((row) => row.ariaLabel.split(":")[0]));
  assert.deepEqual(await stops(), ["orders"]);
  await page.focus("#tree > .more button");
  await daemon.post("connect", { id: one.id, paths: ["orders/2"] });
  await visit.says("#paths-total", /^203 /);
  const focused = () => page.evaluate(() => document.activeElement.textContent);
  assert.equal(await focused(), "show more");
  await page.keyboard.press("Enter");
  await visit.until("all of them", () => document.querySelectorAll("#tree > [role=treeitem]").length === 201);
  assert.match(await focused(), /^many-/, "where the button was");
  visit.clean();
});

const shown = (visit) => visit.page.evaluate(() => [...document.querySelectorAll("#rows .update")].map((row) =>
  `${row.querySelector(".path").textContent} ${row.querySelector(".message").textContent}`));

/** Brings a part of the page into sight: it asks for nothing before. */
const see = (visit, part) => visit.page.evaluate((id) => document.getElementById(id).scrollIntoView({ behavior: "instant" }), part);

/** Resolves when the tail reads: from then on, what goes by is shown. */
async function tails(visit) {
  await see(visit, "tail");
  await visit.says("#tail-state", /a second/);
}

test("the tail shows what a filter lets by, and stops while it is paused", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const { page } = visit;
  const post = (...updates) => daemon.post("update", updates.map(([path, message]) => ({ path, message })));
  await tails(visit);
  await post(["chat", "<i>hi</i>"], ["orders/1", { a: 1 }], ["orders/2", ""]);
  await visit.says("#rows", /chat/);
  assert.deepEqual(await shown(visit), ["orders/2 blank", 'orders/1 {"a":1}', "chat <i>hi</i>"]);
  const odd = '{"n":12345678901234567890,"f":1.0,"e":1e400,"dup":1,"dup":2}';
  await fetch(`${daemon.ingest}/update`, { method: "POST", body: `{"path":"odd","message":${odd}}` });
  await visit.says("#rows", /odd/);
  assert.equal((await shown(visit))[0], `odd ${odd}`, "to the letter");

  await page.fill("#filter input", "orders/*");
  await page.press("#filter input", "Enter");
  await visit.says("#tail-state", /a second at orders\/\*$/);
  await post(["chat", "no"], ["orders/3", "yes"], ["orders/3/lines", "no"], ["orders/4", "yes"]);
  await visit.says("#rows", /orders\/4/);
  assert.deepEqual(await shown(visit), ["orders/4 yes", "orders/3 yes"]);

  await page.click("#pause");
  await post(["orders/5", "late"]);
  await visit.says("#tail-state", /^paused; 1 came meanwhile/);
  assert.equal((await shown(visit)).length, 2);
  await page.click("#pause");
  await visit.says("#rows", /late/);
  await page.click("#clear");
  assert.deepEqual(await shown(visit), []);
  await post(["orders/6", "x".repeat(1000)]);
  await visit.says("#rows", /\(all 1,000\)/);
  await page.click("#rows summary");
  await visit.until("all of it", () => document.querySelector("#rows pre")?.textContent.length === 1000);
  visit.clean();
});

test("a filter that is no pattern is answered in words, and mended", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  await tails(visit);
  await visit.page.fill("#filter input", "a/**/b");
  await visit.page.click("#filter button >> nth=0");
  await visit.until("the daemon's words", () => document.getElementById("tail-problem").textContent.includes("**"));
  assert.equal(await visit.page.getAttribute("#filter input", "aria-invalid"), "true");
  assert.equal(await visit.text("#tail-state"), "stopped");
  await visit.page.fill("#filter input", "");
  await visit.page.click("#filter button >> nth=0");
  await visit.says("#tail-state", /a second$/);
  assert.equal(await visit.text("#tail-problem"), "");
  await daemon.post("update", { path: "chat", message: "again" });
  await visit.says("#rows", /again/);
  visit.clean(["400 GET /tail"]);
});

test("Explain tells of a client, by its ID, its token or an address with it", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const one = await client(daemon, "orders/*", "news");
  await daemon.post("permit", { id: one.id, paths: ["chat"], for: "1h" });
  await explain(visit, `${daemon.push}/${one.token}`);
  await visit.says("#explained", /waits on a long-poll/);
  const { hash } = new URL(visit.page.url());
  assert.equal(hash, `#explain=${one.id}`, "an address to send to others has no secret");
  const text = await visit.text("#explained");
  assert.match(text, /Connected to 2 paths.*orders\/\* since.* by ingest/s);
  assert.match(text, /May publish to.*chat.*lapses at/s);
  assert.match(text, /permitted to publish to chat by ingest.*connected to/s);
  await daemon.post("connect", { id: one.id, paths: ["later"] });
  await visit.says("#explained", /Connected to 3 paths/);
  one.leave();
  await visit.says("#explained", /Nobody waits just now: .* forgotten in/);
  await daemon.post("update", [{ path: "news", message: "a" }, { path: "news", message: "b" }]);
  await visit.says("#explained", /2 updates \(.*\) wait for it/);
  visit.clean();
});

test("Explain tells of a client that was kicked when it went, and of one that never was", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const { id } = await client(daemon, "orders/1");
  await daemon.post("kick", { id });
  await explain(visit, id);
  await visit.says("#explained", /This client is gone/);
  const events = await visit.text("#explained .events");
  assert.match(events, /^\d\d:\d\d:\d\d +gone +\d\d:\d\d:\d\d +kicked +by ingest.*connected to orders\/1 by ingest/);
  await explain(visit, id.replace(/\d+$/, "4242"));
  await visit.says("#explained", /No client has this ID/);
  assert.deepEqual(visit.complaints, []);
});

test("Explain tells who hears what is said at a path", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const one = await client(daemon, "orders/42");
  const other = await client(daemon, "orders/**");
  await explain(visit, "orders/42");
  await visit.says("#explained", /2 clients would hear an update here, by 2 patterns/);
  const text = await visit.text("#explained");
  for (const { id } of [one, other]) assert.ok(text.includes(id));
  assert.match(text, /waits, long-poll, connected by ingest/);
  const odd = " lead/\u202eright/ trail ";
  await client(daemon, odd);
  await explain(visit, odd);
  await visit.says("#explained", /1 client would hear an update here/);
  assert.equal(await visit.page.evaluate(() => getComputedStyle(document.querySelector("#explained h3 a")).unicodeBidi), "isolate");
  await explain(visit, "orders/**");
  await visit.says("#explained", /A pattern.*1 client by orders\/\*\*/);
  await explain(visit, "nobody/here");
  await visit.says("#explained", /Nobody would hear/);
  await visit.page.goBack();
  await visit.says("#explained", /A pattern/);
  await explain(visit, "a//b");
  await visit.until("words", () => document.getElementById("explain-problem").textContent !== "");
  assert.equal(await visit.text("#explained"), "");
  assert.deepEqual(visit.complaints, []);
});

test("Act sends an update, and says who has got it", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const one = await client(daemon, "orders/42");
  const { page } = visit;
  await page.fill("#update [name=path]", "orders/42");
  await page.fill("#update textarea", "<b>hello</b>");
  await page.click("#update button");
  await visit.says("#update .answer", /^For 1 client: written to 1, confirmed by 1\. Who\?$/);
  await page.check("#update [value=json]");
  await page.fill("#update textarea", '{"a": [1, 2]}');
  await page.uncheck("#update [name=wait]");
  await page.click("#update button");
  await visit.says("#update .answer", /^Taken\. /);
  await until("both", () => one.at("orders/42").length === 2);
  assert.deepEqual(one.at("orders/42"), ["<b>hello</b>", { a: [1, 2] }]);
  visit.clean();
});

test("Act marks the field that was refused", needsBrowser, async () => {
  const { visit } = await dashboard();
  const { page } = visit;
  const marked = () => page.evaluate(() => [...document.querySelectorAll("#act [aria-invalid=true]")].map(({ name }) => name));
  await page.fill("#update [name=path]", "a//b");
  await page.click("#update button");
  await visit.says("#update .answer", /^path /);
  assert.deepEqual(await marked(), ["path"]);
  await page.fill("#update [name=path]", "orders/42");
  await page.check("#update [value=json]");
  await page.fill("#update textarea", "{a: 1}");
  await page.click("#update button");
  await visit.says("#update .answer", /^bad_json the message is no JSON/);
  assert.deepEqual(await marked(), ["message"]);
  await page.fill("#command [name=id]", "nobody");
  await page.fill("#command [name=paths]", "orders/1");
  await page.click("#command button");
  await visit.until("words", () => document.querySelector("#command .answer.bad")?.textContent.length > 5);
  assert.ok((await marked()).includes("id"), `${await visit.text("#command .answer")} marks ${await marked()}`);
  assert.deepEqual(visit.complaints, []);
  visit.refusals.forEach((each) => assert.match(each, /^4\d\d POST \/control\/(update|connect)$/));
});

test("Act connects a client, lets it publish, and kicks it", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const one = await client(daemon);
  const { id } = one; // it is given another when it is kicked, and comes back
  const { page } = visit;
  const command = async (name, paths, time) => {
    await page.selectOption("#command select", name);
    if (paths) await page.fill("#command [name=paths]", paths);
    if (time) await page.fill("#command [name=for]", time);
    await page.click("#command button");
    await visit.says("#command .answer", new RegExp(`^${name}: done`));
  };
  await page.fill("#command [name=id]", id);
  await command("connect", "orders/1\n\n orders/2 ", "1h");
  await daemon.post("update", [{ path: "orders/1", message: 1 }, { path: "orders/2", message: 2 }]);
  await until("both", () => one.at("orders/1").length + one.at("orders/2").length === 2);
  await command("permit", "chat");
  await command("kick");
  assert.ok(await page.isDisabled("#command [name=paths]"));
  await one.waits;
  await page.click("#command .answer a");
  await visit.says("#explained", /This client is gone/);
  assert.match(await visit.text("#explained"), /permitted to publish to chat by dashboard/);
  visit.clean([`404 GET /control/clients/${id}`]);
});

test("a daemon with a token wants it of the page, for all but its files", needsBrowser, async () => {
  const token = "s3cret-s3cret-s3cret";
  const { daemon } = await serve("--admin-token", token);
  const visit = await Visit.begin(await profile(), `${daemon.admin}/`);
  const { page } = visit;
  await page.waitForSelector("#token input:focus");
  assert.ok(!(await page.isVisible("#main")));
  await page.fill("#token input", "wrong-wrong-wrong");
  await page.keyboard.press("Enter");
  await visit.says("#token .answer", /does not know this token/);
  await page.fill("#token input", "ü");
  await page.keyboard.press("Enter");
  await visit.says("#token .answer", /ASCII alone/);
  visit.requests.length = 0;
  await page.fill("#token input", token);
  await page.keyboard.press("Enter");
  await visit.live();
  await visit.says("#sessions", /^0$/);
  assert.ok(!(await page.isVisible("#token")));
  await tails(visit);
  await page.fill("#update [name=path]", "orders/42");
  await page.click("#update button");
  await visit.says("#update .answer", /^Taken/);
  await visit.says("#rows", /orders\/42/);
  await page.reload();
  await visit.live();
  await visit.says("#sessions", /^0$/);
  const bare = visit.requests.filter(({ headers }) => headers.authorization !== `Bearer ${token}`).map(({ url }) => new URL(url).pathname);
  for (const path of bare) assert.match(path, /^\/([\w-]+\.(js|css))?$/, "asked without the token");
  assert.ok(visit.requests.length > bare.length + 3);
  assert.deepEqual(visit.complaints, []);
  assert.equal((await fetch(`${daemon.admin}/dashboard/about`)).status, 401);
});

test("while the daemon is away the page says so, and goes on by itself", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  await visit.says("#sessions", /^0$/);
  await daemon.stop();
  await visit.light("retrying");
  assert.match(await visit.text("#banner"), /^rootsd does not answer\. What you see is as of \d\d:\d\d:\d\d\. This page goes on/);
  assert.ok(await visit.page.isVisible("#banner"));
  await daemon.start();
  await visit.live();
  await visit.until("the banner to go", () => document.getElementById("banner").hidden);
  await client(daemon, "orders/1");
  await visit.says("#sessions", /^1$/);
  await see(visit, "paths");
  await visit.says("#tree", /orders/);
  await tails(visit);
  await daemon.post("update", { path: "orders/1", message: "after" });
  await visit.says("#rows", /after/);
  assert.deepEqual(visit.complaints, []);
});

test("it fits a phone", needsBrowser, async () => {
  const { daemon, visit } = await dashboard();
  const one = await client(daemon, `a/very/long/path/${"that-goes-on/".repeat(12)}end`, "orders/1");
  await tails(visit);
  await daemon.post("update", { path: "orders/1", message: "x".repeat(2000) });
  await visit.says("#rows", /xxx/);
  await explain(visit, one.id);
  await visit.says("#explained", /waits on a long-poll/);
  await visit.fits();
});
