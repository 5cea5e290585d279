// Pages that the daemon itself serves, as somebody sees them.

import assert from "node:assert/strict";
import { Tab } from "./tab.js";

/** A tab with such a page: the demo, or the dashboard. */
export class Visit extends Tab {
  /** What it asked for: `{method, url, headers}`. */
  requests = [];
  /** What it was answered in error, such as `404 GET /nothing`. */
  refusals = [];

  constructor(page) {
    super(page);
    page.on("request", (request) => this.requests.push({ method: request.method(), url: request.url(), headers: request.headers() }));
    page.on("websocket", (socket) => this.requests.push({ method: "GET", url: socket.url(), headers: {} }));
    page.on("response", (answer) => this.#note(answer));
  }

  #note(answer) {
    const { pathname } = new URL(answer.url());
    if (answer.status() >= 400) this.refusals.push(`${answer.status()} ${answer.request().method()} ${pathname}`);
  }

  /** Opens a page and waits until it is live. */
  static async open(context, url) {
    const visit = await Visit.begin(context, url);
    await visit.live();
    return visit;
  }

  /** Opens a page, and keeps the answer that it came with. */
  static async begin(context, url) {
    const visit = new Visit(await context.newPage());
    visit.answer = await visit.page.goto(url);
    return visit;
  }

  live() {
    return this.light("live");
  }

  light(state) {
    return this.until(`the light to say ${state}`, (want) => document.getElementById("light")?.dataset.state === want, state);
  }

  /** Resolves when the text of an element matches. */
  says(selector, pattern) {
    const check = ([where, source]) => new RegExp(source).test(document.querySelector(where)?.textContent);
    return this.until(`${selector} to say ${pattern}`, check, [selector, pattern.source]);
  }

  text(selector) {
    return this.page.locator(selector).first().textContent();
  }

  /** Presses a key until the element that has the focus is what a selector says. */
  async reach(selector, key = "Tab") {
    const there = () => this.page.evaluate((want) => document.activeElement.matches(want), selector);
    for (let presses = 0; presses < 80; presses++) {
      if (await there()) return;
      await this.page.keyboard.press(key);
    }
    throw new Error(`${selector} cannot be reached with ${key}`);
  }

  /** Fails where the page complained, its policy was broken, it asked any other host for something, or was refused. */
  clean(refusals = []) {
    assert.deepEqual(this.complaints, []);
    const { host } = new URL(this.page.url());
    assert.deepEqual(this.requests.filter(({ url }) => /^(https?|wss?):/.test(url) && new URL(url).host !== host), []);
    assert.deepEqual(this.refusals, refusals);
    assert.match(this.answer.headers()["content-security-policy"], /default-src 'none'.*frame-ancestors 'none'/);
  }

  /** Fails where the page is wider than a phone. */
  async fits() {
    await this.page.setViewportSize({ width: 360, height: 740 });
    const [content, window] = await this.page.evaluate(() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]);
    assert.equal(content, window);
  }

  async report() {
    return { text: (await this.page.innerText("body")).slice(0, 2000), complaints: this.complaints, refusals: this.refusals };
  }
}
