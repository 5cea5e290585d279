import { Asker } from "./asker.js";
import { Connection } from "./connection.js";
import { isBlank } from "./handler.js";

/** Returns the ID of a token: its first segment. */
export const idOf = (token) => token.split("/")[0];

/**
 * What one tab does for all: it keeps the connection, knows what each tab wants to hear, has it connected, and says
 * what it hears. Messages go both ways by `say`, which every tab hears, this one included:
 *
 *   { from, want, ask }              a tab: all that it wants, and what of that it has no view of yet
 *   { kick }                         a tab: try now, if the wait is still that one (0: whichever it is)
 *   { again }                        a tab: connect anew
 *   { who }                          the hub: it has just begun; say what you want
 *   { updates, token, since }        the hub: what it heard
 *   { state, transport, wait, token } the hub: how it is
 *   { fresh, to }                    the hub: this is connected already, so load it
 *   { linked, pace }                 the hub: what the next hub has to know
 */
export class Hub {
  #options;
  #say;
  #tabs = new Map();
  #state;
  #control = new AbortController();

  constructor(options, say, known) {
    this.#options = options;
    this.#say = say;
    this.#state = { state: known.token ? "retrying" : "connecting" };
    this.asker = new Asker(options, this, known);
    this.connection = new Connection(options, this, known.token);
    say({ who: 1 });
  }

  /** Returns the set of all that is wanted. */
  wanted() {
    return new Set([...this.#tabs.values()].flat());
  }

  /** Says what the next hub has to know of the asker. */
  changed() {
    const { linked, pace } = this.asker;
    this.#say({ linked: [...linked], pace });
  }

  /** Takes what a tab says. */
  hear({ from, want, ask, kick, again }) {
    if (kick === 0 || kick && kick === this.#state.wait) this.connection.kick();
    if (again) this.connection.open();
    if (!want) return;
    const { linked } = this.asker, before = this.#tabs.get(from);
    if (this.#options.shared && !before) this.#watch(from);
    // What was refused is asked for once more when a tab wants it that did not before.
    for (const path of want) if (linked.get(path) === null && !before?.includes(path)) linked.delete(path);
    this.#tabs.set(from, want);
    this.tell(this.#state);
    const fresh = ask.filter((path) => linked.get(path));
    if (fresh.length) this.#say({ fresh, to: from });
    this.asker.ask();
  }

  // Gives a tab that has come what it has to know to lead, and waits for its end: it holds a lock as long as it lives.
  #watch(tab) {
    this.changed();
    navigator.locks.request(this.#options.key + tab, { signal: this.#control.signal }, () => {
      this.#tabs.delete(tab);
      this.asker.ask();
    }).catch(() => {}); // it was this hub that ended first
  }

  /** Says how the connection is. */
  tell(state) {
    const { token, transport } = this.connection;
    this.#say({ ...this.#state = state, token, transport });
  }

  /** Says what the connection heard after the token `since`. */
  heard(updates, token, since, pace) {
    const { asker } = this;
    if (idOf(token) !== idOf(asker.token)) asker.begin(token, pace);
    const changed = updates.filter((update) => this.#note(update)).length;
    this.#say({ updates, token, since });
    if (changed) this.changed();
    asker.ask();
  }

  // Notes what an update says of connections, and returns whether it did.
  #note(update) {
    const { linked } = this.asker, { path, message, gap } = update;
    // What is rootsd's own cannot be loaded from an application: a new connect says it again. And a "::+::disconnect"
    // that was lost does not say for which path it was.
    if (gap && /^(::|\*\*$)/.test(path)) return linked.clear(), true;
    // One whose blank message is still to come was connected again after this was said.
    if (path === "::+::disconnect") return linked.get(message) && linked.delete(message);
    return isBlank(update) && !linked.get(path) && this.wanted().has(path) && linked.set(path, true);
  }

  close() {
    this.connection.close();
    this.asker.close();
    this.#control.abort();
    // Nobody else uses the session: it need not wait for its time to expire.
    const { token } = this.connection;
    if (token && this.#tabs.size < 2) {
      this.#options.fetch(`${this.#options.url + token}/leave`, { method: "POST", keepalive: true }).catch(() => {});
    }
  }
}
