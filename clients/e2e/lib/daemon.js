// The daemon under test, which can be stopped, killed and started again at the same addresses.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { binary } from "./binary.js";
import { freePort } from "./ports.js";

const folders = [];
process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A rootsd on ports of its own. What it keeps over a stop is gone with this process. */
export class Daemon {
  #flags;
  #process = null;
  #log = [];

  /** @param flags what `rootsd serve` is given beside the addresses, such as `["--push-expire", "1s"]` */
  constructor(flags = []) {
    const folder = mkdtempSync(join(tmpdir(), "roots-e2e-state-"));
    folders.push(folder);
    this.#flags = ["--state-file", join(folder, "rootsd.state"), ...flags];
  }

  /** Resolves to a daemon that serves. */
  static async start(...flags) {
    const daemon = new Daemon(flags);
    await daemon.start();
    return daemon;
  }

  /** Starts it, the first time on free ports, and at the same ones from then on. Resolves when it is ready. */
  async start() {
    this.ports ??= { push: await freePort(), ingest: await freePort(), admin: await freePort() };
    const listen = Object.entries(this.ports).flatMap(([name, port]) => [`--${name}-listen`, `127.0.0.1:${port}`]);
    this.#process = spawn(await binary(), ["serve", ...listen, "--line-listen", "", ...this.#flags], {
      stdio: ["ignore", "inherit", "pipe"],
    });
    await this.#ready();
  }

  /** Reads what it writes to stderr, where it says its addresses and that it is ready. */
  #ready() {
    return new Promise((resolve, reject) => {
      this.#process.once("exit", () => reject(new Error(`rootsd has ended:\n${this.#log.join("\n")}`)));
      createInterface({ input: this.#process.stderr }).on("line", (line) => {
        this.#log.push(line);
        const at = /msg=listening for=(\w+)\.listen url=(\S+)/.exec(line);
        if (at) this[at[1]] = at[2];
        if (line.includes("msg=ready")) resolve();
      });
    });
  }

  /** Lets it stop in good order, as an operator does. */
  stop() {
    return this.#end("SIGTERM");
  }

  /** Ends it at once, as a crash does. */
  kill() {
    return this.#end("SIGKILL");
  }

  async #end(signal) {
    const ending = this.#process;
    if (!ending || ending.exitCode !== null || ending.signalCode !== null) return;
    const ended = once(ending, "exit");
    ending.kill(signal);
    await ended;
  }

  /** Posts to ingest, and resolves to the answer. Rejects with its text where it is an error. */
  async post(verb, body) {
    const answer = await fetch(`${this.ingest}/${verb}`, { method: "POST", body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(`${verb}: ${answer.status} ${await answer.text()}`);
    return answer.json();
  }

  /** Resolves to what a metric counts, such as `rootsd_sessions`. */
  async metric(name) {
    const text = await (await fetch(`${this.admin}/metrics`)).text();
    const line = text.split("\n").find((each) => each.startsWith(`${name} `));
    if (!line) throw new Error(`no metric ${name}`);
    return Number(line.slice(name.length + 1));
  }
}
