// Chromium, started anew for each test file.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const program = process.env.CHROMIUM || "/usr/bin/chromium";

/** Options of a test that needs the browser: it is skipped where there is none, but in CI it fails. */
export const needsBrowser = existsSync(program) || process.env.CI === "true" ? {} :
  { skip: `no browser at ${program}: apt-get install chromium, or set CHROMIUM` };

/** Resolves to a browser with an empty profile; each of its contexts is one more. `flags` are further ones of its own. */
export function launch(flags = []) {
  return chromium.launch({
    executablePath: program,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...flags],
    ignoreDefaultArgs: ["--disable-back-forward-cache"], // browsers of users keep pages that are left for a while
  });
}
