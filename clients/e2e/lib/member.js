// A user of the to-do application of the examples, and the page of a list.

import { until } from "./awaited.js";
import { Tab } from "./tab.js";

export class Member extends Tab {
  /** How often the page asked for its items, and how often that was answered. */
  loads = { begun: 0, ended: 0 };
  /** Requests to the application that were answered with an error, such as `500 POST /lists/1/items`. */
  refusals = [];
  /** Everything that came by WebSockets: what rootsd told this tab, as text. */
  heard = "";

  constructor(page) {
    super(page);
    page.setDefaultTimeout(30_000);
    page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => (this.heard += payload)));
    const loads = (request) => request.method() === "GET" && request.url().endsWith("/items");
    page.on("request", (request) => loads(request) && this.loads.begun++);
    for (const end of ["requestfinished", "requestfailed"]) {
      page.on(end, (request) => loads(request) && this.loads.ended++);
    }
    page.on("response", (answer) => this.#note(answer));
  }

  #note(answer) {
    const { origin, pathname } = new URL(answer.url()), status = answer.status();
    const own = origin === new URL(this.page.url()).origin && pathname !== "/favicon.ico";
    if (status >= 400 && own) this.refusals.push(`${status} ${answer.request().method()} ${pathname}`);
  }

  /** Logs a user in, in a profile of their own, and opens a list. */
  static async open(browser, url, name, list) {
    const member = new Member(await (await browser.newContext()).newPage());
    await member.page.goto(`${url}/`);
    await member.logIn(name);
    await member.choose(list);
    return member;
  }

  /** Opens a list in another tab of the same browser, where the user is logged in already. `deaf`: it does not hear of
   * a logout, as a page without a script for that. */
  async another(list, { deaf = false } = {}) {
    const member = new Member(await this.page.context().newPage());
    if (deaf) await member.page.addInitScript(deafen);
    await member.page.goto(new URL("/", this.page.url()).href);
    await member.choose(list);
    return member;
  }

  /** Logs a user in, on the page that asks for it. */
  async logIn(name) {
    await this.page.fill("input[name=username]", name);
    await this.page.fill("input[name=password]", `${name}-secret`);
    await this.page.press("input[name=password]", "Enter");
  }

  /** Opens a list by its link. */
  async choose(list) {
    await this.page.click(`a.list[href="/lists/${list}"]`);
    await this.page.waitForSelector("#items", { state: "attached" });
    await this.page.evaluate(() => (window.opened = true)); // for as long as it is not loaded again
  }

  /** Logs the user out, by way of the page of lists. */
  async logOut() {
    await this.page.click('a[href="/"]');
    await this.page.click('form[action="/logout"] button');
    await this.asksWho();
  }

  /** Resolves when the page is the one to log in. */
  asksWho() {
    return this.page.waitForURL((url) => url.pathname === "/login");
  }

  /** Types an item. Resolves to the status of the application's answer. */
  async add(text) {
    return this.#does(async () => {
      await this.page.fill("#add input[name=text]", text);
      await this.page.press("#add input[name=text]", "Enter");
    });
  }

  /** Ticks an item. Resolves to the status of the application's answer. */
  tick(text) {
    return this.#does(() => this.page.locator("#items li", { hasText: text }).locator("input[type=checkbox]").click());
  }

  async #does(action) {
    const saves = (each) => each.request().method() === "POST" && /\/items(\/\w+)?$/.test(each.url());
    const [answer] = await Promise.all([this.page.waitForResponse(saves), action()]);
    return answer.status();
  }

  /** Resolves when the page shows an item, once. */
  shows(text, done = false) {
    return this.until(`"${text}" once, ${done ? "" : "not "}ticked`, ([wanted, ticked]) => {
      const is = (row) => row.querySelector("span").textContent === wanted;
      const rows = [...document.querySelectorAll("#items li")].filter(is), [row] = rows;
      if (rows.length !== 1) return false;
      return row.querySelector("input").checked === ticked && row.classList.contains("done") === ticked;
    }, [text, done]);
  }

  /** Resolves when the page shows an item no more. */
  lacks(text) {
    return this.until(`"${text}" to go`, (wanted) => {
      return [...document.querySelectorAll("#items span")].every((each) => each.textContent !== wanted);
    }, text);
  }

  /** Resolves when rootsd has told this tab of a text. */
  hears(text) {
    return until(`rootsd to tell of "${text}"`, () => this.heard.includes(text));
  }

  /** Leaves the page for another, as users do. The tab stays: with it would go what its page says last. */
  leave() {
    return this.page.goto("about:blank");
  }

  /** Resolves to the ID that rootsd knows the page's browser by. */
  id() {
    return this.page.evaluate(() => roots.id);
  }

  /** Resolves when `#state` says so. */
  says(state) {
    const check = (word) => document.getElementById("state").textContent.includes(word);
    return this.until(`#state to say ${state}`, check, state);
  }

  /** Resolves when every request for its items has been answered. */
  loaded() {
    return until("the list to be loaded", () => this.loads.begun > 0 && this.loads.begun === this.loads.ended);
  }

  /** Resolves to the items that the page shows, in the order of their IDs. */
  items() {
    return this.page.evaluate(() => [...document.querySelectorAll("#items li")].map((row) => ({
      id: row.dataset.id, text: row.querySelector("span").textContent, done: row.querySelector("input").checked,
    })).toSorted((a, b) => a.id.localeCompare(b.id, "en", { numeric: true })));
  }

  /** Resolves to the items of a list as the application has them, in the order of their IDs. */
  async stored(list) {
    const answer = await this.page.request.get(new URL(`/lists/${list}/items`, this.page.url()).href);
    const items = (await answer.json()).map(({ id, text, done }) => ({ id: String(id), text, done }));
    return items.toSorted((a, b) => a.id.localeCompare(b.id, "en", { numeric: true }));
  }

  /** Resolves to the status of a request that the page makes to its application. */
  asks(method, path, body, headers) {
    const options = { method, body, headers };
    return this.page.evaluate(async ([url, given]) => (await fetch(url, given)).status, [path, options]);
  }

  async report() {
    const { complaints, refusals } = this;
    return { text: (await this.page.innerText("body")).slice(0, 1000), complaints, refusals };
  }
}

/** Has nothing arrive in a page by the channel that tells of logouts. */
function deafen() {
  window.BroadcastChannel = class extends BroadcastChannel {
    set onmessage(listener) {
      if (this.name !== "session") super.onmessage = listener;
    }
  };
}
