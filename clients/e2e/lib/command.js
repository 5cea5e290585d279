// Commands that are typed at a prompt.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { until } from "./awaited.js";

const patience = 60_000; // milliseconds that a command may take

/** A command, with all that it starts. */
export class Command {
  output = "";
  #process;
  #closed;
  #left = ""; // the variables after it
  #over = false; // nothing of it is left: its number may soon be another's

  constructor(text, background, env) {
    this.text = text;
    // The one after it begins with the folder and variables that this one leaves, as in one shell.
    const script = background ? text : `${text}\nstatus=$?; env -0 >&3; exit $status`;
    const stdio = ["ignore", "pipe", "pipe", "pipe"];
    this.#process = spawn("bash", ["-c", script], { cwd: env.PWD, env, stdio, detached: true });
    this.#closed = once(this.#process, "close").then(() => (this.#over = true));
    const [, stdout, stderr, left] = this.#process.stdio.map((stream) => stream?.setEncoding?.("utf8"));
    for (const stream of [stdout, stderr]) stream.on("data", (text) => (this.output += text));
    left.on("data", (text) => (this.#left += text));
  }

  /** Resolves to the variables after it. Rejects where it fails, or takes too long. */
  async end() {
    const timer = setTimeout(() => this.kill("SIGKILL"), patience);
    await this.#closed;
    clearTimeout(timer);
    if (this.#process.exitCode !== 0) throw new Error(`"${this.text}" ${this.fate}`);
    return Object.fromEntries(this.#left.split("\0").filter(Boolean).map((each) => each.split(/=([^]*)/, 2)));
  }

  /** Resolves when it has said something. */
  says(text) {
    return this.#until(`to say ${text}`, () => this.output.includes(text));
  }

  /** Resolves when a URL is answered well. */
  serves(url) {
    return this.#until(`to serve ${url}`, () => fetch(url).then(({ ok }) => ok, () => false));
  }

  #until(what, check) {
    return until(`"${this.text}" ${what}`, () => {
      if (this.fate !== "runs") throw new Error(`"${this.text}" ${this.fate}`);
      return check();
    }, patience);
  }

  /** What became of it: `runs`, or `ended with 1`. */
  get fate() {
    const how = this.#process.exitCode ?? this.#process.signalCode;
    return how === null ? "runs" : `ended with ${how}`;
  }

  /** Ends it and all that it has started. */
  async kill(signal) {
    try {
      if (!this.#over) process.kill(-this.#process.pid, signal);
    } catch (error) {
      if (error.code !== "ESRCH") throw error; // it has just ended by itself
    }
    await this.#closed;
  }
}
