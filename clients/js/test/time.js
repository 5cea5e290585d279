// Time that the test moves, and chance that is none.
import { mock } from "node:test";

/** Lets everything happen that is to happen without time going by. */
export async function settle() {
  for (let i = 0; i < 50; i++) await Promise.resolve();
}

/** Moves the time on. */
export async function pass(milliseconds) {
  await settle();
  mock.timers.tick(milliseconds);
  await settle();
}

/** Takes the chance out of the waits before the next try: each is its upper bound, but for a hair, as tabs have random
 * names. */
export function worstLuck() {
  let draws = 0;
  mock.timers.enable({ apis: ["setTimeout"] });
  mock.method(Math, "random", () => 1 - ++draws * 1e-12);
}

export function fairWeather() {
  mock.restoreAll();
  mock.timers.reset();
}
