// What Explain shows of one client: its session, what it is connected to, and what was done to it.

import { byId, bytes, el, explainLink, moment, several, shortId, whole } from "./dom.js";
import { by, doing, inWords } from "./words.js";

/** Sets the form that acts on clients to this one. */
function actOn(id) {
  const field = byId("command").elements.id;
  field.value = id;
  byId("act").scrollIntoView();
  byId("command").elements.command.focus({ preventScroll: true });
}

/** What changes with every second: what it means that the client is as it is, and the numbers. */
export const stateView = (client, now) => [
  el("ul", { class: "words" }, ...inWords(client, now).map((text) => el("li", {}, text))),
  client.session ? facts(client.session) : "",
];

/** What changes only with what is done to the client. */
export function clientView({ id, connected = [], permits = [] }, history, now) {
  const act = el("button", { class: "plain small", type: "button", click: () => actOn(id) }, "act on it");
  return [
    ...(connected.length ? list(`Connected to ${several(connected.length, "path")}`, connected, now) : []),
    ...(permits.length ? list("May publish to", permits, now) : []),
    el("h3", {}, "What was done, newest first"), events(history, false),
    el("p", {}, act),
  ];
}

function facts(session) {
  const { transport, parked, until, since, queued, bytes: size, cursor, confirmed, gapped } = session;
  const rows = {
    transport, since: moment(since),
    [parked ? "waits until" : "forgotten at"]: moment(until),
    queued: queued ? `${whole(queued)} (${bytes(size)})` : "0",
    "confirmed, of": `${whole(confirmed)} of ${whole(cursor)}`, gapped: whole(gapped),
  };
  return el("dl", { class: "facts" }, ...Object.entries(rows).map(([name, value]) =>
    el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function list(title, entries, now) {
  const row = (entry) => el("li", {}, explainLink(entry.path), el("span", { class: "soft" },
    ...(entry.since ? [" since ", moment(entry.since)] : []), entry.by ? ` by ${by(entry.by)}` : "", ...lapses(entry, now)));
  return [el("h3", {}, title), el("ul", { class: "clients" }, ...entries.map(row))];
}

const sizes = { h: 3_600_000, m: 60_000, s: 1_000 };

/** When an entry lapses, of which the daemon says how long that is from now, as Go does: "1h0m3s". */
function lapses({ lapses_in: left }, now) {
  if (!left) return [];
  const milliseconds = [...left.matchAll(/([\d.]+)([hms])/g)].reduce((all, [, n, unit]) => all + n * sizes[unit], 0);
  return [", lapses at ", moment(new Date(now + milliseconds).toISOString())];
}

/** Commands that were obeyed; of whom, if they are of several clients. */
export function events({ events: list, forgotten }, ofMany) {
  const row = ({ time, what, id, pattern, component }) => el("li", {},
    moment(time), " ", ofMany ? explainLink(id, shortId(id)) : "", ` ${doing(what)} `, pattern ? explainLink(pattern) : "",
    component && what !== "gone" ? el("span", { class: "soft" }, ` by ${by(component)}`) : "");
  const end = forgotten ? el("li", { class: "soft" }, `forgotten, of all clients: ${several(forgotten, "older command")}`) : "";
  if (!list.length) return el("p", { class: "soft" }, "Nothing that is remembered.");
  return el("ol", { class: "events" }, ...list.map(row), end);
}
