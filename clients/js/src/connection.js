import { backoff, day } from "./backoff.js";
import { transports } from "./transports.js";

/**
 * Keeps a session's connection up, by the best transport that works here.
 *
 * `hub.heard(updates, token, since, pace)` is called with what came after the token `since`; a `pace` says after how
 * many milliseconds a new session may be connected. `hub.tell({ state, wait })` is called whenever the state changes;
 * `wait` says after how many it will be tried again.
 */
export class Connection {
  #options;
  #hub;
  #at; // which transport is tried
  #worked; // the one that worked last
  #tries = 0; // that failed since it did
  #timer; // until the next try
  #control; // of the current one

  constructor(options, hub, token) {
    this.#options = options;
    this.#hub = hub;
    this.token = token;
    this.#at = Math.max(0, options.transports.indexOf(memory(options.url)));
    this.open();
  }

  /** What is tried, or works. */
  get transport() {
    return this.#options.transports[this.#at];
  }

  open() {
    this.close();
    const { signal } = this.#control = new AbortController();
    let watch, opened;
    signal.onabort = () => clearTimeout(watch);
    const end = (error) => {
      if (signal.aborted) return;
      this.#control.abort();
      this.#failed(error, opened);
    };
    const alive = (within = this.#options.silence) => {
      clearTimeout(watch);
      watch = setTimeout(end, within, new Error("silence"));
    };
    // A line is what a transport listens on.
    const line = {
      ...this.#options,
      signal,
      alive,
      url: () => this.#options.url + this.token,
      heard: (updates, token, pace) => {
        if (!opened && !signal.aborted) {
          opened = true;
          this.#tries = 0;
          memory(this.#options.url, this.#worked = this.transport);
          this.#hub.tell({ state: "live" });
        }
        if (signal.aborted) return; // also where a listener has closed it just now
        alive();
        const since = this.token;
        this.token = token;
        this.#hub.heard(updates, token, since, pace);
      },
    };
    // A poll that resumes may wait for long before its first answer; that it is not refused is a good sign.
    const waits = this.token && this.transport === "long-poll";
    if (waits) setTimeout(() => signal.aborted || this.#hub.tell({ state: "live" }), 1000);
    alive(waits ? undefined : this.#options.patience);
    transports[this.transport](line).catch(end);
  }

  /** Stops, without a word to anybody. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#control?.abort();
  }

  /** Drops a connection that is of no use, and tries again later. */
  drop() {
    this.close();
    this.#failed(0, 1);
  }

  /** Stops until it is kicked. */
  rest() {
    this.close();
    this.#timer = -1; // no timer has this number
    this.#hub.tell({ state: "retrying" });
  }

  /** Tries now what would be tried later. */
  kick() {
    if (this.#timer) this.open();
  }

  #failed(error, opened) {
    const { reason, status, retry } = error ?? {};
    const known = opened || this.transport === this.#worked && this.#tries < 3;
    // A newer token was used, which nobody here has. One that was superseded still has a good token: what has taken its
    // place may be a request that was given up, and came late.
    if (reason === "stale") this.token = "";
    if (!known) {
      // The next transport, at once, unless it was rootsd itself that refused.
      this.#at = reason ? 0 : (this.#at + 1) % this.#options.transports.length;
      if (this.#at) return this.open();
    }
    const news = reason ? status && status !== 409 : error && !this.#worked && !this.#tries;
    if (news) this.#options.report(error, this.#options.url);
    const wait = +retry || backoff(opened ? 0 : this.#tries++, this.#options.retry, error);
    this.#timer = setTimeout(() => this.open(), wait);
    this.#hub.tell({ state: "retrying", wait });
  }
}

/** Returns which transport worked with a daemon within the last day; or remembers that one does, if that is news. */
function memory(url, works) {
  try {
    const key = "roots " + url;
    const [name, at] = (localStorage[key] ?? "").split(" "), known = Date.now() - at < day && name;
    if (works && works !== known) localStorage[key] = `${works} ${Date.now()}`;
    return known;
  } catch {
    // There is no localStorage here. What is not remembered is found out again.
  }
}
