import { backoff } from "./backoff.js";
import { overlaps } from "./pattern.js";

/** Tells whether an update says that the view of its path starts afresh. */
export const isBlank = (update) => update.message === "";

/** Makes the update that says so. */
export const blank = (path, gap) => ({ path, message: "", gap });

/** Tells whether an update is for who listens to a pattern. A gap at "**" is for all, system paths included. */
export const concerns = (update, pattern) =>
  update.gap && update.path === "**" || overlaps(update.path, pattern);

/** What one call of on() has asked for. While a reload is under way, updates wait for it. */
export class Handler {
  #waiting; // updates, while a reload is under way; null after the first
  #tries = 0;

  /** `options` are those of the client. */
  constructor(options, pattern, render, reload) {
    Object.assign(this, options, { pattern, render, reload, on: true });
  }

  /** Takes an update that concerns it. */
  take(update) {
    const waiting = this.#waiting;
    if (!waiting) return this.#show(update);
    const last = waiting.at(-1);
    if (last && isBlank(last) && isBlank(update) && last.path === update.path) return;
    if (waiting.push(update) > this.hold) this.#waiting = [blank(this.pattern, "reload")];
  }

  #show(update) {
    if (!this.on) return;
    if (isBlank(update)) this.reload && this.#load(update);
    // What comes before the first reload is in what that loads.
    else if (!this.reload || this.#waiting === null) this.#draw(update);
  }

  async #draw(update) {
    try {
      await this.render?.(update.message, update);
    } catch (error) {
      this.report(error, "render " + this.pattern);
    }
  }

  // Has the page load. What comes meanwhile waits, also for the next try where that fails.
  async #load(update) {
    this.#waiting ??= [];
    try {
      await this.reload(update);
    } catch (error) {
      this.report(error, "reload " + this.pattern);
      setTimeout(() => this.on && this.#load(update), backoff(this.#tries++, this.retry));
      return;
    }
    const updates = this.#waiting;
    this.#waiting = null;
    this.#tries = 0;
    for (const waited of updates) this.take(waited);
  }
}
