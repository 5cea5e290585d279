// A daemon with all of its doors, and a witness of all that comes through one of them.

import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./awaited.js";
import { Daemon } from "./daemon.js";
import { freePort } from "./ports.js";

/** A daemon on whose timeline a client is connected to `secret/path`; what else happens there is written to a log. */
export class Watched {
  #seen = 0; // lines of the log that were looked at
  #asked = 0;

  /** Resolves to one that serves, with what `rootsd serve` is to be given beside. A token is for all of its doors. */
  static async start({ token = "", flags = [] } = {}) {
    const watched = new Watched();
    watched.token = token;
    watched.folder = await mkdtemp(join(tmpdir(), "roots-doors-"));
    watched.log = join(watched.folder, "updates.log");
    const ports = { line: await freePort(), http: await freePort() };
    const tokens = token ? ["--ingest-tokens", token, "--line-tokens", token, "--admin-token", token] : [];
    watched.daemon = await Daemon.start("--line-listen", `127.0.0.1:${ports.line}`, "--line-http", `127.0.0.1:${ports.http}`,
      "--log-output", watched.log, "--state-file", "off", "--push-expire", "10m", ...tokens, ...flags);
    watched.ports = { ...watched.daemon.ports, ...ports };
    watched.session = (await (await fetch(watched.daemon.push)).json()).reconnectWith.trim();
    watched.id = watched.session.split("/")[0];
    await watched.post("connect", { id: watched.id, paths: ["secret/path"] });
    await watched.happened();
    return watched;
  }

  /** Posts to ingest as a back-end, and resolves to the answer. */
  async post(verb, body) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const answer = await fetch(`${this.daemon.ingest}/${verb}`, { method: "POST", headers, body: JSON.stringify(body) });
    assert.ok(answer.ok, `${verb}: ${answer.status}`);
    return answer.json();
  }

  /** Resolves to what has happened on the timeline since it was asked last, a line for each update and command. */
  async happened() {
    const mark = `witness; ${++this.#asked}`;
    await this.post("update", { path: "witness", message: String(this.#asked) });
    let lines;
    await until("the log", async () => (lines = (await readFile(this.log, "utf8")).trim().split("\n")).includes(mark));
    const since = lines.slice(this.#seen).filter((line) => line !== mark);
    this.#seen = lines.length;
    return since;
  }

  /** Resolves to a metric, the labels of which, if it has any, are summed up. */
  async metric(name) {
    const headers = this.token ? { Authorization: `Bearer ${this.token}` } : {};
    const text = await (await fetch(`${this.daemon.admin}/metrics`, { headers })).text();
    const lines = text.split("\n").filter((line) => line.startsWith(`${name} `) || line.startsWith(`${name}{`));
    return lines.reduce((sum, line) => sum + Number(line.split(" ").at(-1)), 0);
  }

  /** What a page would like to GET, on a host. */
  reads(host) {
    const { ingest, admin, line, http } = this.urls(host);
    return [
      `${ingest}/clients/${this.id}`, `${admin}/metrics`, `${admin}/tail`, `${admin}/debug/pprof/heap`,
      `${admin}/dashboard/paths?under=secret`, `${admin}/control/clients/${this.id}`, `${admin}/live/?path=stats`,
      `${http}/::connect%3B%20${this.id}-%3Estolen`, `${line}/doors;GET`,
    ].map((url) => ({ url }));
  }

  /** What a page would like to POST, on a host. */
  writes(host) {
    const { ingest, admin, line, http } = this.urls(host);
    const update = '{"path":"doors","message":"WAY=x"}';
    return [
      { url: `${ingest}/update`, body: update }, { url: `${ingest}/`, body: `[${update}]` },
      { url: `${ingest}/connect`, body: `{"id":"${this.id}","paths":["stolen/WAY=x"]}` },
      { url: `${admin}/control/update`, body: update }, { url: `${admin}/control/`, body: `[${update}]` },
      { url: `${line}/`, body: "doors; WAY=x\ndoors; WAY again\n" }, { url: `${http}/doors%3B%20POST`, body: "doors; WAY=x\n" },
    ];
  }

  urls(host) {
    return Object.fromEntries(Object.entries(this.ports).map(([name, port]) => [name, `http://${host}:${port}`]));
  }

  async close() {
    await this.daemon.kill();
    await rm(this.folder, { recursive: true });
  }
}
