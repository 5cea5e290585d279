// What a dashboard has to show: clients that wait, without a browser.

/** A client by long-poll. It asks again for as long as nobody has it leave. */
export class Client {
  /** What it was told: `{path, message}`. */
  heard = [];
  id = "";
  token = "";
  #control = new AbortController();

  constructor(daemon) {
    this.daemon = daemon;
  }

  /** Resolves to a client that is connected to these paths, and waits. */
  static async open(daemon, ...paths) {
    const client = new Client(daemon);
    await client.#ask();
    if (paths.length) await daemon.post("connect", { id: client.id, paths });
    client.waits = client.#wait();
    return client;
  }

  async #ask() {
    const answer = await fetch(`${this.daemon.push}/${this.token}`, { signal: this.#control.signal });
    const { updates, reconnectWith } = await answer.json();
    this.heard.push(...updates);
    this.token = reconnectWith;
    this.id = reconnectWith.split("/")[0];
  }

  async #wait() {
    const { id } = this;
    while (this.id === id && !this.#control.signal.aborted) await this.#ask().catch(() => this.leave());
  }

  /** Leaves without a word, as one does whose network is gone. */
  leave() {
    this.#control.abort();
  }

  /** The messages at a path, but for blank ones. */
  at(path) {
    return this.heard.filter((update) => update.path === path && update.message !== "").map(({ message }) => message);
  }
}
