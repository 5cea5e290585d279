// The application of a user: a small server with pages, data, and an opinion on who may hear what.

import { readFile } from "node:fs/promises";
import http from "node:http";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { root } from "./binary.js";
import { Numbers } from "./numbers.js";
import { freePort } from "./ports.js";
import { Proxy } from "./proxy.js";
import { reset } from "./reset.js";

const own = fileURLToPath(new URL("./", import.meta.url));
const kinds = { ".html": "text/html", ".js": "text/javascript", ".mjs": "text/javascript", ".json": "application/json" };

/**
 * Serves, on one origin:
 *   /                           the page with the recorder
 *   /roots.js, /roots.mjs       the client, as the daemon serves it
 *   /source/…, /vectors/…       clients/js/src and docs/vectors
 *   /data/<pattern>             the numbers that it has at the paths which the pattern matches
 *   /server/connect/<id>, …     asks the daemon to connect, unless {@link refuse} or {@link fail} says otherwise
 *   /comet/…                    the daemon, through {@link proxy}
 */
export class Application {
  /** Paths that it refuses to connect anyone to, answered 403. */
  refuse = new Set();
  /** Whether it answers 500 to all that it is asked to connect. */
  fail = false;
  /** Called before a connect is handed on; where it returns a promise, that waits. */
  before = () => {};
  /** What it was asked to connect and disconnect: `{verb, id, paths, headers, status}`. */
  asked = [];
  #server = null;
  #sockets = new Set();
  #scripts = new Map();

  constructor(daemon) {
    this.daemon = daemon;
    this.numbers = new Numbers(daemon);
    this.proxy = new Proxy(() => daemon.push, "/comet/");
  }

  /** Resolves to an application that serves. */
  static async start(daemon) {
    const application = new Application(daemon);
    application.port = await freePort();
    application.url = `http://127.0.0.1:${application.port}`;
    await application.online();
    return application;
  }

  /** Takes connections, until {@link offline}. */
  online() {
    const server = http.createServer({ keepAliveTimeout: 60_000 }, (req, res) => this.#serve(req, res));
    this.#server = server;
    server.on("connection", (socket) => {
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => socket.destroy());
    });
    server.on("upgrade", (req, socket, head) => this.proxy.connect(req, socket, head));
    return new Promise((resolve) => server.listen(this.port, "127.0.0.1", resolve));
  }

  /** Resets all connections and refuses new ones. */
  async offline() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    for (const socket of this.#sockets) reset(socket);
    await closed;
  }

  /** Ends it, for good. */
  async close() {
    this.numbers.stop();
    this.proxy.close();
    await this.offline();
  }

  #serve(req, res) {
    if (req.url.startsWith("/comet/")) return this.proxy.request(req, res);
    this.#route(req, res).catch((error) => {
      if (!res.headersSent) res.writeHead(error.status ?? 500);
      res.end(String(error.message));
    });
  }

  async #route(req, res) {
    const path = decodeURIComponent(new URL(req.url, this.url).pathname);
    const [, verb, id] = /^\/server\/(connect|disconnect)\/([^/]+)$/.exec(path) ?? [];
    if (verb) return this.#ask(verb, id, req, res);
    if (path.startsWith("/data/")) return json(res, 200, this.numbers.at(path.slice("/data/".length)));
    const { body, kind } = await this.#file(path);
    res.writeHead(200, { "Content-Type": kind, "Cache-Control": "no-cache" }).end(body);
  }

  async #ask(verb, id, req, res) {
    const paths = JSON.parse(await textOf(req));
    const entry = { verb, id, paths, headers: req.headers, status: 0 };
    this.asked.push(entry);
    if (verb === "connect") await this.before(entry);
    entry.status = await this.#answer(verb, id, paths);
    json(res, entry.status, {});
  }

  async #answer(verb, id, paths) {
    if (this.fail) return 500;
    if (paths.some((path) => this.refuse.has(path))) return 403;
    try {
      await this.daemon.post(verb, { id, paths });
      return 200;
    } catch {
      return 502; // the daemon is down, or no longer knows the ID
    }
  }

  async #file(path) {
    if (path === "/roots.js" || path === "/roots.mjs") return this.#script(path);
    const file = path === "/" ? join(own, "page.html") : place(path);
    if (!file) throw Object.assign(new Error("not found"), { status: 404 });
    return { body: await readFile(file), kind: kinds[extname(file)] };
  }

  /** The client comes from the daemon once, so that a page can be opened while that is down. */
  async #script(path) {
    if (!this.#scripts.has(path)) {
      const answer = await fetch(this.daemon.push + path);
      if (!answer.ok) throw new Error(`rootsd has no ${path}: ${answer.status}`);
      this.#scripts.set(path, { body: await answer.text(), kind: answer.headers.get("content-type") });
    }
    return this.#scripts.get(path);
  }
}

/** The file that stands for a path of the page's own, or undefined. */
function place(path) {
  const [, folder, name] = /^\/(page|source|vectors)\/([\w.-]+)$/.exec(path) ?? [];
  const folders = { page: own, source: join(root, "clients/js/src"), vectors: join(root, "docs/vectors") };
  return folder && join(folders[folder], name);
}

function json(res, status, value) {
  res.writeHead(status, { "Content-Type": "application/json", "Cache-Control": "no-store" }).end(JSON.stringify(value));
}

async function textOf(req) {
  const parts = [];
  for await (const part of req) parts.push(part);
  return Buffer.concat(parts).toString();
}
