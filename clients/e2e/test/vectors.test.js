// The cases of docs/vectors, in the browser, through the client's own code.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { root } from "../lib/binary.js";
import { needsBrowser } from "../lib/browser.js";
import { fixture } from "../lib/fixture.js";
import { Tab } from "../lib/tab.js";

const { serve, profile } = fixture();
const counts = {};
let page;

before(async () => {
  if (needsBrowser.skip) return;
  const { application } = await serve();
  ({ page } = await Tab.open(await profile(), application));
  await page.addScriptTag({ url: "/page/vectors.js" });
});
after(() => console.log(`vectors: ${Object.entries(counts).map(([file, { cases }]) => `${file} ${cases}`).join(", ")}`));

/** Has every case of a file judged in the page, where `judge` of lib/vectors.js names the faults of one. */
async function run(file) {
  const { cases } = JSON.parse(await readFile(join(root, "docs/vectors", `${file}.json`), "utf8"));
  const faults = [];
  counts[file] = { cases: cases.length, left: 0 };
  for (const given of cases) {
    const found = await page.evaluate(([name, each]) => judge[name](each), [file, given]);
    if (found === "left") counts[file].left++;
    else faults.push(...found.map((fault) => `${given.name}: ${fault}`));
  }
  assert.deepEqual(faults, []);
  return counts[file];
}

test("path.json", needsBrowser, async () => {
  const { left } = await run("path");
  assert.equal(left, 8, "cases that a JavaScript string cannot hold");
});

test("match.json", needsBrowser, async () => {
  assert.equal((await run("match")).left, 0);
});

test("message.json", needsBrowser, async () => {
  assert.equal((await run("message")).left, 0);
});

test("token.json", needsBrowser, async () => {
  const { left } = await run("token");
  assert.equal(left, 15, "tokens that only the daemon is given");
});

test("session.json", needsBrowser, async () => {
  await run("session");
});
