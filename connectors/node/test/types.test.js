// The types that ship with the connector, as TypeScript understands them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const compiler = find(createRequire(import.meta.url));
const needs = compiler ? {} : { skip: "there is no TypeScript: npm ci in connectors/node" };

function find({ resolve }) {
  try {
    return resolve("typescript/bin/tsc");
  } catch {
    return undefined;
  }
}

test("the types allow what types.ts does with them, and not what it marks as wrong", needs, async () => {
  const project = fileURLToPath(new URL(".", import.meta.url));
  const compiled = promisify(execFile)(process.execPath, [compiler, "--project", project]);
  const { stdout } = await compiled.catch((error) => error);
  assert.equal(stdout, "");
});
