// What the state of a client means, in sentences.

import { bytes, duration, several, whole } from "./dom.js";

const transports = { "long-poll": "a long-poll", sse: "an event stream", websocket: "a WebSocket" };

/** Why updates were replaced by gap marks. */
const gapReasons = {
  overflow: "because more waited than push.queue keeps",
  age: "because they waited longer than push.queue.age",
};

/** Tells what /control/clients/{id} says, as sentences; now is the daemon's time in unix milliseconds. */
export function inWords({ connected = [], permits = [], session }, now) {
  if (!session) return ["This is a part of the daemon, not a client: it has no session."];
  return [
    presence(session, now),
    queue(session),
    hearing(connected),
    gaps(session),
    permits.length ? `It may publish to ${several(permits.length, "pattern")}.` : "",
  ].filter(Boolean);
}

function presence({ parked, transport, until }, now) {
  const left = duration(Date.parse(until) - now);
  const how = transports[transport] ?? transport;
  if (!parked) return `Nobody waits just now: it is away, or between two requests. It is forgotten in ${left} unless it comes back.`;
  if (transport === "long-poll") return `It waits on ${how}, for an update, or for an answer without one in ${left}.`;
  return `It waits on ${how}: an update is written at once.`;
}

function queue({ queued, bytes: size, parked, transport }) {
  if (!queued) return "Nothing waits for it: it has confirmed all that it was sent.";
  const what = `${several(queued, "update")} (${bytes(size)})`;
  if (parked && transport !== "long-poll") return `${what} ${are(queued)} sent, and not confirmed yet, which streams do now and then.`;
  return `${what} ${queued === 1 ? "waits" : "wait"} for it to come and fetch.`;
}

const are = (n) => (n === 1 ? "is" : "are");

function hearing(connected) {
  if (connected.length) return "";
  return "It is connected to nothing, so it hears nothing: did the application call connect for this ID, and not for an older one?";
}

function gaps({ gapped, gaps: reasons = {} }) {
  if (!gapped) return "It has missed nothing.";
  const number = (n) => (n === gapped ? "" : `${whole(n)} `);
  const why = Object.entries(reasons).map(([reason, n]) => number(n) + (gapReasons[reason] ?? reason));
  return `${several(gapped, "update")} could not be kept for it: it was told to load afresh` +
    (why.length ? `, ${why.join(", ")}.` : ".");
}

/** Tells who would hear an update, from what /control/paths/{path} says. */
export function audienceInWords({ matched, audience }) {
  if (!matched) return "Nobody would hear an update here: no client is connected to this path, or to a pattern that covers it.";
  return `${several(matched, "client")} would hear an update here, by ${several(audience.length, "pattern")}.`;
}

const verbs = {
  connect: "connected to", disconnect: "disconnected from", permit: "permitted to publish to",
  forbid: "forbidden to publish to", kick: "kicked", gone: "gone",
};

/** What a command did, as it goes before its pattern. */
export const doing = (what) => verbs[what] ?? what;

const names = { itself: "itself", rootsd: "rootsd", another: "another component" };

/** Who did it. */
export const by = (component) => names[component] ?? component ?? "";
