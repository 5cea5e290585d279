import { backoff } from "./backoff.js";
import { final } from "./problem.js";

/**
 * Has the application connect the session to the paths that are wanted, and disconnect it from others: one request
 * after the other, with all there is to ask for in it, until what is wanted and what is linked are the same.
 */
export class Asker {
  #options;
  #hub;
  #busy; // while a request for this session is on its way
  #alone; // whether to ask for one path at a time: a refusal does not say which of several it means
  #leaving; // timer
  #resting; // timer, while nothing is connected
  #tries = 0;

  /** `hub.wanted()` returns a Set, `hub.changed()` is told when `linked` or `pace` has changed. `token` is any of the
   * session. `pace` is how many milliseconds another was to wait for its turn, if it did not come to that: now it is
   * some part of them. */
  constructor(options, hub, { token, linked, pace }) {
    this.#options = options;
    this.#hub = hub;
    this.token = token;
    // What is asked for already: whether its blank message has come; null where it was refused.
    this.linked = new Map(linked);
    this.#rest(this.pace = Math.random() * pace);
  }

  /** Begins anew, for a session that is linked to nothing, and whose turn comes in `pace` milliseconds. */
  begin(token, pace) {
    this.token = token;
    this.linked.clear();
    this.#busy = this.#alone = this.#tries = 0;
    this.#rest(this.pace = pace);
    this.#hub.changed();
  }

  close() {
    this.token = "";
    clearTimeout(this.#leaving);
    clearTimeout(this.#resting);
  }

  /** Asks for what is missing. What is too much is left for a second, as it is often wanted again. */
  ask() {
    if (this.#busy || this.#resting || !this.token) return;
    const missing = [...this.#hub.wanted()].filter((path) => !this.linked.has(path));
    if (missing[0]) return this.#send("connect", this.#alone ? missing.slice(0, 1) : missing);
    this.#alone = 0;
    if (this.#options.disconnect) this.#leaving ||= setTimeout(() => this.#leave(), 1000);
  }

  #leave() {
    this.#leaving = 0;
    const wanted = this.#hub.wanted(), surplus = [...this.linked.keys()].filter((path) => !wanted.has(path));
    if (!this.#busy && surplus[0]) this.#send("disconnect", surplus);
  }

  async #send(verb, paths) {
    const { token } = this;
    this.#busy = 1;
    const error = await this.#options[verb](token, paths).then(() => {}, (error) => error || {});
    if (token !== this.token) return;
    this.#busy = 0;
    if (verb === "connect") this.#connected(paths, error);
    else this.#disconnected(paths, error);
    this.#hub.changed();
    this.ask();
  }

  #connected(paths, error) {
    if (error) {
      const refused = final(error);
      if (refused && paths[1]) return this.#alone = 1;
      this.#options.report(error, "connect " + paths);
      if (!refused) return this.#rest(backoff(this.#tries++, this.#options.retry, error), paths);
    }
    this.#tries = 0;
    for (const path of paths) this.linked.set(path, error ? null : this.linked.get(path));
  }

  // Waits, and then asks for what is missing, these paths included.
  #rest(milliseconds, paths = []) {
    clearTimeout(this.#resting);
    this.#resting = milliseconds && setTimeout(() => {
      this.#resting = this.pace = 0;
      // What has come meanwhile was not said of this connect.
      for (const path of paths) this.linked.delete(path);
      this.ask();
    }, milliseconds);
  }

  #disconnected(paths, error) {
    // What stays connected by a failure costs a little, and goes with the session.
    if (error) this.#options.report(error, "disconnect " + paths);
    for (const path of paths) this.linked.delete(path);
  }
}
