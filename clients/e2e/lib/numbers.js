// What the application knows and tells: a number at each path, counted up, so that a page can tell what it missed.

import { pause } from "./awaited.js";

/** The largest batch that is told at once. */
const batch = 250;

/** Numbers at paths. A number is in the data before rootsd is told of it, as in an application that commits first. */
export class Numbers {
  #now = new Map();
  #streams = new Set();

  constructor(daemon) {
    this.daemon = daemon;
  }

  /** Returns the numbers at the paths that a pattern matches, as an object. */
  at(pattern) {
    const matches = matcher(pattern);
    return Object.fromEntries([...this.#now].filter(([path]) => matches(path)));
  }

  /** Returns the number at a path. */
  now(path) {
    return this.#now.get(path) ?? 0;
  }

  /** Counts a path up, and tells it. Rejects where the daemon does not take it. */
  async next(path) {
    await this.daemon.post("update", this.#count(path));
  }

  /** Tells the next n numbers at a path, as fast as they are taken. */
  async burst(path, n) {
    for (let left = n; left > 0; left -= batch) {
      await this.daemon.post("update", Array.from({ length: Math.min(batch, left) }, () => this.#count(path)));
    }
  }

  /** Tells a number every so many milliseconds, one after the other, until what it returns is called; that resolves to
   * the last number when it has been told. While the daemon is not there, numbers go untold, or with `insist` each is
   * told until the daemon takes it. */
  stream(path, every, insist) {
    const stream = { on: true };
    const telling = this.#tell(path, every, stream, insist);
    this.#streams.add(stream);
    return async () => {
      stream.on = false;
      await telling;
      return this.now(path);
    };
  }

  async #tell(path, every, stream, insist) {
    while (stream.on) {
      const update = this.#count(path);
      const tell = () => this.daemon.post("update", update).catch(() => insist && pause(every).then(tell));
      await Promise.all([tell(), pause(every)]);
    }
  }

  /** Ends all streams. */
  stop() {
    for (const stream of this.#streams) stream.on = false;
  }

  #count(path) {
    const message = this.now(path) + 1;
    this.#now.set(path, message);
    return { path, message };
  }
}

function matcher(pattern) {
  const segments = pattern.split("/").map((segment) => {
    if (segment === "**") return ".+";
    return segment === "*" ? "[^/]+" : segment.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  });
  const form = new RegExp(`^${segments.join("/")}$`);
  return (path) => form.test(path);
}
