// Another site, whose pages try what a page can, and a server that takes whatever it is sent.

import { readFile } from "node:fs/promises";
import { once } from "node:events";
import http from "node:http";
import net from "node:net";

/** What its service worker does: fetches what a page tells it to. */
const serviceWorker = `
addEventListener("install", () => skipWaiting());
addEventListener("activate", (event) => event.waitUntil(clients.claim()));
addEventListener("message", async ({ data: { url, options }, ports: [port] }) => {
  try {
    port.postMessage(await (await fetch(url, options)).text());
  } catch {
    port.postMessage("");
  }
});`;

/**
 * Serves, whatever it is called: `/`, a page with ways.js; `/sandboxed`, the same without an origin;
 * `/to?<status>,<url>`, which sends on; and `/serviceworker.js`.
 */
export class Intruder {
  #server;

  /** Resolves to one that serves at a port of 127.0.0.1. */
  static async start() {
    const intruder = new Intruder();
    intruder.script = await readFile(new URL("ways.js", import.meta.url), "utf8");
    intruder.#server = http.createServer((req, res) => intruder.serve(req, res)).listen(0, "127.0.0.1");
    await once(intruder.#server, "listening");
    intruder.port = intruder.#server.address().port;
    return intruder;
  }

  /** A page's text; `home` is where it finds what else is served here. */
  page(home) {
    return `<!doctype html><title>another site</title><body><script>self.home = "${home}";${this.script}</script>`;
  }

  serve(req, res) {
    res.setHeader("Access-Control-Allow-Origin", req.headers.origin ?? "*");
    res.setHeader("Access-Control-Allow-Headers", "content-type, authorization");
    const [path, query] = req.url.split("?");
    if (path === "/to") {
      const [status, url] = decodeURIComponent(query).split(/,(.*)/);
      return res.writeHead(Number(status), { Location: url }).end();
    }
    if (path === "/serviceworker.js") return res.writeHead(200, { "Content-Type": "text/javascript" }).end(serviceWorker);
    if (path === "/sandboxed") res.setHeader("Content-Security-Policy", "sandbox allow-scripts allow-forms allow-popups");
    res.writeHead(200, { "Content-Type": "text/html" }).end(this.page(`http://${req.headers.host}`));
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/** A server that lets everybody do everything, to see what ways of a page arrive at all. */
export class Careless {
  /** What came: `METHOD /path body`. */
  came = [];
  #server;

  static async start() {
    const careless = new Careless();
    careless.#server = http.createServer((req, res) => careless.#take(req, res)).listen(0, "127.0.0.1");
    careless.#server.on("upgrade", (req, socket) => (careless.came.push(`${req.method} ${req.url} `), socket.destroy()));
    await once(careless.#server, "listening");
    careless.port = careless.#server.address().port;
    return careless;
  }

  async #take(req, res) {
    let body = "";
    for await (const part of req) body += part;
    this.came.push(`${req.method} ${decodeURIComponent(req.url)} ${body}`);
    const origin = req.headers.origin ?? "*";
    res.writeHead(200, {
      "Content-Type": "text/plain", "Access-Control-Allow-Origin": origin, "Access-Control-Allow-Credentials": "true",
      "Access-Control-Allow-Headers": "content-type, authorization", "Access-Control-Allow-Methods": "PUT",
    }).end("careless");
  }

  close() {
    this.#server.closeAllConnections();
    this.#server.close();
  }
}

/**
 * A name that leads to two places (DNS rebinding): connections to a port of 127.0.0.3 come to the intruder, and after
 * {@link rebind} to the daemon's port of the same number. The browser knows 127.0.0.3 as rebound.test.
 */
export class Rebound {
  #server;
  #sockets = new Set();
  #to;

  static async start(intruder, port) {
    const rebound = new Rebound();
    rebound.#to = intruder.port;
    rebound.url = `http://rebound.test:${port}`;
    rebound.rebind = () => {
      rebound.#to = port;
      for (const socket of rebound.#sockets) socket.destroy(); // what the browser keeps open leads to the old place
    };
    rebound.#server = net.createServer((socket) => rebound.#pass(socket)).listen(port, "127.0.0.3");
    await once(rebound.#server, "listening");
    return rebound;
  }

  #pass(socket) {
    const further = net.connect(this.#to, "127.0.0.1");
    for (const [from, to] of [[socket, further], [further, socket]]) {
      this.#sockets.add(from);
      from.pipe(to);
      from.on("error", () => to.destroy());
      from.on("close", () => this.#sockets.delete(from) && to.destroy());
    }
  }

  close() {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
  }
}
