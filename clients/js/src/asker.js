import { backoff } from "./backoff.js";
import { final } from "./problem.js";

/**
 * Has the application connect the session to the paths that are wanted, and disconnect it from others: one request
 * after the other, with all there is to ask for in it, until what is wanted and what is linked are the same.
 */
export class Asker {
  #options;
  #busy;
  #leaving; // timer
  #tries = 0;
  #wake; // ends the wait before the next try

  /** `wanted()` returns a Set, `changed()` is told when `linked` has changed. `token` is any of the session. */
  constructor(options, wanted, changed, { token, linked }) {
    this.#options = options;
    this.wanted = wanted;
    this.changed = changed;
    this.token = token;
    // What is asked for already: whether its blank message has come; null where it was refused.
    this.linked = new Map(linked);
  }

  /** Begins anew, for a session that is linked to nothing. */
  begin(token) {
    this.token = token;
    this.linked.clear();
    this.changed();
    this.#tries = 0;
    this.#wake?.();
  }

  close() {
    this.token = "";
    clearTimeout(this.#leaving);
    this.#wake?.();
  }

  /** Asks for what is missing. What is too much is left for a second, as it is often wanted again. */
  async ask() {
    if (this.#busy || !this.token) return;
    this.#busy = true;
    for (let alone = false; this.token; ) {
      const missing = [...this.wanted()].filter((path) => !this.linked.has(path));
      if (!missing.length) break;
      alone = await this.#connect(alone ? missing.slice(0, 1) : missing, alone);
    }
    this.#busy = false;
    if (this.#options.disconnect && this.token) this.#leaving ||= setTimeout(() => this.#leave(), 1000);
  }

  // Connects, and returns whether to ask for one path at a time from here on: a refusal does not say which of them it
  // means.
  async #connect(paths, alone) {
    const { token } = this;
    try {
      await this.#options.connect(token, paths);
    } catch (error) {
      const refused = final(error);
      if (token !== this.token) return alone;
      if (refused && paths.length > 1) return true;
      this.#options.report(error, "connect " + paths);
      if (!refused) {
        await new Promise((then) => {
          const timer = setTimeout(then, backoff(this.#tries++, this.#options.retry));
          this.#wake = () => then(clearTimeout(timer));
        });
        // What has come meanwhile was not said of this connect.
        for (const path of paths) this.linked.delete(path);
        return alone;
      }
      this.linked.set(paths[0], null);
    }
    this.#tries = 0;
    if (token !== this.token) return false;
    for (const path of paths) this.linked.set(path, this.linked.get(path));
    this.changed();
    return alone;
  }

  async #leave() {
    this.#leaving = 0;
    const { token } = this, wanted = this.wanted();
    const surplus = [...this.linked.keys()].filter((path) => !wanted.has(path));
    if (this.#busy || !surplus.length) return;
    this.#busy = true;
    // What stays connected by a failure costs a little, and goes with the session.
    await this.#options.disconnect(token, surplus)
      .catch((error) => this.#options.report(error, "disconnect " + surplus));
    this.#busy = false;
    if (token === this.token) for (const path of surplus) this.linked.delete(path);
    this.changed();
    this.ask();
  }
}
