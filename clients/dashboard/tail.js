// The tail: updates as they go by. However many come, a frame shows a few of them, and counts the others.

import { daemon, Problem, readLines } from "./api.js";
import { byId, clock, count, el, explainLink, shortId, whole, write } from "./dom.js";
import { indented, rawMessage } from "./message.js";
import { whileSeen } from "./seen.js";

const most = 500; // rows that are kept
const perPaint = 30; // rows that one paint adds
const paintEvery = 100; // milliseconds from one paint to the next, at least
const letters = 160; // of a message that a row shows
const longestWait = 5_000; // milliseconds between two tries

const rows = byId("rows");
const problem = byId("tail-problem");
const field = byId("filter").elements.pattern;

let reading = null; // AbortController of the stream
let pattern = "";
let paused = false;
let waiting = []; // lines to show, at most `most`, the oldest first
let passed = 0; // that came, and are not shown any more
let heard = 0; // since the last report of the rate
let painting = false;

function take(lines) {
  heard += lines.length;
  waiting = waiting.concat(lines.slice(-most));
  if (waiting.length > most) passed += waiting.length - most;
  passed += Math.max(0, lines.length - most);
  waiting = waiting.slice(-most);
  const dropped = lines.filter((line) => line.includes('"dropped":')).reduce((n, line) => n + (JSON.parse(line).dropped ?? 0), 0);
  if (dropped) note(`${whole(dropped)} updates were left out: they came faster than this page read`, "alarm");
  schedule();
}

function schedule() {
  if (painting || paused) return;
  painting = true;
  setTimeout(() => requestAnimationFrame(paint), paintEvery);
}

function paint() {
  painting = false;
  if (paused) return;
  const lines = waiting.slice(-perPaint);
  passed += waiting.length - lines.length;
  waiting = [];
  if (passed) note(`${whole(passed)} more went by`);
  passed = 0;
  add(lines.map(updateRow));
}

/** Puts rows on top, the last one first, and lets the oldest go. */
function add(fresh) {
  rows.prepend(...fresh.reverse());
  while (rows.childElementCount > most) rows.lastElementChild.remove();
  byId("tail-empty").hidden = rows.childElementCount > 0;
}

const note = (text, kind = "soft") => add([el("li", { class: `note ${kind}` }, text)]);

function updateRow(line) {
  const { time, sender, path, message } = JSON.parse(line);
  return el("li", { class: path.startsWith("::") ? "update system" : "update" },
    el("time", { datetime: time, class: "mono soft" }, clock(time, 3)),
    el("span", { class: "path" }, explainLink(path)),
    messageOf(message, rawMessage(line)),
    el("span", { class: "sender" }, explainLink(sender, shortId(sender))));
}

/** Of a message that is a text its letters are shown, of any other its JSON. */
function messageOf(message, raw) {
  const isText = typeof message === "string";
  const text = isText ? message : raw;
  const kind = isText ? "message text mono" : "message mono";
  if (message === "") return el("span", { class: "message mono soft" }, "blank");
  if (text.length <= letters) return el("span", { class: kind }, text);
  const summary = el("summary", {}, text.slice(0, letters) + "… ", el("small", {}, `(all ${whole(text.length)})`));
  const details = el("details", { class: kind }, summary);
  details.addEventListener("toggle", () => details.open && details.append(el("pre", {}, isText ? text : indented(raw))), { once: true });
  return details;
}

async function read(signal) {
  const query = pattern ? "?" + new URLSearchParams({ pattern }) : "";
  for (let wait = 500; !signal.aborted; wait = Math.min(2 * wait, longestWait)) {
    const broke = await readLines(`tail${query}`, signal, (lines) => ((wait = 500), take(lines))).catch((error) => error);
    if (signal.aborted) return;
    if (broke?.status === 400) return refuse(broke);
    if (!(broke instanceof Problem)) note("the stream broke off; what goes by until it is back is not shown", "alarm");
    await Promise.race([pause(wait), once(daemon, "up"), once(signal, "abort")]);
  }
}

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));

const once = (target, event) => new Promise((resolve) => target.addEventListener(event, resolve, { once: true }));

function refuse(error) {
  write(problem, error.message);
  field.setAttribute("aria-invalid", "true");
  write(byId("tail-state"), "stopped");
}

function start() {
  reading?.abort();
  reading = new AbortController();
  read(reading.signal);
}

function stop() {
  reading?.abort();
  reading = null;
}

function filter(event) {
  event.preventDefault();
  pattern = field.value.trim();
  field.removeAttribute("aria-invalid");
  write(problem, "");
  clear();
  start();
}

function clear() {
  waiting = [];
  passed = 0;
  rows.replaceChildren();
  byId("tail-empty").hidden = pattern !== "";
}

function pauseOrGoOn() {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", paused);
  write(byId("pause"), paused ? "Go on" : "Pause");
  if (!paused) schedule();
}

/** Says each second how much goes by. */
function report() {
  const rate = `${count(heard)} a second`;
  heard = 0;
  if (!reading || field.hasAttribute("aria-invalid")) return;
  const kept = waiting.length + passed;
  write(byId("tail-state"), paused ? `paused; ${whole(kept)} came meanwhile; ${rate}` : `${rate}${pattern ? ` at ${pattern}` : ""}`);
}

/** Starts the tail; ingest is where back-ends post, for the example. */
export function showTail(ingest) {
  write(byId("tail-example"), `curl ${ingest || "localhost:8004"}/update -d '{"path": "orders/42", "message": "hello"}'`);
  byId("filter").addEventListener("submit", filter);
  byId("pause").addEventListener("click", pauseOrGoOn);
  byId("clear").addEventListener("click", clear);
  setInterval(report, 1000);
  whileSeen(byId("tail"), start, stop);
}
