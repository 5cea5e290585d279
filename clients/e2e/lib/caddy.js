// Caddy before an application, as in production.

import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command } from "./command.js";
import { freePort } from "./ports.js";

export class Caddy {
  /** Where it answers. */
  url = "";
  #command;
  #dir;

  /** Has it serve an application, with these lines before it. Resolves when it does. */
  async start(lines, application) {
    const port = await freePort();
    this.url = `http://localhost:${port}`;
    this.#dir = await mkdtemp(join(tmpdir(), "roots-caddy-"));
    await writeFile(join(this.#dir, "Caddyfile"), site(port, lines, application));
    const home = { HOME: this.#dir, XDG_DATA_HOME: this.#dir, XDG_CONFIG_HOME: this.#dir };
    const env = { ...process.env, ...home, PWD: this.#dir };
    this.#command = new Command("caddy run --adapter caddyfile --config Caddyfile", true, env);
    try {
      await this.#command.serves(`${this.url}/login`);
    } catch (error) {
      throw new Error(`${error.message}\n${this.#command.output}`, { cause: error });
    }
  }

  async end() {
    await this.#command?.kill("SIGKILL");
    if (this.#dir) await rm(this.#dir, { recursive: true });
  }
}

function site(port, lines, application) {
  return `{
  admin off
}
http://:${port} {
  bind 127.0.0.1
  ${lines}
  reverse_proxy 127.0.0.1:${application}
}
`;
}
