import assert from "node:assert/strict";
import { once } from "node:events";
import test from "node:test";

import { endpoints } from "../express.js";
import { Connector } from "../rootsd.js";
import { verify } from "../webhook.js";
import { accept, answer, Recorder } from "./recorder.js";

const [express, session] = await Promise.all(["express", "express-session"].map((name) => import(name)))
  .then((modules) => modules.map((module) => module.default), () => []);
const needs = express ? {} : { skip: "there is no Express: npm ci in connectors/node" };

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/** An application whose users may hear of `mine` and what is below it, and a page of it that has a session. */
class Application {
  /** What mayHear was asked. */
  asked = [];
  /** What onError was told. */
  told = [];

  /** Resolves to an application that serves. `before` are handlers between the session and the endpoints. */
  static async start(t, { conduct = accept, before = [], options, mayHear } = {}) {
    const application = new Application();
    application.rootsd = await Recorder.start(conduct);
    const onError = (error) => application.told.push(error.reason);
    const roots = new Connector({ url: application.rootsd.url, onError });
    const hear = mayHear ?? ((request, path) => (application.asked.push(path), /^(::members\/)?mine(\/|$)/.test(path)));
    const app = express().use(session({ secret: "s", resave: false, saveUninitialized: false }));
    app.get("/page", (request, response) => response.send((request.session.csrfToken = "proof")));
    app.use(...before.length ? before : [(request, response, next) => next()]);
    app.use("/server", endpoints(roots, hear, options));
    app.use((request, response) => response.status(418).send("another handler"));
    app.use((error, request, response, next) => response.status(500).send(error.message));
    await application.#serve(t, app);
    return application;
  }

  async #serve(t, app) {
    const server = app.listen(0, "127.0.0.1");
    await once(server, "listening");
    this.url = `http://127.0.0.1:${server.address().port}`;
    t.after(() => {
      server.closeAllConnections();
      return Promise.all([new Promise((resolve) => server.close(resolve)), this.rootsd.close()]);
    });
    this.cookie = (await fetch(`${this.url}/page`)).headers.get("set-cookie").split(";")[0];
  }

  /** Posts as the page does, unless `init` says otherwise. Resolves to `{status, text, headers}`. */
  async post(path, body, { headers, ...init } = {}) {
    const usual = { "Content-Type": "application/json", "X-CSRF-Token": "proof", Cookie: this.cookie };
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const bounds = { signal: AbortSignal.timeout(20_000), duplex: "half" };
    const given = { method: "POST", body: text, headers: { ...usual, ...headers }, ...bounds, ...init };
    const answered = await fetch(`${this.url}${path}`, given);
    return { status: answered.status, text: await answered.text(), headers: answered.headers };
  }

  /** What rootsd was asked: `[address, body]`. */
  get requests() {
    return this.rootsd.requests.map(({ url, body }) => [url, body]);
  }
}

function served(name, options, body) {
  test(name, needs, async (t) => body(await Application.start(t, options)));
}

served("a page is connected to what its user may hear", {}, async (application) => {
  const { status, text } = await application.post("/server/connect/roots-1", ["mine", "/mine/1/", "::members/mine"]);
  const paths = ["mine", "mine/1", "::members/mine"];
  assert.deepEqual([status, text, application.asked], [204, "", paths]);
  assert.deepEqual(application.requests, [["/connect", { id: "roots-1", paths }]]);
});

served("a disconnect is not asked about", {}, async (application) => {
  assert.equal((await application.post("/server/disconnect/roots%2F1?a=b", ["others"])).status, 204);
  assert.deepEqual(application.asked, []);
  assert.deepEqual(application.requests, [["/disconnect", { id: "roots/1", paths: ["others"] }]]);
});

served("one bad path of two: connected to neither", {}, async (application) => {
  assert.equal((await application.post("/server/connect/roots-1", ["mine", "others"])).status, 403);
  assert.deepEqual(application.requests, []);
});

served("rootsd's own paths are refused without asking", {}, async (application) => {
  for (const path of ["::connect", "/::connect", "::", "::to/roots-2", "::members"]) {
    for (const verb of ["connect", "disconnect"]) {
      assert.equal((await application.post(`/server/${verb}/roots-1`, ["mine", path])).status, 403, path);
    }
  }
  assert.deepEqual([application.asked, application.requests], [[], []]);
});

served("without the proof nothing is looked at", {}, async (application) => {
  const proofs = ["", "proo", "Proof"].map((proof) => ({ "X-CSRF-Token": proof }));
  for (const headers of [...proofs, { Cookie: "" }]) {
    for (const verb of ["connect", "disconnect"]) {
      assert.equal((await application.post(`/server/${verb}/roots-1`, "no JSON", { headers })).status, 403);
    }
  }
  assert.deepEqual([application.asked, application.requests], [[], []]);
});

served("a session without a token refuses an empty one", {
  before: [(request, response, next) => next(delete request.session.csrfToken ? undefined : new Error("kept"))],
}, async (application) => {
  for (const proof of ["", "undefined", "null", "proof"]) {
    const headers = { "X-CSRF-Token": proof };
    assert.equal((await application.post("/server/connect/roots-1", ["mine"], { headers })).status, 403);
  }
});

served("a token that is no text proves nothing", {
  before: [(request, response, next) => { request.session.csrfToken = {}; next(); }],
}, async (application) => {
  const headers = { "X-CSRF-Token": "[object Object]" };
  assert.equal((await application.post("/server/connect/x", ["mine"], { headers })).status, 403);
});

served("another proof may be wanted, and nothing but true is one", {
  options: { proof: async (request) => (request.headers["x-proof"] === "yes" ? true : "yes") },
}, async (application) => {
  for (const [headers, status] of [[{}, 403], [{ "X-Proof": "yes" }, 204]]) {
    assert.equal((await application.post("/server/connect/roots-1", ["mine"], { headers })).status, status);
  }
});

const answers = { "a/promise": Promise.resolve(true), "a/list": [], text: "yes", one: 1, no: Promise.resolve() };

served("nothing but true lets a user hear", { mayHear: (request, path) => answers[path] }, async (application) => {
  for (const path of ["a/list", "text", "one", "no", "nothing"]) {
    assert.equal((await application.post("/server/connect/roots-1", [path])).status, 403, path);
  }
  assert.equal((await application.post("/server/connect/roots-1", ["a/promise"])).status, 204);
});

served("what mayHear throws goes to the framework, and nobody is connected", {
  mayHear: async () => { throw new Error("no database"); },
}, async (application) => {
  const { status, text } = await application.post("/server/connect/roots-1", ["mine"]);
  assert.deepEqual([status, text], [500, "no database"]);
  assert.deepEqual(application.requests, []);
});

served("other methods and addresses", {}, async (application) => {
  for (const method of ["GET", "PUT", "DELETE"]) {
    const { status, headers } = await application.post("/server/connect/roots-1", undefined, { method });
    assert.deepEqual([status, headers.get("allow")], [405, "POST"], method);
  }
  for (const path of ["/server", "/server/connect", "/server/connect/a/b", "/server/kick/a", "/connect/a"]) {
    assert.equal((await application.post(path, ["mine"])).status, 418, path);
  }
  assert.equal((await application.post("/server/connect/%E0%A4%A", ["mine"])).status, 400);
});

const unfit = ["", "{}", "[]", "[1]", '["mine", null]', JSON.stringify(Array(1001).fill("mine"))];
const parsers = {
  "": { before: () => [], unfit: [...unfit, "no JSON", '"mine"', "null"] },
  ", after a parser of JSON": { before: () => [express.json()], unfit }, // which refuses the others itself
  ", after a parser of text": { before: () => [express.text({ type: "*/*" })], unfit: [...unfit, "no JSON"] },
};

for (const [when, { before, unfit }] of Object.entries(parsers)) {
  test(`a body is an array of paths${when}`, needs, async (t) => {
    const application = await Application.start(t, { before: before() });
    for (const body of unfit) {
      const { status, text } = await application.post("/server/connect/roots-1", body);
      assert.deepEqual([status, /array of 1 to 1000/.test(text)], [400, true], body.slice(0, 20));
    }
    assert.equal((await application.post("/server/connect/roots-1", Array(1000).fill("mine"))).status, 204);
    assert.equal(application.requests.length, 1);
  });
}

served("a body may have 256 KiB, whether or not it says so before", {}, async (application) => {
  const body = (size) => JSON.stringify(["mine"]).padEnd(size);
  for (const [size, status] of [[256 * 1024, 204], [256 * 1024 + 1, 413]]) {
    assert.equal((await application.post("/server/connect/roots-1", body(size))).status, status);
    const stream = new Blob([body(size)]).stream();
    assert.equal((await application.post("/server/connect/roots-1", "", { body: stream })).status, status, "in pieces");
  }
});

served("a path with very many slashes is no trouble", {}, async (application) => {
  assert.equal((await application.post("/server/connect/roots-1", [`a${"/".repeat(200_000)}b`])).status, 403);
});

test("what rootsd refuses is the page's mistake, or the application's affair", needs, async (t) => {
  const cases = [[400, "path", 400], [409, "too_many_paths", 400], [404, "unknown_id", 502], [401, "token", 502],
    [403, "host", 502], [503, "connections", 502], [500, "internal", 502]];
  for (const [status, reason, answered] of cases) {
    const conduct = (request, response) => answer(response, status, { status, reason, detail: "what is wrong" });
    const application = await Application.start(t, { conduct });
    const { status: got, text } = await application.post("/server/connect/roots-1", ["mine"]);
    assert.deepEqual([got, text.includes("what is wrong")], [answered, answered === 400], reason);
    assert.deepEqual(application.told, answered === 502 ? [reason] : []);
  }
});

served("without rootsd the page is told to try again", {}, async (application) => {
  await application.rootsd.close();
  assert.equal((await application.post("/server/connect/roots-1", ["mine"])).status, 502);
  assert.deepEqual(application.told, ["unreachable"]);
});

test("who forgets to say who may hear learns it at once", () => {
  const roots = new Connector({ url: "null:" });
  assert.throws(() => endpoints(roots), TypeError);
  assert.throws(() => endpoints(() => true), TypeError);
  assert.throws(() => endpoints(roots, () => true, { proof: null }), TypeError);
});

const hook = ["/hook", express?.raw({ type: "*/*" }), (request, response) => {
  response.json(verify(request.body, request.headers, secret, { now: 1614265330 }));
}];

served("a webhook is verified from the raw body", { before: hook }, async (application) => {
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  assert.equal((await application.post("/hook", '{"test": 2432232314}', { headers })).text, '{"test":2432232314}');
  assert.equal((await application.post("/hook", '{"test": 2432232315}', { headers })).status, 500);
});
