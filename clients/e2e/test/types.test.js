// The types that ship with the client, as TypeScript understands them.

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const require = createRequire(import.meta.url);
const here = fileURLToPath(new URL(".", import.meta.url));

test("roots.d.ts allows what types.ts does with it, and not what it marks as wrong", async () => {
  const tsc = require.resolve("typescript/bin/tsc");
  const { stdout } = await promisify(execFile)(process.execPath, [tsc, "--project", here]).catch((error) => error);
  assert.equal(stdout, "");
});
