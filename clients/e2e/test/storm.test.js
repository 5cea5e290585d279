// Many clients in Node, whose daemon crashes: each is connected anew, once, and not all at the same time.

import assert from "node:assert/strict";
import { after, test } from "node:test";
import { Roots } from "../../js/src/roots.js";
import { until } from "../lib/awaited.js";
import { Daemon } from "../lib/daemon.js";

const count = 20, pace = 5; // clients, and how many a second the daemon has connected
const ends = [];

after(async () => {
  for (const end of ends.reverse()) await end();
});

/** A client of a daemon, with an application of its own that notes in `asked` what it is asked, and when. */
function client(daemon, transport, asked) {
  const connect = async (id, paths) => {
    asked.push({ id, at: performance.now() });
    await daemon.post("connect", { id, paths });
  };
  const roots = new Roots(daemon.push, { transports: [transport], connect, retry: 500 });
  ends.push(() => roots.close());
  roots.loads = 0;
  roots.last = 0;
  roots.addEventListener("error", (event) => event.preventDefault());
  roots.on("orders/1", (number) => (roots.last = number), () => void roots.loads++);
  return roots;
}

test("after a crash clients are connected at the pace that the daemon gives", async () => {
  const daemon = await Daemon.start("--push-pace", String(pace));
  ends.push(() => daemon.kill());
  const asked = [];
  const all = Array.from({ length: count }, (_, n) => client(daemon, n % 2 ? "sse" : "long-poll", asked));
  await until("all to load", () => all.every(({ loads }) => loads === 1));
  const before = all.map(({ id }) => id);
  assert.deepEqual(asked.map(({ id }) => id).sort(), [...before].sort());

  asked.length = 0;
  await daemon.kill();
  await daemon.start();
  await until("all to load again", () => all.every(({ loads }) => loads === 2), 30_000);
  const now = all.map(({ id }) => id);
  assert.deepEqual(now.filter((id) => before.includes(id)), [], "no ID is used again");
  assert.deepEqual(asked.map(({ id }) => id).sort(), [...now].sort(), "each is asked for once");
  const times = asked.map(({ at }) => (at - asked[0].at) / 1000);
  assert.ok(times.at(-1) >= 0.75 * count / pace, `they asked after ${times.map((time) => time.toFixed(1))} s`);
  for (const from of times) {
    const together = times.filter((time) => time >= from && time < from + 1).length;
    assert.ok(together <= count / 2, `${together} of them asked within a second, after ${from} s`);
  }
  await daemon.post("update", { path: "orders/1", message: 1 });
  await until("all to hear", () => all.every(({ last }) => last === 1));
  assert.deepEqual(all.map(({ state }) => state), all.map(() => "live"));
});
