// Chromium, started anew for each test file.

import { existsSync } from "node:fs";
import { chromium } from "playwright-core";

const program = process.env.CHROMIUM || "/usr/bin/chromium";

/** Options of a test that needs the browser: it is skipped where there is none, but in CI it fails. */
export const needsBrowser = existsSync(program) || process.env.CI === "true" ? {} :
  { skip: `no browser at ${program}: apt-get install chromium, or set CHROMIUM` };

const tries = 3;

/**
 * Resolves to a browser with an empty profile; each of its contexts is one more. `flags` are further ones of its own.
 * One that ends before it has begun, as happens now and then, has not seen anything of ours: what it said is
 * printed, and another is started.
 */
export async function launch(flags = []) {
  for (let n = 1; ; n++) {
    try {
      return await start(flags);
    } catch (error) {
      const said = error.message.replace(/<launching>.*/g, "<launching>");
      if (n === tries) throw new Error(`${program} did not start: ${said}`, { cause: error });
      console.error(`${program} did not start, try ${n} of ${tries}: ${said}`);
    }
  }
}

function start(flags) {
  return chromium.launch({
    executablePath: program,
    headless: true,
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", ...flags],
    ignoreDefaultArgs: ["--disable-back-forward-cache"], // browsers of users keep pages that are left for a while
  });
}
