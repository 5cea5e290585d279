// The recorder of a page: what its handlers were called with, in order, and what was wrong with that.

"use strict";

/** One view of the page, as wide as a pattern: it shows the number at each path. */
class View {
  log = [];      // {kind: "render" | "reload", path, message, gap}
  faults = [];   // what no handler may ever see
  shown = {};    // path -> the number that the view shows
  rendered = {}; // path -> the last number that was rendered
  reloads = 0;   // that are done
  #loading = 0;

  constructor(pattern) {
    this.pattern = pattern;
  }

  render = (message, update) => {
    this.log.push({ kind: "render", path: update.path, message, gap: update.gap });
    if (this.#loading) this.#fault(update, "came during a reload");
    if (!this.reloads) this.#fault(update, "came before the first reload");
    if (message <= (this.rendered[update.path] ?? 0)) this.#fault(update, "was rendered before, or after a later one");
    if (message > (this.shown[update.path] ?? 0) + 1) this.#fault(update, `came when the view showed ${this.shown[update.path]}`);
    this.rendered[update.path] = message;
    this.shown[update.path] = Math.max(this.shown[update.path] ?? 0, message);
  };

  /** Takes the application's numbers, and goes on from there. */
  reload = async (update) => {
    this.log.push({ kind: "reload", path: update.path, message: update.message, gap: update.gap });
    if (this.#loading) this.#fault(update, "came during another reload");
    this.#loading++;
    try {
      const answer = await fetch(`/data/${this.pattern}`);
      if (!answer.ok) throw new Error(`the application answers ${answer.status}`);
      this.#take(await answer.json(), update);
      this.reloads++;
    } finally {
      this.#loading--;
    }
  };

  #take(numbers, update) {
    for (const [path, number] of Object.entries(numbers)) {
      if (number < (this.shown[path] ?? 0)) this.#fault(update, `${path} went back to ${number}`);
      this.shown[path] = number;
    }
  }

  #fault(update, what) {
    this.faults.push(`${this.pattern}: ${JSON.stringify(update)} ${what}`);
  }
}

window.recorder = {
  views: {},
  states: [],
  errors: [], // what the client says to the page's author
  faults: [],

  /** Makes `window.roots`, and listens to patterns. */
  start({ url = "/comet/", options = {}, patterns = [] }) {
    const roots = (window.roots = new Roots(url, { connect: "/server/connect/{id}", ...options }));
    this.states.push(roots.state);
    roots.addEventListener("state", (event) => this.states.push(event.detail));
    roots.addEventListener("error", (event) => {
      event.preventDefault();
      this.errors.push({ message: String(event.detail?.message), status: event.detail?.status });
    });
    for (const pattern of patterns) this.listen(pattern);
  },

  /** Opens a view. Its `off` closes it. */
  listen(pattern) {
    const view = (this.views[pattern] = new View(pattern));
    view.off = roots.on(pattern, view.render, view.reload);
  },

  /** All that was wrong. */
  wrong() {
    return [...this.faults, ...Object.values(this.views).flatMap((view) => view.faults)];
  },
};

addEventListener("unhandledrejection", (event) => recorder.faults.push(`unhandled rejection: ${event.reason?.stack ?? event.reason}`));
addEventListener("error", (event) => recorder.faults.push(`uncaught: ${event.error?.stack ?? event.message}`));

const start = new URLSearchParams(location.search).get("start");
if (start) recorder.start(JSON.parse(start));
