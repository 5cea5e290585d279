// A stand-in for rootsd's ingest, which writes down what it is asked, and answers or breaks as it is told.

import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { json } from "node:stream/consumers";

export class Recorder {
  /** What it was asked: `{method, url, headers, body, connection}`; connections are counted from 1. */
  requests = [];
  connections = 0;
  #server;
  #sockets = new Map();

  /** Resolves to a recorder that listens. `conduct(request, response)` answers; by default, as if all was well.
   * `tls`: the `key` and `cert` of localhost. */
  static async start(conduct = accept, tls) {
    const recorder = new Recorder();
    recorder.conduct = conduct;
    await recorder.#listen(tls);
    return recorder;
  }

  async #listen(tls) {
    const take = (request, response) => this.#take(request, response);
    this.#server = tls ? https.createServer(tls, take) : http.createServer(take);
    this.#server.on(tls ? "secureConnection" : "connection", (socket) => {
      this.#sockets.set(socket, ++this.connections);
      socket.on("close", () => this.#sockets.delete(socket));
    });
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    const { port } = this.#server.address();
    this.url = tls ? `https://localhost:${port}` : `http://127.0.0.1:${port}`;
  }

  async #take({ method, url, headers, socket, ...rest }, response) {
    const body = method === "GET" ? undefined : await json(response.req);
    const request = { method, url, headers, body, connection: this.#sockets.get(socket), socket, ...rest };
    this.requests.push(request);
    this.conduct(request, response);
  }

  /** The connections that are open. */
  get open() {
    return [...this.#sockets.keys()];
  }

  /** Resets all connections, at once. */
  hangUp() {
    for (const socket of this.open) socket.destroy();
  }

  /** Listens no more, and resets all connections. */
  async close() {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.hangUp();
    await closed;
  }
}

/** Answers as rootsd does when all is well. */
export function accept({ body }, response) {
  answer(response, 200, Array.isArray(body) || body?.path ? { accepted: [body].flat().length } : { ...body });
}

/** Answers with a status and a JSON value. */
export function answer(response, status, value) {
  const kind = status < 400 ? "application/json" : "application/problem+json";
  response.writeHead(status, { "Content-Type": kind }).end(JSON.stringify(value));
}
