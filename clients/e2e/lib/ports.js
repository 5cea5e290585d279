// Free ports for servers that are stopped and started again at the same address.

import { createServer } from "node:net";

// Below 32768, where Linux begins to give out ports to connections: one that a server has left stays free until it is back.
const first = 20_000, last = 32_000;
const given = new Set();

/** Resolves to a port of 127.0.0.1 on which nothing listens, and never to the same one twice. */
export async function freePort() {
  for (let tries = 0; tries < 50; tries++) {
    const port = first + Math.floor(Math.random() * (last - first));
    if (given.has(port)) continue;
    given.add(port);
    if (await isFree(port)) return port;
  }
  throw new Error(`no free port found from ${first} to ${last}`);
}

function isFree(port) {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, "127.0.0.1", () => probe.close(() => resolve(true)));
  });
}
