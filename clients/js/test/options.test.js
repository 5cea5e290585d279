import assert from "node:assert/strict";
import test from "node:test";

import { Roots } from "../src/roots.js";
import { world } from "./world.js";

test("bad options are told at once", () => {
  for (const [options, text] of [
    [{ transports: ["pigeon"] }, /transports are websocket,sse,long-poll/],
    [{ transports: [] }, /transports are/],
    [{ transports: ["websocket"], WebSocket: false }, /transports are/],
    [{ connect: "/server/connect" }, /"\/server\/connect" has no \{id\}/],
    [{ disconnect: "/server/disconnect" }, /"\/server\/disconnect" has no \{id\}/],
  ]) {
    assert.throws(() => world.client(options), { name: "TypeError", message: text });
  }
});

test("an option that is undefined has its default", () => {
  world.client({ transports: undefined, hold: undefined, retry: undefined });
});

test("an address that is not HTTP is told at once", () => {
  for (const url of ["localhost:8008", "ws://push.test/comet/", "file:///comet/"]) {
    assert.throws(() => new Roots(url), { name: "TypeError", message: `roots: ${url} is not HTTP` });
  }
  for (const url of ["/comet/", "", undefined]) assert.throws(() => new Roots(url), TypeError, "there is no page here");
});

test("a pattern that is no text is told at once", () => {
  const roots = world.client();
  for (const pattern of [42, null, undefined, ["a"], {}]) assert.throws(() => roots.on(pattern), TypeError, `${pattern}`);
  assert.ok(world.quiet(), "nothing was opened for it");
});
