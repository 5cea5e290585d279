// Pictures of pages, for people to look at.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";

const folder = process.env.SHOTS;
const sizes = { wide: { width: 1280, height: 800 }, narrow: { width: 360, height: 740 } };

/** Takes pictures of a page, light and dark, wide and narrow, into the folder that SHOTS names; without it, none.
 * Resolves to their files. */
export async function shots(page, name) {
  if (!folder) return [];
  await mkdir(folder, { recursive: true });
  const files = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme });
    for (const [size, viewport] of Object.entries(sizes)) {
      await page.setViewportSize(viewport);
      files.push(join(folder, `${name}-${colorScheme}-${size}.png`));
      await page.screenshot({ path: files.at(-1), fullPage: true });
    }
  }
  return files;
}
