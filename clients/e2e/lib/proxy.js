// A reverse proxy with the faults that real ones have, switched on and off while connections stand.

import { EventEmitter } from "node:events";
import http from "node:http";
import { finished } from "node:stream";
import { reset } from "./reset.js";

/** Header fields that are for one connection alone. */
const hop = ["connection", "keep-alive", "proxy-connection", "transfer-encoding", "upgrade"];

/**
 * Hands requests below a prefix on to the push port. Emits `request` with what is in {@link requests}, when one arrives.
 *
 * The faults, each false or 0 where there is none:
 *   buffering  answers are held until they have ended, and never-ending ones for ever
 *   upgrade    "pass", "refuse" (answered 400), or "strip" (handed on as an ordinary GET)
 *   idle       connections over which nothing went for so many milliseconds are closed
 *   hole       requests are accepted and never answered; what stands goes dead, and stays so
 *   down       every request's connection is reset
 */
export class Proxy extends EventEmitter {
  buffering = false;
  upgrade = "pass";
  idle = 0;
  down = false;
  /** What came, in order: `{method, url, kind, headers}`; kind is a transport, or "" where none waits for updates. */
  requests = [];
  #hole = false;
  #links = new Set();
  #agent = new http.Agent({ keepAlive: true });

  /** @param target () => URL of the push port; @param prefix what is taken off, such as "/comet/" */
  constructor(target, prefix) {
    super();
    this.target = target;
    this.prefix = prefix;
  }

  /** How many requests and streams are open. */
  get open() {
    return this.#links.size;
  }

  /** Which transports were asked for, in order. */
  get kinds() {
    return this.requests.map(({ kind }) => kind).filter((kind) => kind);
  }

  get hole() {
    return this.#hole;
  }

  set hole(on) {
    this.#hole = on;
    if (on) for (const link of this.#links) link.freeze();
  }

  /** Resets every connection that stands. */
  drop() {
    for (const link of [...this.#links]) link.cut();
  }

  /** Serves a request that came for the prefix. */
  request(req, res) {
    this.#note(req, kindOf(req));
    const link = this.#link(req.socket, res);
    if (!this.#passes(link)) return;
    const on = http.request(this.#aim(req), (answer) => this.#answer(link, answer, res));
    link.other = on;
    on.on("error", () => badGateway(res));
    req.on("data", () => link.touch());
    req.pipe(on);
  }

  /** Serves a request to upgrade. */
  connect(req, socket, head) {
    this.#note(req, "websocket");
    const link = this.#link(socket, socket);
    if (!this.#passes(link)) return;
    if (this.upgrade === "refuse") return void socket.end("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    const strip = this.upgrade === "strip";
    const on = http.request(this.#aim(req, !strip));
    link.other = on;
    on.on("error", () => socket.destroy());
    on.on("response", (answer) => plainAnswer(answer, socket));
    on.on("upgrade", (answer, far, ahead) => this.#stream(link, answer, socket, far, head, ahead));
    on.end();
  }

  /** Ends all that stands, for good. */
  close() {
    this.drop();
    this.#agent.destroy();
  }

  #note(req, kind) {
    const seen = { method: req.method, url: req.url.slice(this.prefix.length - 1), kind, headers: req.headers };
    this.requests.push(seen);
    this.emit("request", seen);
  }

  #link(socket, end) {
    const link = new Link(socket, this.idle);
    this.#links.add(link);
    finished(end, () => {
      link.release();
      this.#links.delete(link);
    });
    return link;
  }

  /** Tells whether a request is handed on at all. */
  #passes(link) {
    if (this.down) link.cut();
    if (this.#hole) link.freeze();
    return !this.down && !this.#hole;
  }

  #aim(req, upgrade = false) {
    const target = new URL(this.target());
    const headers = { ...req.headers };
    if (!upgrade) for (const name of hop) delete headers[name];
    return {
      host: target.hostname, port: target.port, method: req.method, headers,
      path: req.url.slice(this.prefix.length - 1), agent: upgrade ? false : this.#agent,
    };
  }

  #answer(link, answer, res) {
    const headers = { ...answer.headers };
    for (const name of hop) delete headers[name];
    link.far = answer;
    answer.on("error", () => link.cut());
    answer.on("aborted", () => link.cut());
    if (this.buffering) return void hold(answer, (body) => link.frozen || res.writeHead(answer.statusCode, headers).end(body));
    res.writeHead(answer.statusCode, headers);
    res.flushHeaders();
    answer.on("data", () => link.touch());
    if (!link.frozen) answer.pipe(res);
  }

  #stream(link, answer, near, far, head, ahead) {
    link.far = far;
    const fields = Object.entries(answer.headers).map(([name, value]) => `${name}: ${value}\r\n`);
    near.write(`HTTP/1.1 101 Switching Protocols\r\n${fields.join("")}\r\n`);
    if (ahead.length) near.write(ahead);
    if (head.length) far.write(head);
    for (const [from, to] of [[near, far], [far, near]]) {
      from.on("data", () => link.touch());
      from.on("error", () => link.cut());
      from.on("close", () => to.destroy());
      if (!link.frozen) from.pipe(to);
    }
  }
}

/** What stands between a page and the daemon: one request, or one stream. */
class Link {
  frozen = false;
  other = null;
  far = null;
  #timer = null;

  constructor(socket, idle) {
    this.socket = socket;
    this.idle = idle;
    this.touch();
  }

  /** Says that something went over it. */
  touch() {
    clearTimeout(this.#timer);
    if (this.idle) this.#timer = setTimeout(() => this.cut(), this.idle);
  }

  /** From now on nothing goes over it, and neither side is told. */
  freeze() {
    this.frozen = true;
    clearTimeout(this.#timer);
    for (const end of [this.socket, this.far]) {
      end?.unpipe?.();
      end?.pause?.();
    }
  }

  cut() {
    reset(this.socket);
    this.release();
  }

  /** Lets go of the side of the daemon. */
  release() {
    clearTimeout(this.#timer);
    this.other?.destroy();
    this.far?.destroy();
  }
}

function kindOf(req) {
  if (req.method !== "GET") return "";
  return req.headers.accept?.includes("text/event-stream") ? "sse" : "long-poll";
}

function badGateway(res) {
  if (res.headersSent) res.destroy();
  else res.writeHead(502, { "Content-Type": "text/plain" }).end("no daemon\n");
}

function hold(answer, done) {
  const parts = [];
  answer.on("data", (part) => parts.push(part));
  answer.on("end", () => done(Buffer.concat(parts)));
}

/** Writes an answer that is no 101 to a socket that hoped for one. */
function plainAnswer(answer, socket) {
  hold(answer, (body) => {
    const type = answer.headers["content-type"] ?? "text/plain";
    socket.end(`HTTP/1.1 ${answer.statusCode} ${answer.statusMessage}\r\nContent-Type: ${type}\r\n` +
      `Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`);
  });
}
