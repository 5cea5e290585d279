import { backoff } from "./backoff.js";
import { overlaps } from "./pattern.js";

/** Tells whether an update says that the view of its path starts afresh. */
export const isBlank = (update) => update.message === "";

/** Tells whether an update is for who listens to a pattern. A gap at "**" is for all, system paths included. */
export const concerns = (update, pattern) =>
  update.path === pattern || update.gap && isBlank(update) && update.path === "**" || overlaps(update.path, pattern);

/** What one call of on() has asked for. While a reload is under way, updates wait for it. */
export class Handler {
  #waiting; // updates, while a reload is under way
  #tries = 0;

  constructor(pattern, render, reload, { hold, retry, report }) {
    Object.assign(this, { pattern, render, reload, hold, retry, report, on: true });
  }

  /** Takes an update that concerns it. */
  take(update) {
    const waiting = this.#waiting, last = waiting?.at(-1);
    if (!waiting) return this.#show(update);
    if (last && isBlank(last) && isBlank(update) && last.path === update.path) return;
    if (waiting.push(update) > this.hold) this.#waiting = [{ path: this.pattern, message: "", gap: "reload" }];
  }

  #show(update) {
    if (!this.on) return;
    try {
      const done = (isBlank(update) ? this.reload : this.render && ((u) => this.render(u.message, u)))?.(update);
      if (isBlank(update) && done?.then) this.#wait(done, update);
    } catch (error) {
      this.report(error);
    }
  }

  #wait(done, update) {
    this.#waiting ??= [];
    done.then(() => this.#resume(), (error) => {
      this.report(error);
      setTimeout(() => this.#again(update), backoff(this.#tries++, this.retry));
    });
  }

  #resume() {
    const updates = this.#waiting;
    this.#waiting = undefined;
    this.#tries = 0;
    for (const update of updates) this.take(update);
  }

  // Reloads once more, after a failure. What waits goes on waiting.
  #again(update) {
    if (this.on) this.#wait((async () => this.reload(update))(), update);
  }
}
