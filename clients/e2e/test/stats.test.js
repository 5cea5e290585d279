// What the pages reckon, without a page: the numbers, the picture and the words of the dashboard, and the checker of the demo.

import assert from "node:assert/strict";
import { test } from "node:test";
import { withPoint } from "../../dashboard/charts.js";
import { layOut } from "../../dashboard/layout.js";
import { measures, waiting } from "../../dashboard/measures.js";
import { indented, rawMessage } from "../../dashboard/message.js";
import { Stats } from "../../dashboard/stats.js";
import { audienceInWords, by, doing, inWords } from "../../dashboard/words.js";
import { bytes, count, duration, idIn, latency, percent, several, shortId, whole } from "../../dashboard/dom.js";
import { Sequence } from "../../demo/page/sequence.js";

/** Stats that have been told of these values, a second apart unless `times` says when. */
function told(reports, times = reports.map((_, n) => 1000 * n)) {
  const stats = new Stats();
  reports.forEach((values, n) => stats.add({ time: 1e12 + times[n], values }));
  return stats;
}

test("a rate is what a counter grows by in a second", () => {
  const reports = [{ n: 100 }, { n: 110 }, { n: 140 }];
  assert.equal(told(reports.slice(0, 1)).rate("n"), null, "one report says nothing");
  assert.equal(told(reports).rate("n"), 30);
  assert.equal(told(reports, [0, 1000, 3500]).rate("n"), 12);
  assert.equal(told(reports).rate("unheard"), 0);
  assert.equal(new Stats().rate("n"), null);
});

test("a rate may be of one label, and a series that is new counts from nothing", () => {
  const stats = told([
    { 'n{who="a"}': 5, 'nn{who="a"}': 1000 },
    { 'n{who="a"}': 6, 'n{who="b \\"c\\"",of="x"}': 7, 'nn{who="a"}': 9000 },
  ]);
  assert.equal(stats.rate("n"), 8, "and not nn, whose name only begins likewise");
  assert.equal(stats.rate("n", "who", "a"), 1);
  assert.equal(stats.rate("n", "of", "x"), 7);
  assert.equal(stats.total("n"), 13);
  assert.equal(stats.fastest("n", "of"), "x");
});

test("the fastest is none where none grows", () => {
  const refused = (a, b) => ({ 'r{reason="path"}': a, 'r{reason="auth"}': b });
  assert.equal(told([refused(1, 9), refused(4, 10)]).fastest("r", "reason"), "path");
  assert.equal(told([refused(1, 9), refused(1, 9)]).fastest("r", "reason"), "");
  assert.equal(told([refused(1, 9)]).fastest("r", "reason"), "");
});

test("no rate spans two processes, or a pause", () => {
  const start = (time, n) => ({ process_start_time_seconds: time, n });
  assert.equal(told([start(1, 900), start(2, 3)]).rate("n"), null, "another process");
  assert.equal(told([start(1, 900), start(2, 3), start(2, 10)]).rate("n"), 7);
  assert.equal(told([start(1, 900), start(1, 3000)], [0, 6000]).rate("n"), null, "too long ago");
  assert.equal(told([start(1, 900), start(1, 1400)], [0, 5000]).rate("n"), 100);
  assert.equal(told([start(1, 900), start(1, 901)], [0, 0]).rate("n"), null, "no time between them");
  assert.equal(told([start(1, 900), start(1, 901)], [0, -500]).rate("n"), null, "a clock that was put back");
});

test("a counter that was set back has no rate below zero", () => {
  assert.equal(told([{ n: 900 }, { n: 3 }]).rate("n"), 0);
});

/** A histogram with so many deliveries up to 1 ms, 10 ms and 100 ms, and more. */
const histogram = (ms1, ms10, ms100, all) => Object.fromEntries([["0.1", ms100], ["+Inf", all], ["0.001", ms1], ["0.01", ms10]]
  .map(([le, n]) => [`rootsd_delivery_seconds_bucket{le="${le}"}`, n]));

test("a quantile is of the deliveries of the last five seconds, and in proportion within its bucket", () => {
  const close = (got, want) => assert.ok(Math.abs(got - want) < 1e-9, `${got}, not ${want}`);
  const stats = told([histogram(70, 90, 90, 100), histogram(170, 190, 190, 200)]);
  close(stats.latency(0.5), 0.0005);
  close(told([histogram(0, 0, 0, 0), histogram(50, 90, 100, 100)]).latency(0.7), 0.001 + 0.009 / 2);
  close(told([histogram(0, 0, 0, 0), histogram(0, 0, 0, 10)]).latency(0.99), 0.1); // beyond the last bound: that is all that is known
  assert.equal(told([histogram(70, 90, 90, 100)]).latency(0.5), null, "one report says nothing");
  assert.equal(told([histogram(70, 90, 90, 100), histogram(70, 90, 90, 100)]).latency(0.5), null, "nothing was delivered");
});

test("of latencies, what is older than five seconds is forgotten", () => {
  const slow = histogram(0, 0, 100, 100), fast = (n) => histogram(n, n, 100 + n, 100 + n);
  assert.ok(told([{}, slow, slow, slow, slow, slow]).latency(0.5) > 0.01);
  assert.ok(told([{}, slow, ...[1, 2, 3, 4, 5].map(fast)]).latency(0.99) <= 0.001);
});

test("clients that wait are streams, or else long-polls", () => {
  const values = { rootsd_parked: 9, 'rootsd_streams{transport="sse"}': 2, 'rootsd_streams{transport="websocket"}': 4 };
  const got = Object.fromEntries(Object.entries(waiting).map(([name, of]) => [name, of(told([values]))]));
  assert.deepEqual(got, { "long-poll": 3, sse: 2, websocket: 4 });
  const late = told([{ ...values, rootsd_parked: 1 }]); // the numbers of one report are not of one instant
  assert.equal(waiting["long-poll"](late), 0);
});

test("each chart can write what it knows, and that it knows nothing yet", () => {
  for (const { title, format, lines, note } of measures) {
    for (const stats of [new Stats(), told([{}]), told([{}, {}])]) {
      const text = [...lines.map((line) => format(line.of(stats))), note?.(stats) ?? ""].join(" ");
      assert.doesNotMatch(text, /NaN|null|undefined|Infinity/, title);
    }
  }
});

test("a chart keeps five minutes, and nothing from after now", () => {
  const times = (...all) => all.reduce((points, time) => withPoint(points, { time }), []).map(({ time }) => time);
  assert.deepEqual(times(0, 1000, 300_000), [0, 1000, 300_000]);
  assert.deepEqual(times(0, 1000, 300_001), [1000, 300_001]);
  assert.deepEqual(times(1000, 2000, 9000, 2000), [1000, 2000], "a clock that was put back");
});

const component = (side) => (name) => ({ name, side });
const components = [
  ...["ingest", "line", "push"].map(component("receiver")),
  ...["controller", "dispatcher"].map(component("heart")),
  ...["sessions", "log", "tail", "dashboard"].map(component("sender")),
];

for (const width of [320, 700, 899, 900, 1238, 2000]) {
  test(`the wiring in ${width} pixels`, () => {
    const { height, boxes, wires } = layOut(components, width);
    const names = [...components.map(({ name }) => name), "long-poll", "sse", "websocket"];
    assert.deepEqual(boxes.map(({ name }) => name).sort(), names.sort(), "everything has a box");
    for (const box of boxes) {
      const { name, x, y, w, h } = box;
      assert.ok(x >= 0 && y >= 0 && x + w <= width + 0.01 && y + h <= height, `${name} is inside`);
      for (const other of boxes) assert.ok(box === other || apart(box, other), `${name} and ${other.name} are apart`);
    }
    const led = new Set(wires.map(({ name }) => name));
    for (const name of names) if (name !== "dispatcher") assert.ok(led.has(name), `a wire has the numbers of ${name}`);
    for (const { d } of wires) assert.doesNotMatch(d, /NaN|undefined/);
    for (const { x, y } of wires) assert.ok(x >= 0 && x <= width && y >= 0 && y <= height, "labels are inside");
  });
}

const apart = (a, b) => a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;

const now = Date.parse("2030-01-01T12:00:00Z");
const session = (more) => ({
  transport: "long-poll", parked: true, until: "2030-01-01T12:00:25Z", queued: 0, bytes: 0, cursor: 7, confirmed: 7, gapped: 0, ...more,
});
const said = (more, rest = { connected: [{}] }) => inWords({ ...rest, session: session(more) }, now).join(" ");

for (const [name, got, want] of [
  ["waits", said({}), /waits on a long-poll.* in 25 s\. Nothing waits for it.*has missed nothing/],
  ["streams", said({ transport: "sse" }), /event stream: an update is written at once/],
  ["is away", said({ parked: false }), /is away.*forgotten in 25 s/],
  ["is due already", said({ parked: false, until: "2030-01-01T11:59:00Z" }), /forgotten in 0 s/],
  ["has one in its queue", said({ parked: false, queued: 1, bytes: 2048 }), /1 update \(2 KiB\) waits for it/],
  ["has some in its queue", said({ parked: false, queued: 2, bytes: 10 }), /2 updates \(10 B\) wait for it/],
  ["has not confirmed", said({ transport: "websocket", queued: 2 }), /2 updates \(0 B\) are sent, and not confirmed yet/],
  ["hears nothing", said({}, {}), /connected to nothing, so it hears nothing/],
  ["was gapped", said({ gapped: 3, gaps: { overflow: 3 } }), /3 updates could not be kept.*, because more waited than push\.queue keeps\.$/],
  ["was gapped twice", said({ gapped: 3, gaps: { overflow: 1, age: 2 } }), /, 1 because more .*, 2 because they waited longer/],
  ["was gapped for what is new", said({ gapped: 1, gaps: { flood: 1 } }), /, flood\.$/],
  ["may publish", said({}, { connected: [{}], permits: [{}, {}] }), /may publish to 2 patterns\.$/],
  ["is no client", inWords({}, now).join(" "), /part of the daemon/],
  ["nobody hears", audienceInWords({ matched: 0, audience: [] }), /^Nobody would hear/],
  ["one hears", audienceInWords({ matched: 1, audience: [{}] }), /^1 client would hear an update here, by 1 pattern\.$/],
]) {
  test(`in words: ${name}`, () => {
    assert.match(got, want);
    assert.doesNotMatch(got, /undefined|NaN/);
  });
}

test("who did what", () => {
  const is = (got, ...want) => assert.deepEqual(got, want);
  is(["connect", "kick", "gone", "new"].map(doing), "connected to", "kicked", "gone", "new");
  is(["itself", "ingest", "another", undefined].map(by), "itself", "ingest", "another component", "");
});

test("numbers for people", () => {
  const table = [
    [count, [null, "–"], [0, "0"], [0.25, "0.25"], [12.34, "12.3"], [99.97, "100"], [1234, "1,234"], [56_700, "56.7k"],
      [999_499, "999k"], [999_500, "1M"], [8.9e6, "8.9M"]],
    [whole, [undefined, "–"], [1234.4, "1,234"]],
    [percent, [null, "–"], [0.5, "0.50 %"], [12, "12 %"]],
    [bytes, [null, "–"], [0, "0 B"], [1023, "1023 B"], [1024, "1 KiB"], [1536, "1.5 KiB"], [5 * 2 ** 40, "5120 GiB"]],
    [latency, [null, "–"], [0.00025, "250 µs"], [0.0034, "3.4 ms"], [1.25, "1.3 s"]],
    [duration, [-1, "0 s"], [999, "1 s"], [302_000, "5 min 2 s"], [3_600_000, "1 h"], [3_605_000, "1 h"], [273_600_000, "3 d 4 h"]],
    [(n) => several(n, "path"), [1, "1 path"], [0, "0 paths"]],
    [shortId, ["roots-5sLnQ0cTz0VvJb1yX9w2Rk-17", "roots-5sLn…-17"], ["orders/42", "orders/42"]],
  ];
  const got = table.map(([write, ...cases]) => cases.map(([n]) => write(n)));
  assert.deepEqual(got, table.map(([, ...cases]) => cases.map(([, text]) => text)));
});

const token = "roots-5sLnQ0cTz0VvJb1yX9w2Rk-17/42/s3cret";
const [id] = token.split("/");

for (const [text, want] of [
  [id, id], [token, id], [` ${token}\n`, id], [`https://example.org/push/${token}?x=1`, id], [`wss://h/${token}`, id],
  [encodeURIComponent(`http://h/${token}`), id], ["orders/42", undefined], [`users/${id}/inbox`, undefined], [`${id}/42/`, undefined],
]) {
  test(`the ID in ${JSON.stringify(text)}`, () => assert.equal(idIn(text), want));
}

const line = (raw, rest = "") => `{"time":"now","sender":",","path":"a,\\"message\\":","message":${raw}${rest}}`;

for (const raw of [
  '{"n":12345678901234567890,"f":1.0,"e":1e400,"dup":1,"dup":2}', '"text"', "0", '{"message":1,"dropped":2}',
  '"<,\\"dropped\\":2}"', "[]", '"\\u003ci> \\\\u003c"',
]) {
  test(`the message of a line, ${raw}`, () => {
    for (const rest of ["", ',"dropped":12']) assert.equal(rawMessage(line(raw, rest)), raw);
  });
}

test("a message is indented to the letter, unless that makes it far longer", () => {
  const all = { a: [1, {}, [], { b: null }], 'c"{,': "[:]\\", d: { e: [] } };
  assert.equal(indented(JSON.stringify(all)), JSON.stringify(all, null, 2));
  assert.equal(indented("[1.0,1e400]"), "[\n  1.0,\n  1e400\n]");
  const deep = "[".repeat(990) + "1,".repeat(30_000) + "1" + "]".repeat(990);
  assert.equal(indented(deep), deep);
});

/** What the demo's checker finds in numbers; `{load: n}` says that the application had told n. */
function checked(...steps) {
  const sequence = new Sequence();
  for (const step of steps) typeof step === "object" ? sequence.load(step.load) : sequence.hear(step);
  const { received, missed, repeated, disordered, good } = sequence;
  return { received, missed, repeated, disordered, good };
}

const good = (received) => ({ received, missed: 0, repeated: 0, disordered: 0, good: true });
const bad = (received, faults) => ({ ...good(received), ...faults, good: false });

for (const [name, got, want] of [
  ["none is lost", checked({ load: 4 }, 5, 6, 7), good(3)],
  ["some were told before it was asked", checked({ load: 4 }, 3, 4, 5), good(3)],
  ["one is lost", checked({ load: 4 }, 5, 7), bad(2, { missed: 1 })],
  ["many are lost", checked({ load: 4 }, 5, 5006), bad(2, { missed: 5000 })],
  ["the first is lost", checked({ load: 4 }, 6, 7), bad(2, { missed: 1 })],
  ["one comes twice", checked({ load: 4 }, 5, 6, 6, 7), bad(4, { repeated: 1 })],
  ["one comes again, late", checked({ load: 4 }, 5, 6, 7, 5), bad(4, { repeated: 1 })],
  ["two are swapped", checked({ load: 4 }, 5, 7, 6, 8), bad(4, { disordered: 1 })],
  ["one is swapped, and then repeated", checked({ load: 4 }, 5, 7, 6, 6), bad(4, { disordered: 1, repeated: 1 })],
  ["what is no number", checked({ load: 4 }, 5, "6"), bad(2, { disordered: 1 })],
  ["a hole that it was told of", checked({ load: 4 }, 5, { load: 90 }, 91, 92), good(3)],
  ["a hole after that", checked({ load: 4 }, 5, { load: 90 }, 91, 93), bad(3, { missed: 1 })],
  ["one that is lost just after that", checked({ load: 4 }, 5, { load: 90 }, 92), bad(2, { missed: 1 })],
  ["one from before it", checked({ load: 4 }, 5, { load: 90 }, 91, 5), bad(3, { repeated: 1 })],
  ["one that was lost, and comes after it", checked({ load: 4 }, 5, 7, { load: 90 }, 91, 6), bad(4, { missed: 1, repeated: 1 })],
  ["what comes before the first load", checked(50, 51, { load: 51 }, 52), good(3)],
  ["one that is lost before the first load", checked(50, 52, { load: 52 }, 53), bad(3, { missed: 1 })],
  ["an application that begins anew", checked({ load: 400 }, 401, { load: 2 }, 2, 3, 4), good(4)],
]) {
  test(`the demo's checker: ${name}`, () => assert.deepEqual(got, want));
}
