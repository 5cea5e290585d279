import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import test from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

import { Connector, RootsdError } from "../rootsd.js";
import { accept, answer, Recorder } from "./recorder.js";

delete process.env.ROOTS_URL;
delete process.env.ROOTS_TOKEN;

/** Runs a test with a recorder and a connector to it, which rejects. */
function recorded(name, conduct, body, options) {
  test(name, async (t) => {
    const rootsd = await Recorder.start(conduct);
    t.after(() => rootsd.close());
    await body({ rootsd, roots: new Connector({ url: rootsd.url, raises: true, ...options }), t });
  });
}

const breaks = ({ socket }) => socket.destroy();

/** Breaks the connection of every request but those of updates at `first`. */
const breaksLater = (request, response) => (request.body?.path === "first" ? accept : breaks)(request, response);

// Connections

recorded("calls go over one connection", accept, async ({ rootsd, roots }) => {
  for (let n = 0; n < 5; n++) await roots.update("a", n);
  assert.equal(rootsd.connections, 1);
});

recorded("an idle connection that was closed is dropped, also if that is news", accept, async ({ rootsd, roots }) => {
  await roots.update("a", 1);
  rootsd.hangUp(); // the event loop learns of it only after the call
  assert.deepEqual(await roots.update("a", 2), { accepted: 1 });
  assert.deepEqual(rootsd.requests.map(({ body }) => body.message), [1, 2]);
});

recorded("one with something to read is dropped as well", accept, async ({ rootsd, roots }) => {
  await roots.update("a", 1);
  for (const socket of rootsd.open) socket.end("HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n");
  assert.deepEqual(await roots.update("a", 2), { accepted: 1 });
  assert.deepEqual(rootsd.requests.map(({ connection }) => connection), [1, 2]);
});

recorded("one dead connection of several does no harm", hold, async ({ rootsd, roots }) => {
  const calls = [1, 2, 3].map((n) => roots.update("a", n));
  await reached(() => rootsd.requests.length === 3);
  rootsd.release();
  await Promise.all(calls);
  for (const dead of [2, 1, 0]) {
    rootsd.open[dead].destroy();
    assert.deepEqual(await roots.update("a", 4), { accepted: 1 });
  }
});

recorded("an update is not repeated when its connection breaks", breaksLater, async ({ rootsd, roots }) => {
  await roots.update("first", 1);
  await assert.rejects(roots.update("a", 2), { reason: "interrupted", status: 0, uncertain: true });
  assert.equal(rootsd.requests.length, 2);
});

recorded("nor is a join, which is an update", breaksLater, async ({ rootsd, roots }) => {
  await roots.update("first", 1);
  await assert.rejects(roots.join("x", "room"), { reason: "interrupted" });
  assert.equal(rootsd.requests.length, 2);
});

recorded("nor is one by another spelling", breaksLater, async ({ rootsd, roots }) => {
  await roots.update("first", 1);
  await assert.rejects(roots.request("update?", { path: "a", message: 1 }), { reason: "interrupted", uncertain: true });
  assert.equal(rootsd.requests.length, 2);
});

recorded("an answer without end is given up", (request, response) => {
  const part = Buffer.alloc(2 ** 20);
  const flood = () => { while (!response.destroyed && response.write(part)); };
  response.on("drain", flood);
  flood();
}, async ({ roots }) => {
  await assert.rejects(roots.update("a", 1), { reason: "answer", uncertain: true });
}, { timeout: 60 });

recorded("other calls are, once, where the connection was used before", breaksLater, async ({ rootsd, roots }) => {
  await roots.update("first", 1);
  await assert.rejects(roots.connect("x", "a"), { reason: "interrupted", uncertain: true });
  assert.deepEqual(rootsd.requests.map(({ connection }) => connection), [1, 1, 2]);
});

recorded("and on a new one they are not", breaks, async ({ rootsd, roots }) => {
  await assert.rejects(roots.kick("x"), { reason: "interrupted" });
  assert.equal(rootsd.requests.length, 1);
});

recorded("what was sent before rootsd went away is uncertain", async function conduct(request, response) {
  if (request.body.path) return accept(request, response);
  await this.close();
}, async ({ rootsd, roots }) => {
  await roots.update("first", 1);
  await assert.rejects(roots.connect("x", "a"), { reason: "interrupted", uncertain: true, message: /ECONNREFUSED/ });
  assert.equal(rootsd.requests.length, 2);
});

recorded("an answer that breaks in the middle is not asked for again", (request, response) => {
  if (request.body.path) return accept(request, response);
  response.writeHead(200, { "Content-Length": 100 }).write('{"id":', () => request.socket.destroy());
}, async ({ rootsd, roots }) => {
  await roots.update("first", 1);
  await assert.rejects(roots.kick("x"), { reason: "interrupted", uncertain: true });
  assert.equal(rootsd.requests.length, 2);
});

recorded("at most 100 calls are under way, and 8 connections stay", hold, async ({ rootsd, roots, t }) => {
  const warnings = t.mock.method(process, "emitWarning", () => {});
  const calls = Array.from({ length: 1500 }, (_, n) => roots.update("a", n));
  await reached(() => rootsd.requests.length === 100);
  assert.equal(rootsd.connections, 100);
  rootsd.release();
  assert.equal((await Promise.all(calls)).length, 1500);
  await reached(() => rootsd.open.length === 8);
  roots.close();
  await reached(() => rootsd.open.length === 0);
  assert.deepEqual(await roots.update("a", 1500), { accepted: 1 });
  assert.equal(warnings.mock.callCount(), 0, "of listeners that pile up on a connection");
}, { timeout: 60 });

/** Answers nothing until `release()`, and then everything. */
function hold(request, response) {
  this.held ??= [];
  this.release = () => {
    this.conduct = accept;
    for (const each of this.held) accept(...each);
  };
  this.held.push([request, response]);
}

async function reached(check) {
  for (const end = Date.now() + 60_000; !check(); await turn()) assert.ok(Date.now() < end, `${check}`);
}

recorded("a call that waits for its turn has its time-out", () => {}, async ({ rootsd, roots }) => {
  const busy = Promise.allSettled(Array.from({ length: 100 }, (_, n) => roots.update("a", n, { wait: 60 })));
  await reached(() => rootsd.requests.length === 100);
  await assert.rejects(roots.update("a", 100), { reason: "unreachable", uncertain: false });
  rootsd.hangUp();
  const reasons = (await busy).map(({ reason }) => reason.reason);
  assert.deepEqual(new Set(reasons), new Set(["interrupted"]));
  assert.equal(rootsd.requests.length, 100);
}, { timeout: 0.5 });

// Failures

const missing = (request, response) =>
  answer(response, 404, { status: 404, reason: "unknown_id", detail: "no client has it", field: "id" });

recorded("an error of rootsd's says what it says", missing, async ({ roots }) => {
  await assert.rejects(roots.kick("x"), (error) => {
    assert.ok(error instanceof RootsdError);
    assert.equal(error.message, "rootsd: kick: no client has it (404 unknown_id)");
    assert.deepEqual([error.status, error.reason, error.detail, error.field, error.entry, error.uncertain],
      [404, "unknown_id", "no client has it", "id", undefined, false]);
    return true;
  });
});

recorded("the text says which entry it was", (request, response) =>
  answer(response, 400, { status: 400, reason: "path", detail: "path has an empty segment", entry: 1, field: "path" }),
async ({ roots }) => {
  const message = "rootsd: update: path has an empty segment (400 path, entry 1)";
  await assert.rejects(roots.updates([{ path: "a", message: 1 }, { path: "//", message: 2 }]), { message, entry: 1 });
});

recorded("without raises, a call resolves to nothing, and onError is told", missing, async ({ rootsd }) => {
  const told = [];
  const roots = new Connector({ url: rootsd.url, onError: (error) => told.push(error.reason) });
  assert.equal(await roots.kick("x"), undefined);
  assert.deepEqual(told, ["unknown_id"]);
});

recorded("with raises, onError is not told, and request rejects always", missing, async ({ rootsd }) => {
  const options = { url: rootsd.url, onError: () => assert.fail("told") };
  await assert.rejects(new Connector({ ...options, raises: true }).kick("x"), { reason: "unknown_id" });
  await assert.rejects(new Connector(options).request("kick", { id: "x" }), { reason: "unknown_id" });
});

recorded("by default an error is one line on the console", missing, async ({ rootsd, t }) => {
  const warn = t.mock.method(console, "warn", () => {});
  await new Connector({ url: rootsd.url }).kick("x");
  const written = warn.mock.calls.map((call) => call.arguments);
  assert.deepEqual(written, [["rootsd: kick: no client has it (404 unknown_id)"]]);
});

test("where nobody listens, nothing was sent, and the error says where", async () => {
  const { url } = await unused();
  for (const host of ["127.0.0.1", "localhost"]) {
    const named = url.replace("127.0.0.1", host);
    await assert.rejects(new Connector({ url: named, raises: true }).update("a", 1), (error) => {
      assert.deepEqual([error.reason, error.status, error.uncertain], ["unreachable", 0, false]);
      assert.ok(error.message.includes(named) && error.message.includes("ECONNREFUSED"), error.message);
      return true;
    });
  }
});

async function unused() {
  const recorder = await Recorder.start();
  await recorder.close();
  return recorder;
}

recorded("a server without TLS at an https address is unreachable", accept, async ({ rootsd }) => {
  const roots = new Connector({ url: rootsd.url.replace("http:", "https:"), raises: true });
  await assert.rejects(roots.update("a", 1), { reason: "unreachable", uncertain: false });
  assert.equal(rootsd.requests.length, 0);
});

recorded("the time-out is for the whole call", (request, response) => {
  response.writeHead(200).write("{"); // and no more
}, async ({ rootsd, roots }) => {
  await assert.rejects(roots.update("a", 1), { reason: "timeout", status: 0, uncertain: true });
  await assert.rejects(roots.kick("x"), { reason: "timeout" });
  assert.equal(rootsd.requests.length, 2);
}, { timeout: 0.2 });

recorded("what has timed out is not tried again", (request, response) => {
  if (request.body.path) accept(request, response);
}, async ({ rootsd, roots }) => {
  await roots.update("first", 1);
  await assert.rejects(roots.kick("x"), { reason: "timeout", uncertain: true });
  await roots.update("next", 1);
  assert.deepEqual(rootsd.requests.map(({ connection }) => connection), [1, 1, 2]);
}, { timeout: "0.3" });

test("what is no answer of rootsd's is an error, and uncertain unless it says no", async (t) => {
  const page = "<!doctype html>";
  const nos = [[404, page, false], [404, '{"error":1}', false], [302, "", false]];
  for (const [status, text, uncertain] of [[200, page, true], [502, page, true], ...nos]) {
    const rootsd = await Recorder.start((_, response) => response.writeHead(status, { Location: "/else" }).end(text));
    t.after(() => rootsd.close());
    const roots = new Connector({ url: rootsd.url, raises: true });
    await assert.rejects(roots.update("a", 1), { reason: "answer", status, uncertain }, `${status}`);
    assert.equal(rootsd.requests.length, 1);
  }
});

test("what is not even HTTP is not rootsd", async (t) => {
  const server = createServer((socket) => socket.on("error", () => {}).end("SSH-2.0-OpenSSH_9.2\r\n"));
  t.after(() => server.close());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const roots = new Connector({ url: `http://127.0.0.1:${server.address().port}`, raises: true });
  await assert.rejects(roots.update("a", 1), { reason: "answer", status: 0, uncertain: true });
});

recorded("what JSON cannot hold is not sent", accept, async ({ rootsd, roots }) => {
  const loop = {};
  loop.loop = loop;
  for (const message of [1n, undefined, () => {}, Symbol("s"), loop, { deep: [1n] }]) {
    await assert.rejects(roots.update("a", message), { reason: "message", status: 0, uncertain: false });
  }
  await assert.rejects(roots.updates([{ path: "a", message: 1 }, { path: "a" }]), { reason: "message", entry: 1 });
  assert.equal(rootsd.requests.length, 0);
});

recorded("mistakes of the call are told like other errors", accept, async ({ rootsd }) => {
  const told = [];
  const roots = new Connector({ url: rootsd.url, onError: (error) => told.push(error.name) });
  await roots.update("a", 1, { wait: "2s" });
  await roots.connect("x", "a", { lease: NaN });
  await roots.updates(null);
  await roots.updates([null]);
  await roots.join("x", 1);
  await roots.clients("\ud800");
  assert.deepEqual(told, ["TypeError", "TypeError", "TypeError", "TypeError", "TypeError", "URIError"]);
  assert.equal(rootsd.requests.length, 0);
});

test("a program that looks at no outcome goes on, and ends by itself", async (t) => {
  const rootsd = await Recorder.start();
  t.after(() => rootsd.close());
  const program = `
    import { Connector } from ${JSON.stringify(new URL("../rootsd.js", import.meta.url))};
    const missing = new Connector({ url: "${(await unused()).url}" });
    missing.update("a", 1); missing.updates([]); missing.connect("x", "a"); missing.join("x", "a"); missing.kick("x");
    await new Connector({ url: "${rootsd.url}" }).update("a", 1);
    console.log("goes on");`;
  const node = [process.execPath, ["--input-type=module", "--eval", program], { timeout: 20_000 }];
  const { stdout, stderr } = await promisify(execFile)(...node); // rejects where it fails, or does not end
  assert.equal(stdout, "goes on\n");
  assert.equal(stderr.match(/^rootsd: \w+.*unreachable\)$/gm).length, 5);
});

test("all of it goes over TLS as well", async (t) => {
  const folder = mkdtempSync(join(tmpdir(), "rootsd-connector-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"];
  const made = spawnSync("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert,
    ...subject]);
  if (made.error?.code === "ENOENT") return t.skip("openssl is not installed; get it with: apt-get install openssl");
  const rootsd = await Recorder.start(breaksLater, { key: readFileSync(key), cert: readFileSync(cert) });
  t.after(() => rootsd.close());
  const calls = [["update", { path: "first", message: 1 }], ["update", { path: "first", message: 2 }],
    ["connect", { id: "x", paths: ["a"] }], ["update", { path: "a", message: 1 }]];
  const trusting = { ROOTS_URL: rootsd.url, NODE_EXTRA_CA_CERTS: cert };
  assert.deepEqual(await drive(calls, trusting), [{ accepted: 1 }, { accepted: 1 }, "interrupted", "interrupted"]);
  assert.deepEqual(rootsd.requests.map(({ connection }) => connection), [1, 1, 1, 2, 3]);
  assert.deepEqual(await drive(calls.slice(0, 1), { ROOTS_URL: rootsd.url }), ["unreachable"]);
});

/** Makes calls in a process of its own; resolves to their results, or the reasons of their errors. */
async function drive(calls, env) {
  const options = { env: { ...process.env, ...env }, timeout: 20_000 };
  const driver = promisify(execFile)(process.execPath, [fileURLToPath(new URL("driver.js", import.meta.url))], options);
  driver.child.stdin.end(calls.map(([method, args]) => JSON.stringify({ method, args })).join("\n"));
  const lines = (await driver).stdout.trim().split("\n").map((line) => JSON.parse(line));
  return lines.map(({ result, error }) => result ?? error.reason);
}

// Requests

recorded("a request has what ingest wants of it", accept, async ({ rootsd }) => {
  const roots = new Connector({ url: `${rootsd.url}/roots/`, token: "secret" });
  await roots.update("a", { n: 1 });
  await roots.clients("a b/c?d");
  const [{ url, method, headers, body }, get] = rootsd.requests;
  assert.deepEqual([method, url, body], ["POST", "/roots/update", { path: "a", message: { n: 1 } }]);
  assert.equal(headers.authorization, "Bearer secret");
  assert.equal(headers["content-type"], "application/json");
  assert.equal(headers["user-agent"], "rootsd-node/0.1.0");
  assert.deepEqual([get.method, get.url], ["GET", "/roots/clients/a%20b%2Fc%3Fd"]);
  assert.equal(get.headers["content-type"], undefined);
});

recorded("url and token come from the environment", accept, async ({ rootsd, t }) => {
  Object.assign(process.env, { ROOTS_URL: rootsd.url, ROOTS_TOKEN: "of the environment" });
  t.after(() => {
    delete process.env.ROOTS_URL;
    delete process.env.ROOTS_TOKEN;
  });
  await new Connector({ raises: true }).update("a", 1);
  await new Connector({ raises: true, token: "" }).update("a", 1);
  const tokens = rootsd.requests.map(({ headers }) => headers.authorization);
  assert.deepEqual(tokens, ["Bearer of the environment", undefined]);
});

test("what cannot be a setting throws, and tells no secret", () => {
  const wrong = ["", "localhost:8004", "ftp://localhost", "http://ada:hunter2@localhost", "http://localhost/?a=b"];
  for (const options of [...wrong.map((url) => ({ url })), { token: "hunter2\n" }]) {
    assert.throws(() => new Connector(options), { name: "TypeError", message: /^(?!.*hunter2)/ });
  }
  for (const timeout of [0, -1, NaN, "soon"]) assert.throws(() => new Connector({ timeout }), RangeError);
});

// The no-op mode

test("the no-op mode remembers what would have been sent", async () => {
  const roots = new Connector({ url: "null:", raises: true });
  const at = new Date(0);
  assert.deepEqual(await roots.update("a", { at }, { latest: true, except: "x", wait: 2 }), { accepted: 1 });
  const two = [{ path: "a", message: 1, latest: false }, { path: "b", message: "" }];
  assert.deepEqual(await roots.updates(two), { accepted: 2 });
  assert.deepEqual(await roots.connect("x", ["a", "b"], { lease: 60 }), { id: "x", paths: ["a", "b"] });
  assert.deepEqual(await roots.permit("x", "a"), { id: "x", paths: ["a"] });
  assert.deepEqual(await roots.disconnect("x", "a", "b"), { id: "x", paths: ["a", "b"] });
  assert.deepEqual(await roots.forbid("x", ["a"]), { id: "x", paths: ["a"] });
  assert.deepEqual(await roots.join("x", "/room/"), { accepted: 3 });
  assert.deepEqual(await roots.kick("x"), { id: "x" });
  assert.deepEqual(await roots.clients("x/y"), { id: "x/y", connected: [], permits: [] });
  assert.deepEqual(roots.sent, [
    ["update", { path: "a", message: { at: "1970-01-01T00:00:00.000Z" }, latest: true, except: "x", wait: "2000ms" }],
    ["update", [{ path: "a", message: 1 }, { path: "b", message: "" }]],
    ["connect", { id: "x", paths: ["a", "b"], for: "60000ms" }],
    ["permit", { id: "x", paths: ["a"] }],
    ["disconnect", { id: "x", paths: ["a", "b"] }],
    ["forbid", { id: "x", paths: ["a"] }],
    ["update", [
      { path: "::connect", message: "x->room" },
      { path: "::connect", message: "x->::members/room" },
      { path: "::permit", message: "x->room" },
    ]],
    ["kick", { id: "x" }],
    ["clients/x%2Fy", null],
  ]);
});

test("it checks messages, and remembers the latest 1,000 calls", async () => {
  const roots = new Connector({ url: "null:", raises: true });
  await assert.rejects(roots.update("a", 1n), { reason: "message" });
  for (let n = 0; n < 1002; n++) await roots.update("a", n);
  assert.deepEqual([roots.sent.length, roots.sent[0][1].message], [1000, 2]);
});
