// The rootsd that is tested: built from this repository, or the one that ROOTSD names.

import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/** Where the repository begins. */
export const root = fileURLToPath(new URL("../../../", import.meta.url));

let built;

/** Resolves to the path of the program. Each test file is a process of its own and asks the go tool, which builds only
 * what has changed since it was asked last. */
export function binary() {
  return (built ??= process.env.ROOTSD ? Promise.resolve(process.env.ROOTSD) : build());
}

async function build() {
  const folder = join(tmpdir(), `roots-e2e-${userInfo().uid}`);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const program = join(folder, "rootsd");
  await promisify(execFile)("go", ["build", "-o", program, "./cmd/rootsd"], { cwd: root });
  return program;
}
