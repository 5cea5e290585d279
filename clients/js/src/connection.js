import { backoff } from "./backoff.js";
import { transports } from "./transports.js";

const day = 864e5; // milliseconds

/**
 * Keeps a session's connection up, by the best transport that works here.
 *
 * `tell.heard(updates, token, since)` is called with what came after the token `since`, `tell.state(state, wait)`
 * whenever the state changes; `wait` says after how many milliseconds it will be tried again.
 */
export class Connection {
  #options;
  #tell;
  #list;
  #at; // which transport is tried
  #worked; // the one that worked last
  #tries = 0; // that failed since it did
  #timer; // until the next try
  #stop; // ends the current one

  constructor(options, tell, token) {
    this.#options = options;
    this.#tell = tell;
    this.token = token;
    this.#list = options.transports;
    this.#at = Math.max(0, this.#list.indexOf(memory(options.url)));
    this.open();
  }

  /** What is tried, or works. */
  get transport() {
    return this.#list[this.#at];
  }

  open() {
    this.close();
    const control = new AbortController(), { signal } = control;
    let watch, opened;
    this.#stop = () => {
      clearTimeout(watch);
      control.abort();
    };
    const end = (error) => {
      if (signal.aborted) return;
      this.#stop();
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
      heard: (updates, token) => {
        if (!opened && !signal.aborted) {
          opened = true;
          this.#tries = 0;
          memory(this.#options.url, this.#worked = this.transport);
          this.#tell.state("live");
        }
        if (signal.aborted) return; // also where a listener has closed it just now
        alive();
        const since = this.token;
        this.token = token;
        this.#tell.heard(updates, token, since);
      },
    };
    // A poll that resumes may wait for long before its first answer; that it is not refused is a good sign.
    const waits = this.token && this.transport === "long-poll";
    if (waits) setTimeout(() => signal.aborted || this.#tell.state("live"), 1000);
    alive(waits ? undefined : this.#options.patience);
    transports[this.transport](line).catch(end);
  }

  /** Stops, without a word to anybody. */
  close() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    this.#stop?.();
  }

  /** Drops a connection that is of no use, and tries again later. */
  drop() {
    this.close();
    this.#failed(undefined, true);
  }

  /** Stops until it is kicked. */
  rest() {
    this.close();
    this.#timer = -1; // no timer has this number
    this.#tell.state("retrying");
  }

  /** Tries now what would be tried later. */
  kick() {
    if (this.#timer) this.open();
  }

  #failed(error, opened) {
    const { reason, status, after = 0 } = error ?? {};
    const known = opened || this.transport === this.#worked && this.#tries < 3;
    if (status === 409) this.token = ""; // a newer token was used, which nobody here has
    if (!known) {
      // The next transport, at once, unless it was rootsd itself that refused.
      this.#at = reason ? 0 : (this.#at + 1) % this.#list.length;
      if (this.#at) return this.open();
    }
    if (reason ? status !== 409 : error && !this.#worked && !this.#tries) this.#options.report(error, this.#options.url);
    const wait = Math.min(day, Math.max(after, backoff(opened ? 0 : this.#tries++, this.#options.retry)));
    this.#timer = setTimeout(() => this.open(), wait);
    this.#tell.state("retrying", wait);
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
