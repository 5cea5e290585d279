// The connector: an application in Node tells rootsd what happened, and which clients may hear of it. README.md tells
// the story; rootsd.d.ts is the reference.

import { once } from "node:events";
import http from "node:http";
import https from "node:https";
import { setImmediate as turn } from "node:timers/promises";

const unknown = "it is not known whether rootsd has done it";
const repeatable = ["connect", "disconnect", "permit", "forbid", "kick"]; // change nothing when they are done again
const largest = 2 ** 24; // bytes of an answer

/** Why a call failed. See rootsd.d.ts for its members. */
export class RootsdError extends Error {
  name = "RootsdError";

  constructor(verb, { status = 0, reason, detail, entry, field, offset, uncertain = false }, cause) {
    const which = entry === undefined ? "" : `, entry ${entry}`;
    super(`rootsd: ${verb}: ${detail} (${status ? `${status} ` : ""}${reason}${which})`, { cause });
    Object.assign(this, { status, reason, detail, entry, field, offset, uncertain });
  }
}

/** Tells rootsd. See rootsd.d.ts. */
export class Connector {
  sent = [];
  // #base: a URL, or null in the no-op mode. #client: http or https. #heard: how many bytes each socket had read after
  // its latest answer.
  #base; #client; #agent; #headers; #timeout; #raises; #heard = new WeakMap();

  constructor({ url, token = process.env.ROOTS_TOKEN, timeout = 5, raises = false, onError = warn } = {}) {
    if (!(timeout > 0)) throw new RangeError("rootsd: timeout is a number of seconds above 0");
    http.validateHeaderValue("Authorization", `${token}`); // its error does not quote the value
    this.#base = baseOf(url ?? (process.env.ROOTS_URL || "http://127.0.0.1:8004"));
    this.#client = this.#base?.protocol === "https:" ? https : http;
    // With "fifo" the agent passes over sockets that are destroyed already, and each that it keeps stays fresh.
    this.#agent = new this.#client.Agent({ keepAlive: true, maxSockets: 100, maxFreeSockets: 8, scheduling: "fifo" });
    this.#headers = { "User-Agent": "rootsd-node/0.1.0", ...(token && { Authorization: `Bearer ${token}` }) };
    [this.#timeout, this.#raises, this.onError] = [Number(timeout), raises, onError];
  }

  update(path, message, options) {
    return this.#call(() => ["update", entryOf({ ...options, path, message }), options]);
  }

  updates(updates) {
    const longest = () => Math.max(0, ...updates.map((update) => update.wait ?? 0));
    return this.#call(() => ["update", updates.map(entryOf), { wait: longest() }]);
  }

  connect(id, paths, options) { return this.#link("connect", id, [paths], options?.lease); }
  permit(id, paths, options) { return this.#link("permit", id, [paths], options?.lease); }
  disconnect(id, ...paths) { return this.#link("disconnect", id, paths); }
  forbid(id, ...paths) { return this.#link("forbid", id, paths); }
  join(id, ...rooms) { return this.#call(() => ["update", rooms.flat().flatMap((room) => joining(id, room))]); }
  kick(id) { return this.#call(() => ["kick", { id }]); }
  clients(id) { return this.#call(() => [`clients/${encodeURIComponent(id)}`]); }
  close() { for (const socket of this.#idle()) socket.destroy(); }

  async request(verb, body, options) {
    const text = encode(verb, body);
    if (!this.#base) return this.#pretend(verb, text);
    const seconds = this.#timeout + (options?.wait ?? 0);
    const signal = AbortSignal.timeout(Math.min(seconds * 1000, 2 ** 31 - 1)); // longer timers go off at once
    const call = { verb, text, seconds, signal, sent: false };
    await this.#look();
    return this.#exchange(call).catch((error) => {
      // Only what does no harm when it is done twice is sent again, and only where a kept connection may be to blame.
      if (!call.stale || !(text === undefined || repeatable.includes(verb))) throw error;
      this.close();
      return this.#exchange(call);
    });
  }

  #link(verb, id, paths, lease) {
    return this.#call(() => [verb, { id, paths: paths.flat(), for: milliseconds(lease) }]);
  }

  // Makes a request whose failure is told to onError, unless calls are to reject. All that may throw is in it.
  async #call(argumentsOf) {
    try {
      return await this.request(...argumentsOf());
    } catch (error) {
      if (this.#raises) throw error;
      this.onError(error);
    }
  }

  #pretend(verb, text) {
    const body = text === undefined ? null : JSON.parse(text);
    if (this.sent.push([verb, body]) > 1000) this.sent.shift();
    if (verb === "update") return { accepted: [body].flat().length };
    if (!body) return { id: decodeURIComponent(verb.slice("clients/".length)), connected: [], permits: [] };
    const { for: lease, ...answer } = body;
    return answer;
  }

  #idle() { return Object.values(this.#agent.freeSockets).flat(); }

  // Drops idle connections that rootsd has closed, because an update that is sent on one is not repeated. What a socket
  // has to say is known after the event loop has asked the system once more, which the second turn makes sure of. Until
  // then, the connection of a call that was answered just now becomes idle, too.
  async #look() {
    for (let turns = 0; turns < 2; turns++) await turn();
    const dead = (socket) => socket.readableEnded || !socket.writable || socket.bytesRead !== this.#heard.get(socket);
    for (const socket of this.#idle().filter(dead)) socket.destroy();
  }

  // One request and its answer. Notes in call whether something was sent, in this try or the one before, and whether a
  // kept connection broke in silence.
  async #exchange(call) {
    const { verb, text, signal } = call, path = this.#base.pathname + verb, method = text ? "POST" : "GET";
    const headers = { ...this.#headers, ...(text && { "Content-Type": "application/json" }) };
    const request = this.#client.request(this.#base, { agent: this.#agent, method, path, headers, signal });
    let before; // bytes that the connection had heard, if it was used before
    request.once("socket", (socket) => {
      if (socket.connecting) return socket.once(socket.encrypted ? "secureConnect" : "connect", () => call.sent = true);
      [before, call.sent] = [socket.bytesRead, true];
    });
    request.on("error", () => {}); // also one that comes after the answer
    try {
      request.end(text);
      // Without the signal, nothing is said here to one that waits for a connection.
      const [response] = await once(request, "response", { signal });
      const answer = await textOf(response, call);
      this.#heard.set(request.socket, request.socket.bytesRead);
      return decode(verb, response.statusCode, answer);
    } catch (error) {
      call.stale = !signal.aborted && before !== undefined && request.socket.bytesRead === before;
      throw error instanceof RootsdError ? error : failure(call, this.#base, error);
    }
  }
}

function warn(error) { console.warn(error.message); }

// The address of ingest, its path with a slash at the end. A wrong one is not quoted: a password may stand in it.
function baseOf(url) {
  if (String(url) === "null:") return null;
  const base = URL.canParse(url) ? new URL(url) : {};
  if (!/^https?:$/.test(base.protocol) || base.username || base.password || base.search || base.hash) {
    throw new TypeError('rootsd: url is such as "http://127.0.0.1:8004", "https://host/roots/" or "null:"');
  }
  base.pathname = base.pathname.replace(/\/*$/, "/");
  return base;
}

// An update as ingest takes it. What is not known here is left for rootsd to name.
function entryOf({ path, message, latest, except, wait, ...others }, entry) {
  if (["undefined", "function", "symbol"].includes(typeof message)) {
    throw new RootsdError("update", { reason: "message", detail: `the message is ${typeof message}, not JSON`, entry });
  }
  [latest, except, wait] = [latest || undefined, except ?? undefined, milliseconds(wait)];
  return { path, message, latest, except, wait, ...others };
}

function joining(id, room) {
  const path = room.replace(/^\/+|(?<!\/)\/+$/g, ""); // without the lookbehind, the time would be quadratic
  const say = (command, pattern) => ({ path: command, message: `${id}->${pattern}` });
  return [say("::connect", path), say("::connect", `::members/${path}`), say("::permit", path)];
}

function milliseconds(seconds) {
  if (!Number.isFinite(seconds ?? 0)) throw new TypeError(`rootsd: a time is a number of seconds, not ${seconds}`);
  return seconds == null ? undefined : `${Math.round(seconds * 1000)}ms`;
}

function encode(verb, body) {
  try { return JSON.stringify(body); } catch (error) {
    const detail = `the message is not JSON: ${error.message.split("\n", 1)[0]}`;
    throw new RootsdError(verb, { reason: "message", detail }, error);
  }
}

async function textOf(response, { verb }) {
  const parts = [];
  let size = 0;
  for await (const part of response) {
    parts.push(part);
    if ((size += part.length) > largest) {
      const detail = `the answer is longer than ${largest} bytes; ${unknown}`;
      throw new RootsdError(verb, { reason: "answer", detail, uncertain: true });
    }
  }
  return Buffer.concat(parts).toString();
}

function failure({ verb, seconds, signal, sent }, { href }, error) {
  const fail = (reason, detail) => new RootsdError(verb, { reason, detail, uncertain: sent }, error);
  const said = signal.aborted ? `nothing within ${seconds} s` : error.message || error.errors?.join("; ") || error.code;
  if (!sent) return fail("unreachable", `no connection to ${href.slice(0, -1)}: ${said}; is rootsd running there?`);
  if (signal.aborted) return fail("timeout", `no answer within ${seconds} s; ${unknown}`);
  if (/^HPE_/.test(error.code)) return fail("answer", "what answers is not HTTP; is this rootsd's ingest port?");
  return fail("interrupted", `the connection broke (${said}); ${unknown}`);
}

// What rootsd answered, or its error. What somebody else answered is one too; rootsd may be behind it.
function decode(verb, status, text) {
  const value = parse(text);
  if (status < 300 && value != null) return value;
  const isOurs = status >= 400 && typeof value?.reason === "string" && value.detail;
  if (isOurs) throw new RootsdError(verb, { ...value, status });
  const detail = `an answer of status ${status} that is not rootsd's; is this rootsd's ingest port?`;
  throw new RootsdError(verb, { status, reason: "answer", detail, uncertain: status < 300 || status >= 500 });
}

function parse(text) { try { return JSON.parse(text); } catch { return undefined; } }
