// Somebody who follows a tutorial, in an empty folder: types its commands, and has its application and its rootsd.

import { lstatSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./awaited.js";
import { binary, root } from "./binary.js";
import { Command } from "./command.js";
import { freePort } from "./ports.js";

/** The ports that tutorials name, and what listens there. */
const ports = { 8000: "application", 8004: "ingest", 8007: "line", 8008: "push", 8009: "admin" };

export class Walkthrough {
  /** Where the application answers. */
  url = "";
  /** Where rootsd and the application listen: `{application, push, ingest, line, admin}`. */
  ports = {};
  #commands = []; // all that were typed
  #daemon; // the last of them that serves
  #dir;
  #env;
  #options;

  /**
   * @param options `programs`: what names mean at the prompt, beside `rootsd`; `settings`: variables beside those that
   * have rootsd and the connectors use free ports; `edit`: called with the text of each copied file, returns another;
   * `copied`: called with the application's folder after the first command; `alone`: whether there is no rootsd
   */
  constructor(options = {}) {
    this.#options = { programs: {}, settings: {}, edit: (text) => text, copied() {}, alone: false, ...options };
  }

  /** Types all commands of a tutorial. Resolves when what they serve is ready. */
  async follow(tutorial) {
    await this.#prepare();
    for (const command of tutorial.commands) await this.#type(command);
  }

  async #prepare() {
    this.#dir = await mkdtemp(join(tmpdir(), "roots-tutorial-"));
    for (const name of Object.values(ports)) this.ports[name] = await freePort();
    this.url = `http://localhost:${this.ports.application}`;
    for (const each of ["bin", "tmp", "work"]) await mkdir(join(this.#dir, each));
    for (const [name, program] of Object.entries({ ...this.#options.programs, rootsd: await binary() })) {
      await symlink(program, join(this.#dir, "bin", name));
    }
    this.#env = { ...plain(process.env), ...this.#variables(), ...this.#options.settings };
  }

  #variables() {
    const { push, ingest, admin, line } = this.ports;
    const listen = Object.entries({ push, ingest, admin, line });
    return {
      ROOTS: root.replace(/\/$/, ""),
      ROOTS_URL: `http://127.0.0.1:${ingest}`,
      XDG_STATE_HOME: join(this.#dir, "state"),
      ...Object.fromEntries(listen.map(([name, port]) => [`ROOTS_${name.toUpperCase()}_LISTEN`, `127.0.0.1:${port}`])),
      PATH: `${join(this.#dir, "bin")}:${process.env.PATH}`,
      PWD: join(this.#dir, "work"),
      TMPDIR: join(this.#dir, "tmp"),
    };
  }

  async #type({ text, background }) {
    const { alone, copied, edit } = this.#options;
    if (background && /\brootsd serve\b/.test(text)) return alone || this.#serve(text);
    const command = this.#run(text, background);
    if (background) return command.serves(`${this.url}/login`);
    this.#env = await command.end();
    if (this.#commands.length === 1) await copied(this.#env.PWD);
    rewrite(join(this.#dir, "work"), (content) => this.localise(edit(content)));
  }

  #run(text, background) {
    const command = new Command(this.localise(text), background, this.#env);
    this.#commands.push(command);
    return command;
  }

  #serve(text) {
    this.#daemon = this.#run(text, true);
    return this.#daemon.says("msg=ready");
  }

  /** Types one more command, that ends by itself. Resolves to what it says. */
  async look(text) {
    const command = this.#run(text, false);
    await command.end();
    return command.output;
  }

  /** Text with the ports of this walk for those that tutorials name. */
  localise(text) {
    return text.replace(/\b80(00|04|07|08|09)\b/g, (port) => this.ports[ports[port]]);
  }

  /** Ends rootsd at once, as a crash does. */
  kill() {
    return this.#daemon.kill("SIGKILL");
  }

  /** Lets rootsd stop in good order. */
  stop() {
    return this.#daemon.kill("SIGTERM");
  }

  /** Has rootsd serve again, by the same command. Resolves when it is ready. */
  restart() {
    return this.#serve(this.#daemon.text);
  }

  /** Resolves when so many clients would hear of an update at a path. */
  audience(path, count) {
    return until(`${count} clients to listen at ${path}`, async () => {
      const answer = await fetch(`http://127.0.0.1:${this.ports.ingest}/paths/${path}`);
      return (await answer.json()).audience.reduce((sum, { connected }) => sum + connected, 0) === count;
    });
  }

  /** Ends all that was started, and takes the folder away. */
  async end() {
    for (const command of this.#commands.toReversed()) await command.kill("SIGKILL");
    if (this.#dir) await rm(this.#dir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** The commands, what became of each, and the end of what it said. */
  said() {
    return this.#commands.map(({ text, fate, output }) => `$ ${text} # ${fate}\n${output.slice(-3000)}`).join("\n");
  }
}

/** Variables without those that would tell rootsd, a connector or an example something. */
function plain(env) {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !/^ROOTS|^PORT$/.test(name)));
}

/** Changes the text of all files in a folder, but for what was fetched, and what is not in the folder itself. */
function rewrite(folder, change) {
  for (const name of readdirSync(folder)) {
    const path = join(folder, name), about = lstatSync(path);
    if (about.isDirectory() && !/^(node_modules|\.git)$/.test(name)) rewrite(path, change);
    if (!about.isFile()) continue;
    const text = readFileSync(path, "utf8");
    if (!text.includes("\0") && change(text) !== text) writeFileSync(path, change(text));
  }
}
