import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";

import { RootsdError } from "../rootsd.js";
import { verify } from "../webhook.js";

const known = ["name", "why", "secret", "secrets", "headers", "body", "now", "result", "error"];
const { cases } = JSON.parse(readFileSync(new URL("../../../docs/vectors/webhook.json", import.meta.url)));

for (const it of cases) {
  test(`webhook: ${it.name}`, () => {
    const odd = Object.keys(it).filter((key) => !known.includes(key) && !key.startsWith("_"));
    assert.deepEqual(odd, [], "keys that are not known here");
    for (const body of [it.body, Buffer.from(it.body)]) {
      const verified = () => verify(body, it.headers, it.secrets ?? it.secret, { now: it.now });
      if (it.error) assert.throws(verified, (error) => error instanceof RootsdError && error.reason === it.error);
      else assert.deepEqual(verified(), it.result);
    }
  });
}

const good = cases.find(({ name }) => name === "a good signature");

test("headers may be a Headers or a Map", () => {
  for (const headers of [new Headers(good.headers), new Map(Object.entries(good.headers))]) {
    assert.deepEqual(verify(good.body, headers, good.secret, { now: good.now }), good.result);
  }
});

test("a tolerance can be set, and now is now", () => {
  const later = { now: good.now + 301 };
  assert.deepEqual(verify(good.body, good.headers, good.secret, { ...later, tolerance: 301 }), good.result);
  assert.throws(() => verify(good.body, good.headers, good.secret), { reason: "timestamp", message: /ago/ });
});

test("without a secret nothing is genuine: that is a mistake, and throws", () => {
  for (const secret of [undefined, null, "", "whsec_", [], ["whsec_"], "not base64!", "A", "whsec_A", "AA"]) {
    assert.throws(() => verify(good.body, good.headers, secret, { now: good.now }), TypeError);
  }
});

/** The headers of a message that is signed as it should be. */
function signed(id, body) {
  const hmac = createHmac("sha256", Buffer.from(good.secret.slice("whsec_".length), "base64"));
  const signature = hmac.update(`${id}.${good.now}.${body}`).digest("base64");
  return { "webhook-id": id, "webhook-timestamp": String(good.now), "webhook-signature": `v1,${signature}` };
}

test("without an ID nothing is genuine", () => {
  assert.equal(verify("1", signed("a", "1"), good.secret, { now: good.now }), 1);
  assert.throws(() => verify("1", signed("", "1"), good.secret, { now: good.now }), { reason: "signature" });
});

test("what is signed and is not JSON is an error of its own", () => {
  assert.throws(() => verify("no", signed("a", "no"), good.secret, { now: good.now }), { reason: "message" });
});

// Compared with the counts of other languages.
console.log(`vectors: webhook ${cases.length}`);
