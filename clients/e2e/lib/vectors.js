// In a page: what is wrong with the client, by one case of docs/vectors. Each of `judge` resolves to a list of faults, or
// to "left" for a case that is not for clients.

"use strict";

const pattern = import("/source/pattern.js");

/** Keys that cases of each kind have; a case with another says something that is not looked at. */
const known = {
  path: ["text", "base64", "path", "pattern"],
  match: ["pattern", "path", "matches", "other", "covers"],
  message: ["path", "message", "from", "gap", "wire"],
  token: ["token", "id", "cursor", "secret", "invalid"],
  session: ["steps", "listen", "limits"],
};

const textOf = (parts) => [parts].flat().map((part) => (part.repeat && part.times ? part.repeat.repeat(part.times) : part)).join("");

const differs = (what, got, want) => {
  const [is, should] = [got, want].map((value) => JSON.stringify(value));
  return is === should ? [] : [`${what} is ${is}, not ${should}`];
};

function strange(kind, given) {
  const keys = Object.keys(given).filter((key) => !["name", "why", ...known[kind]].includes(key) && !key.startsWith("_"));
  return keys.map((key) => `the key ${key} is not known`);
}

/** A Roots whose daemon is this page: what it is answered is given to `answer`, which resolves when it asks again. */
class Fake {
  #give;
  #asked;
  #first;

  constructor(id = "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17") {
    this.token = `${id}/0/Zq3rT8uW1eYc5oKd7mXhVb`;
    this.urls = [];
    this.#first = new Promise((asked) => (this.#asked = asked));
    this.roots = new Roots("http://push.test/", {
      transports: ["long-poll"], share: false, connect: async () => {}, fetch: (url, options) => this.#fetch(url, options),
    });
  }

  #fetch(url, { method = "GET", signal } = {}) {
    if (method !== "GET") return Promise.resolve(new Response(null, { status: 204 }));
    this.urls.push(String(url));
    this.#asked();
    return new Promise((give, refuse) => {
      this.#give = give;
      signal?.addEventListener("abort", () => refuse(signal.reason));
    });
  }

  async answer(text) {
    await this.#first;
    const again = new Promise((asked) => (this.#asked = asked));
    this.#give(new Response(text, { headers: { "Content-Type": "application/json" } }));
    await again;
  }

  updates(list, token = this.token) {
    return this.answer(`{"updates":[${list.join(",")}],"reconnectWith":${JSON.stringify(token)}}`);
  }

  /** Listens; what handlers are called with is in `told`. Resolves when each was told to load. */
  async listen(patterns) {
    this.told = [];
    for (const each of patterns) {
      this.roots.on(each, (_, update) => void this.told.push({ render: each, update }), (update) => void this.told.push({ reload: each, update }));
    }
    await this.updates([]);
    await new Promise((done) => setTimeout(done)); // the application has answered that it connected them
    await this.updates(patterns.map((path) => JSON.stringify({ path, message: "" })));
    this.told.length = 0;
  }
}

const judge = {
  async path(given) {
    const { parse } = await pattern;
    const faults = strange("path", given);
    if (given.base64) return "left";
    for (const [kind, wild] of [["path", false], ["pattern", true]]) {
      const want = given[kind].error ? { error: given[kind].error } : textOf(given[kind]);
      let got;
      try {
        got = parse(textOf(given.text), wild);
      } catch (error) {
        got = { error: error.reason };
        if (!(error instanceof RangeError)) faults.push(`as a ${kind}: ${error} is no RangeError`);
      }
      faults.push(...differs(`as a ${kind}`, got, want));
    }
    return faults;
  },

  async match(given) {
    const { covers, overlaps } = await pattern;
    const faults = strange("match", given);
    if ("matches" in given) faults.push(...differs("matches", overlaps(given.pattern, given.path), given.matches));
    if ("covers" in given) faults.push(...differs("covers", covers(given.pattern, given.other), given.covers));
    return faults;
  },

  async message(given) {
    const faults = strange("message", given);
    const { path, from, gap } = given, message = JSON.parse(given.message);
    const fake = new Fake();
    await fake.listen([path]);
    await fake.updates([given.wire]);
    const update = { path, message, ...(from && { from }), ...(gap && { gap }) };
    faults.push(...differs("what was told", fake.told, [{ [message === "" ? "reload" : "render"]: path, update }]));
    fake.roots.close();
    return faults;
  },

  async token(given) {
    if (given.invalid) return "left";
    const faults = strange("token", given);
    const fake = new Fake();
    fake.roots.on("a", () => {});
    await fake.updates([], given.token);
    faults.push(...differs("the ID", fake.roots.id, given.id));
    faults.push(...differs("the next request", fake.urls.at(-1), `http://push.test/${given.token}`));
    fake.roots.close();
    return faults;
  },

  async session(given) {
    const faults = strange("session", given);
    const fake = new Fake();
    await fake.listen(given.listen ?? ["unheard"]);
    for (const [n, step] of given.steps.entries()) {
      const { updates } = step.take ?? step.retry ?? step.stream ?? step.told ?? {};
      if (!updates) continue;
      fake.told.length = 0;
      await fake.updates(updates.map((update) => JSON.stringify(update)));
      if (!step.reload) continue;
      const reloaded = new Set(fake.told.map(({ reload }) => reload).filter((each) => each));
      faults.push(...differs(`step ${n + 1}: what is loaded`, [...reloaded].sort(), step.reload.toSorted()));
    }
    fake.roots.close();
    return faults;
  },
};
