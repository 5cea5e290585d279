// Pages of other sites, in a browser on the daemon's own machine, try its doors: nothing happens, and nothing is read.

import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { until } from "../lib/awaited.js";
import { launch, needsBrowser } from "../lib/browser.js";
import { Careless, Intruder, Rebound } from "../lib/intruder.js";
import { Watched } from "../lib/watched.js";

const ends = [];
let browser, intruder, open, closed;

before(async () => {
  if (needsBrowser.skip) return;
  intruder = await Intruder.start();
  ends.push(() => intruder.close());
  open = await Watched.start();
  ends.push(() => open.close());
  closed = await Watched.start({ token: "only-back-ends-know-it" });
  ends.push(() => closed.close());
  // The names of other sites lead here. Where http is as good as https, a page may have a service worker.
  browser = await launch([
    `--host-resolver-rules=MAP rebound.test 127.0.0.3, MAP *.test 127.0.0.1, MAP ${hostname()} 127.0.0.1`,
    `--unsafely-treat-insecure-origin-as-secure=${site("another.test")}`,
  ]);
  ends.push(() => browser.close());
});

after(async () => {
  for (const end of ends.reverse()) await end();
});

const site = (host) => `http://${host}:${intruder.port}`;

/** Resolves to a page at a URL, in a profile of its own. */
async function visit(url) {
  const page = await (await browser.newContext()).newPage();
  await page.goto(url);
  return page;
}

test("each way of a page to ask for something arrives where nothing keeps it out", needsBrowser, async () => {
  const careless = await Careless.start();
  ends.push(() => careless.close());
  const page = await visit(site("another.test"));
  const names = await page.evaluate(() => ({ reads: Object.keys(reads), writes: Object.keys(writes) }));
  const target = (kind, way) => ({ url: `http://127.0.0.1:${careless.port}/${kind}/${names[kind].indexOf(way)}`, body: "doors=WAY" });
  for (const kind of ["reads", "writes"]) {
    for (const way of names[kind]) {
      await page.evaluate(([of, name, to]) => tryAll({ [name]: self[of][name] }, [to]), [kind, way, target(kind, way)]);
    }
    for (const way of names[kind]) {
      const wanted = new RegExp(kind === "reads" ? "^GET" : "^(POST|PUT) .*doors", "s");
      const { pathname } = new URL(target(kind, way).url);
      await until(`${kind}: ${way}`, () => careless.came.some((each) => each.includes(` ${pathname} `) && wanted.test(each)));
    }
  }
  await page.context().close();
});

const pages = [
  ["another site", () => site("another.test")],
  ["the same host, another port", () => site("127.0.0.1")],
  ["another site, sandboxed: no origin", () => `${site("another.test")}/sandboxed`],
  ["data: no origin", () => `data:text/html,${encodeURIComponent(intruder.page(site("another.test")))}`],
  ["a file: no origin", async () => {
    const path = join(open.folder, "page.html");
    await writeFile(path, intruder.page(site("another.test")));
    return `file://${path}`;
  }],
];
const hosts = ["127.0.0.1", "0.0.0.0", hostname()];

for (const [name, url] of pages) {
  for (const host of name === "another site" ? hosts : hosts.slice(0, 1)) {
    test(`a page of ${name}, at ${host}`, needsBrowser, async () => {
      const page = await visit(await url());
      await nothing(page, open, host);
      await page.context().close();
    });
  }
}

test("a page of another site, where tokens are wanted", needsBrowser, async () => {
  const page = await visit(site("another.test"));
  await nothing(page, closed, "127.0.0.1");
  await page.context().close();
});

/** Fails where a page could read something, or do something. */
async function nothing(page, watched, host) {
  assert.deepEqual(await page.evaluate((to) => tryAll(reads, to), watched.reads(host)), []);
  assert.deepEqual(await page.evaluate((to) => tryAll(writes, to), watched.writes(host)), []);
  assert.deepEqual(await watched.happened(), []);
}

for (const door of ["ingest", "admin", "line", "http"]) {
  test(`a page whose name leads to this machine by now (DNS rebinding), at ${door}`, needsBrowser, async () => {
    for (const watched of [open, closed]) {
      const rebound = await Rebound.start(intruder, watched.ports[door]);
      ends.push(() => rebound.close());
      const page = await visit(rebound.url);
      rebound.rebind();
      const there = ({ url }) => url.startsWith(`${rebound.url}/`);
      // The page may read whatever it is answered: that it is refused, then, and nothing else.
      const refusal = /^{"title":"(Forbidden","status":403,"reason":"(host|cross_site)|Unauthorized","status":401,"reason":"token)"/;
      const found = [
        ...await page.evaluate((to) => tryAll(reads, to), watched.reads("rebound.test").filter(there)),
        ...await page.evaluate((to) => tryAll(writes, to), watched.writes("rebound.test").filter(there)),
      ];
      assert.deepEqual(found.filter(({ text }) => !refusal.test(text)), []);
      assert.equal(found.length > 0, door !== "line", "the page has arrived at the daemon");
      assert.deepEqual(await watched.happened(), []);
      await page.context().close();
    }
  });
}

test("a link that somebody follows, from nowhere or by way of another site, says no line", needsBrowser, async () => {
  const page = await (await browser.newContext()).newPage();
  const { http, line } = open.urls("127.0.0.1");
  for (const url of [`${http}/doors%3B%20link`, `${line}/doors;link`]) {
    for (const first of [url, `${site("another.test")}/to?302,${encodeURIComponent(url)}`]) {
      const answer = await page.goto(first).catch(() => null); // the line protocol answers nothing
      assert.equal(answer?.status() ?? 403, 403);
    }
  }
  assert.deepEqual(await open.happened(), []);
  await page.context().close();
});

/** Resolves to what a page gets by each transport at a URL: text, "open", or "" where it is refused. */
async function waits(page, url) {
  const got = [];
  for (const way of ["fetch", "EventSource", "WebSocket"]) {
    got.push(await page.evaluate(([name, to]) => tried(reads[name](to)), [way, url]));
  }
  return got;
}

test("push.origins: pages of its origins wait by each transport, others are refused before a session is opened", needsBrowser, async () => {
  const watched = await Watched.start({ flags: ["--push-origins", `${site("good.test")},http://*.many.test:${intruder.port}`] });
  ends.push(() => watched.close());
  const { push } = watched.daemon;
  const opened = () => watched.metric("rootsd_sessions_opened_total");
  for (const host of ["good.test", "a.many.test"]) {
    const page = await visit(site(host));
    const before = await opened();
    const [answer, ...streams] = await waits(page, push);
    assert.match(answer, /reconnectWith/, host);
    assert.deepEqual(streams, ["open", "open"], host);
    assert.equal(await opened(), before + 3, host);
    const token = JSON.parse(answer).reconnectWith;
    const published = await page.evaluate((url) => writes["fetch, JSON"](url, '{"path":"a","message":1}'), `${push}/${token}`);
    assert.match(published, /not_permitted/, "a preflight lets a POST with a type of its own through");
    await page.context().close();
  }
  const before = await opened();
  for (const url of [site("another.test"), site("many.test"), `${site("good.test")}/sandboxed`, site("good.test.another.test")]) {
    const page = await visit(url);
    assert.deepEqual(await waits(page, push), ["", "", ""], url);
    assert.deepEqual(await waits(page, `${push}/${watched.session}`), ["", "", ""], url);
    for (const way of ["fetch", "fetch, no-cors", "fetch, JSON", "sendBeacon"]) {
      const body = '{"path":"a","message":1}';
      assert.equal(await page.evaluate(([name, to, text]) => writes[name](to, text), [way, `${push}/${watched.session}/leave`, body]).catch(() => ""), "", url);
    }
    await page.context().close();
  }
  assert.equal(await opened(), before);
  assert.equal(await watched.metric("rootsd_sessions_ended_total"), 0, "and nobody's session was ended");
  assert.deepEqual(await watched.happened(), []);
});

test("no port lets pages of the web into a private network", async () => {
  const { push, ingest, admin, http } = open.urls("127.0.0.1");
  for (const [name, url] of Object.entries({ push, ingest: `${ingest}/update`, admin: `${admin}/control/update`, http })) {
    const answer = await fetch(url, { method: "OPTIONS", headers: {
      "Origin": "https://example.com", "Access-Control-Request-Method": "POST", "Access-Control-Request-Private-Network": "true",
    } });
    assert.equal(answer.headers.get("access-control-allow-private-network"), null, name);
    assert.equal(answer.status, name === "push" ? 204 : 403, name);
    assert.equal(answer.headers.get("access-control-allow-origin"), name === "push" ? "*" : null, name);
    assert.equal(answer.headers.get("access-control-allow-credentials"), null, name);
  }
});
