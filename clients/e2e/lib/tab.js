// A tab of the browser with the application's page in it.

/** What Chromium itself writes to the console when a request fails, which no page can prevent. */
const chatter = /^Failed to load resource|^WebSocket connection to|net::ERR_/;

export class Tab {
  /** What the page wrote to the console as an error or warning, or threw. */
  complaints = [];
  /** When this tab asked rootsd for something last, as a count over all tabs; 0 for never. */
  carried = 0;
  static #clock = 0;

  constructor(page) {
    this.page = page;
    page.on("console", (message) => this.#hear(message.type(), message.text()));
    page.on("pageerror", (error) => this.complaints.push(error.stack ?? String(error)));
    page.on("request", (request) => request.url().includes("/comet/") && this.#carries());
    page.on("websocket", () => this.#carries());
  }

  /** Opens a page. `start` is what its recorder starts with; without it, it waits for {@link start}. */
  static async open(context, application, start) {
    const tab = new Tab(await context.newPage());
    await tab.goto(application, start);
    return tab;
  }

  /** The one of these tabs that carries the connection which they share. */
  static leader(tabs) {
    return tabs.toSorted((a, b) => b.carried - a.carried)[0];
  }

  goto(application, start) {
    const query = start ? `?start=${encodeURIComponent(JSON.stringify(start))}` : "";
    return this.page.goto(`${application.url}/${query}`);
  }

  start(start) {
    return this.page.evaluate((given) => recorder.start(given), start);
  }

  /** Resolves when a function of the page returns true. The error of one that does not in time says what it was. */
  async until(what, check, argument) {
    try {
      await this.page.waitForFunction(check, argument, { polling: 25, timeout: 20_000 });
    } catch (error) {
      throw new Error(`waited for ${what}: ${error.message}\n${JSON.stringify(await this.report().catch(String))}`);
    }
  }

  live() {
    return this.until("live", () => window.roots?.state === "live");
  }

  retrying() {
    return this.until("retrying", () => roots.state === "retrying");
  }

  /** Resolves when a view has been loaded. */
  loaded(pattern, times = 1) {
    return this.until(`reload ${times} of ${pattern}`, ([view, n]) => recorder.views[view]?.reloads >= n, [pattern, times]);
  }

  /** Resolves when the view of a path shows a number. */
  shows(path, number, pattern = path) {
    return this.until(`${path} to show ${number}`, ([view, at, n]) => recorder.views[view].shown[at] === n, [pattern, path, number]);
  }

  /** Resolves to the log of a view. */
  log(pattern) {
    return this.page.evaluate((view) => recorder.views[view].log, pattern);
  }

  /** Resolves to why a view was loaded again after the first time: what `gap` said of each, "" where it said nothing. */
  async again(pattern) {
    const reloads = (await this.log(pattern)).filter((entry) => entry.kind === "reload");
    return reloads.slice(1).map(({ gap }) => gap ?? "");
  }

  /** Resolves to all that was wrong: in what handlers were told, and in the console. */
  async wrong() {
    return [...this.complaints, ...(await this.page.evaluate(() => recorder.wrong()))];
  }

  transport() {
    return this.page.evaluate(() => roots.transport);
  }

  /** Has the page think that it is hidden, or seen. */
  hide(hidden) {
    return this.page.evaluate((value) => {
      Object.defineProperty(document, "hidden", { value, configurable: true });
      Object.defineProperty(document, "visibilityState", { value: value ? "hidden" : "visible", configurable: true });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  }

  /** What a failed test should show. */
  async report() {
    return this.page.evaluate(() => ({
      state: window.roots?.state, transport: window.roots?.transport, id: window.roots?.id,
      states: recorder.states.slice(-12), errors: recorder.errors, wrong: recorder.wrong().slice(0, 5),
      views: Object.values(recorder.views).map(({ pattern, shown, reloads, log }) => ({ pattern, shown, reloads, last: log.slice(-5) })),
    }));
  }

  #carries() {
    this.carried = ++Tab.#clock;
  }

  #hear(type, text) {
    if ((type === "error" || type === "warning") && !chatter.test(text)) this.complaints.push(`${type}: ${text}`);
  }
}
