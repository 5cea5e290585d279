import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import test from "node:test";
import { gzipSync } from "node:zlib";

for (const name of ["roots.js", "roots.mjs"]) {
  test(`${name} has at most 5,120 bytes, minified and compressed`, () => {
    const size = gzipSync(readFileSync(new URL(`../dist/${name}`, import.meta.url)), { level: 9 }).length;
    console.log(`${name}: ${size} bytes`);
    assert.ok(size <= 5120, `${size} bytes`);
  });
}
