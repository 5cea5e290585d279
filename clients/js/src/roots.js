import { blank, concerns, Handler, isBlank } from "./handler.js";
import { Hub, idOf } from "./hub.js";
import { parse } from "./pattern.js";
import { post } from "./problem.js";
import { settings } from "./settings.js";

/** The client of rootsd: see roots.d.ts. What it does in each tab is here; what one tab does for all is in hub.js. */
export class Roots extends EventTarget {
  state = "connecting";
  transport = "";
  #options;
  #views = new Map(); // by pattern: its handlers
  #fresh = new Set(); // patterns whose blank message has come
  #tab = String(Math.random());
  #token = ""; // that counts all that this tab has heard
  #known; // what the hub said last for the one after it
  #hub; // in the tab that leads
  #channel; // to other tabs
  #up; // an AbortController, while it is at work
  #life = new AbortController(); // until close
  #wanting; // whether #want will say what is wanted
  #sent = Promise.resolve(); // the publish before
  #pause; // timer

  constructor(url, options = {}) {
    super();
    const report = (cause, doing) => {
      const error = Object.assign(new Error(`roots: ${doing}: ${cause?.message}`, { cause }), cause);
      if (this.#fire("error", error)) console.warn(error);
    };
    this.#options = { ...settings(url, options), report };
    if (globalThis.document) this.#watchPage();
  }

  get id() {
    return idOf(this.#token);
  }

  on(pattern, render, reload) {
    pattern = parse(pattern, true);
    this.#start();
    const handler = new Handler(this.#options, pattern, render, reload);
    if (!this.#views.has(pattern)) {
      this.#views.set(pattern, new Set());
      this.#want();
    }
    const handlers = this.#views.get(pattern);
    handlers.add(handler);
    if (this.#fresh.has(pattern)) queueMicrotask(() => handler.take(blank(pattern)));
    return () => {
      handler.on = false;
      handlers.delete(handler);
      if (handlers.size || this.#views.get(pattern) !== handlers) return;
      this.#views.delete(pattern);
      this.#fresh.delete(pattern);
      this.#want();
    };
  }

  publish(path, message) {
    const sent = this.#sent.then(async () => {
      const updates = [{ path: parse(path), message }];
      while (this.#start(), !this.#token) await new Promise((then) => {
        this.addEventListener("session", then, { once: true });
        this.#life.signal.addEventListener("abort", then);
      });
      return post(this.#options.fetch, this.#options.url + this.#token, updates);
    });
    this.#sent = sent.catch(() => {});
    return sent.then(); // another promise: that nobody looks after it shows, if it fails
  }

  reconnect() {
    this.#say({ again: 1 });
  }

  close() {
    for (const handlers of this.#views.values()) for (const handler of handlers) handler.on = false;
    this.#views.clear();
    this.#stop();
    this.#life.abort();
    this.#set("closed", "");
  }

  #fire(type, detail) {
    return this.dispatchEvent(new CustomEvent(type, { detail, cancelable: true }));
  }

  #start() {
    if (this.#life.signal.aborted) throw new Error("roots: closed");
    if (this.#up) return;
    this.#up = new AbortController();
    const { signal } = this.#up, { key, shared } = this.#options;
    const lead = async () => {
      // What the hub before said last may still be on its way.
      if (this.#token) await new Promise((then) => setTimeout(then, 100));
      const known = { ...this.#known, token: this.#token };
      if (!signal.aborted) this.#hub = new Hub(this.#options, (said) => this.#say(said), known);
    };
    if (!shared) return lead();
    const held = new Promise((free) => signal.addEventListener("abort", free));
    const hold = (name, then) => navigator.locks.request(name, { signal }, async (lock) => {
      then(lock);
      await held;
    }).catch(() => signal.aborted || then()); // where locks are forbidden, each tab is alone
    hold(key + this.#tab, (lock) => {
      if (!lock) return;
      this.#channel = new BroadcastChannel(key);
      this.#channel.onmessage = ({ data }) => this.#hear(data);
      this.#want();
    });
    hold(key, lead);
  }

  #stop() {
    this.#hub?.close();
    this.#up?.abort();
    this.#channel?.close();
    this.#hub = this.#up = this.#channel = this.#known = undefined;
    this.#token = "";
    this.#fresh.clear();
  }

  #watchPage() {
    const { signal } = this.#life;
    const when = (target, type, then) => target.addEventListener(type, then, { signal });
    when(globalThis, "pagehide", () => this.#stop());
    when(globalThis, "pageshow", ({ persisted }) => persisted && this.#start());
    when(globalThis, "online", () => this.#hub?.connection.open());
    when(globalThis, "offline", () => this.#hub?.connection.drop());
    when(document, "visibilitychange", () => {
      clearTimeout(this.#pause);
      if (!document.hidden) this.#say({ kick: 0 });
      else if (!this.#options.shared) {
        this.#pause = setTimeout(() => this.transport === "websocket" || this.#hub?.connection.rest(), this.#options.hidden);
      }
    });
  }

  // Says something to all tabs.
  #say(said) {
    this.#channel?.postMessage(said);
    this.#hear(said);
  }

  #hear(said) {
    const { updates, state, fresh, linked, who } = said;
    if (updates) this.#heard(said);
    if (state) this.#stand(said);
    if (linked) this.#known = said;
    if (who) this.#want();
    // It may be said twice, as it is asked for until it is said.
    if (said.to === this.#tab) for (const path of fresh) this.#fresh.has(path) || this.#deliver(blank(path), path);
    this.#hub?.hear(said);
  }

  #heard({ updates, token, since }) {
    const before = this.#token;
    if (!this.#go(token) && before !== since) {
      // This tab has heard less than the others, or more: which of these are new to it cannot be told.
      for (const path of [...this.#views.keys()]) this.#deliver(blank(path, "tab"), path);
      return;
    }
    for (const update of updates) this.#deliver(update);
  }

  // Goes on to a token, and returns whether it is that of another session.
  #go(token) {
    const { id } = this;
    this.#token = token;
    if (this.id === id) return false;
    this.#fresh.clear();
    this.#want();
    this.#fire("session", this.id);
    return true;
  }

  // Tells an update to those whom it concerns, or to the view of one pattern alone.
  #deliver(update, only) {
    for (const [pattern, handlers] of [...this.#views]) {
      if (only ? pattern !== only : !concerns(update, pattern)) continue;
      if (isBlank(update) && update.path === pattern) this.#fresh.add(pattern);
      for (const handler of [...handlers]) handler.take({ ...update });
    }
  }

  #stand({ state, transport, wait, token }) {
    // Timers of a tab that nobody sees are slow; one that is seen keeps the time for it.
    if (wait && !this.#hub && !document.hidden) setTimeout(() => this.#say({ kick: wait }), wait);
    if (!this.#token) this.#go(token);
    if (this.#up) this.#set(state, state === "live" ? transport : "");
  }

  #set(state, transport) {
    this.transport = transport;
    if (this.state === state) return;
    this.state = state;
    this.#fire("state", state);
  }

  // Says what this tab wants, once for all that changes now.
  #want() {
    if (this.#wanting) return;
    this.#wanting = 1;
    queueMicrotask(() => {
      this.#wanting = 0;
      const want = [...this.#views.keys()], ask = want.filter((path) => !this.#fresh.has(path));
      this.#say({ from: this.#tab, want, ask });
    });
  }
}
