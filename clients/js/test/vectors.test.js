import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";

import { covers, overlaps, parse } from "../src/pattern.js";
import { id, settle, token, world } from "./world.js";

const counts = {};

/** Runs each case of a file in docs/vectors, which may have no other keys than these. */
function vectors(file, keys, run) {
  const { cases } = JSON.parse(readFileSync(new URL(`../../../docs/vectors/${file}.json`, import.meta.url)));
  counts[file] = cases.length;
  for (const it of cases) {
    test(`${file}: ${it.name}`, () => {
      const odd = Object.keys(it).filter((key) => !["name", "why", ...keys].includes(key) && !key.startsWith("_"));
      assert.deepEqual(odd, [], "keys that are not known here");
      return run(it);
    });
  }
}

const textOf = (text) => [text].flat().map((part) => typeof part === "string" ? part : part.repeat.repeat(part.times)).join("");

function parsed(text, wild) {
  try {
    return parse(text, wild);
  } catch (error) {
    return { error: error.reason };
  }
}

vectors("path", ["text", "base64", "path", "pattern"], (it) => {
  if (it.base64) return; // a string cannot hold such bytes
  const want = (value) => value.error ? value : textOf(value);
  assert.deepEqual(parsed(textOf(it.text), false), want(it.path));
  assert.deepEqual(parsed(textOf(it.text), true), want(it.pattern));
});

vectors("match", ["pattern", "path", "matches", "other", "covers"], (it) => {
  if ("other" in it) assert.equal(covers(it.pattern, it.other), it.covers);
  else assert.equal(overlaps(it.pattern, it.path), it.matches);
});

vectors("message", ["path", "message", "from", "gap", "wire"], (it) => {
  const { path, message, from, gap } = it;
  assert.deepEqual(JSON.parse(it.wire), { path, message: JSON.parse(message), ...(from && { from }), ...(gap && { gap }) });
});

vectors("token", ["token", "id", "cursor", "secret", "invalid"], async (it) => {
  if (it.invalid) return; // that is for rootsd to say
  const roots = world.client();
  roots.on("a");
  world.next().answer({ updates: [], reconnectWith: it.token });
  await settle();
  assert.equal(roots.id, it.id);
  assert.equal(world.next("/comet/").url, `http://push.test/comet/${it.token}`);
});

vectors("session", ["limits", "listen", "steps"], async (it) => {
  const roots = world.client({ connect: async () => {} }), reloads = new Set();
  for (const pattern of it.listen ?? []) roots.on(pattern, undefined, () => void reloads.add(pattern));
  if (!it.listen) roots.on("::nothing/here");
  world.next().answer({ updates: [], reconnectWith: token(0) });
  await settle();
  for (const step of it.steps) {
    const said = step.take ?? step.retry ?? step.stream ?? step.told;
    if (!said) continue; // what happens at the daemon
    reloads.clear();
    world.next(id()).answer({ updates: said.updates, reconnectWith: token(said.cursor) });
    await settle();
    if (step.reload) assert.deepEqual([...reloads].sort(), [...step.reload].sort());
  }
});

// Compared with the counts of other languages.
console.log(`vectors: ${Object.entries(counts).map((count) => count.join(" ")).join(", ")}`);
