// Explain: why a client hears something or not, and who would hear an update at a path. What it shows stands in the
// address, after #explain=, to be sent to others; of a token only the ID does, as the rest is a secret.

import { ask, inAddress, Problem } from "./api.js";
import { clientView, events, stateView } from "./client.js";
import { byId, el, explainHash, explainLink, idIn, several, whole, write } from "./dom.js";
import { every } from "./seen.js";
import { audienceInWords, by } from "./words.js";

const refresh = 2_000;
const named = 50; // clients of a pattern that are named
const remembered = 50; // commands that are shown

const place = byId("explained");
const problem = byId("explain-problem");
const field = byId("ask").elements.what;

let asked = ""; // what is explained

/** What the hash asks for; "" if it is about something else. */
function fromHash() {
  const [, text] = /^#explain=(.*)$/.exec(location.hash) ?? [];
  try {
    return decodeURIComponent(text ?? "");
  } catch {
    return text; // somebody has typed a lone %
  }
}

async function client(id, now) {
  const address = encodeURIComponent(id);
  const [found, history] = await Promise.all([
    ask(`control/clients/${address}`).catch((error) => {
      if (error.status === 404) return null;
      throw error;
    }),
    ask(`dashboard/events?id=${address}&limit=${remembered}`),
  ]);
  if (!found) return unknown(id, history);
  const key = JSON.stringify([id, found.connected.length, history]);
  return { key, draw: () => clientView(found, history, now()), state: () => stateView(found, now()) };
}

function unknown(id, history) {
  const gone = history.events.find(({ what }) => what === "gone");
  const text = gone
    ? "This client is gone: its session expired, or was ended. A page that still runs has another ID by now."
    : "No client has this ID. It may be of another daemon, or of this one before it was started anew.";
  const view = () => [el("p", { class: "words" }, text), el("h3", {}, "What was done, newest first"), events(history, false)];
  return { key: id, draw: view, isFinal: true };
}

/** A pattern is explained by a path that it covers: its wildcards are given a name that nobody else uses. */
const coveredBy = (pattern) => pattern.split("/").map((segment) => (/^\*\*?$/.test(segment) ? "any" : segment)).join("/");

async function path(text) {
  const pattern = text.replace(/^\/+|\/+$/g, "");
  const one = coveredBy(pattern);
  const found = await ask(`control/paths/${inAddress(one)}?limit=${named}`);
  if (found.path !== one) throw new Problem({ detail: 'a browser cannot ask for a path with an empty segment, "." or ".." in it' });
  if (one === pattern) return audienceView(audienceInWords(found), found.audience);
  const group = found.audience.filter((entry) => entry.pattern === pattern);
  const hint = `A pattern. Shown is whom it would bring an update at ${one}; who hears that by another pattern too may be missing.`;
  return audienceView(hint, group);
}

const audienceView = (text, audience) => ({
  key: text + JSON.stringify(audience),
  draw: () => [el("p", { class: "words" }, text), ...groups(audience)],
});

const groups = (audience) => audience.flatMap(({ pattern, connected, clients }) => [
  el("h3", {}, several(connected, "client"), " by ", explainLink(pattern)),
  el("ul", { class: "clients" }, ...clients.map(audienceRow),
    connected > clients.length ? el("li", { class: "soft" }, `and ${whole(connected - clients.length)} more`) : ""),
]);

function audienceRow({ id, session, by: component }) {
  const waits = session ? `${session.parked ? "waits" : "away"}, ${session.transport}` : "part of the daemon";
  const queued = session?.queued ? `, ${whole(session.queued)} queued` : "";
  const how = component ? `, connected by ${by(component)}` : "";
  return el("li", {}, explainLink(id), el("span", { class: "soft" }, ` ${waits}${queued}${how}`));
}

/** What is shown before anything was asked for: the last that was done, to whomever. */
async function latest() {
  const history = await ask("dashboard/events?limit=10");
  const draw = () => [el("h3", {}, "What was done last"), events(history, true)];
  return { key: JSON.stringify(history), draw };
}

let shownFor = null;
let shownKey = "";
let isFinal = false; // an ID is given out once: of one that is not known, nothing new will come

/** Brings what is shown up to date. What stays the same is left alone, with its focus and selection. */
async function renew(now) {
  const what = asked;
  if (isFinal && what === shownFor) return;
  const id = idIn(what);
  const view = await (id ? client(id, now) : what ? path(what) : latest()).catch((error) => error);
  if (what !== asked) return; // meanwhile, something else was
  if (view instanceof Error) return fail(view, what);
  write(problem, "");
  field.removeAttribute("aria-invalid");
  if (view.key !== shownKey || what !== shownFor) {
    draw(id ?? what, view);
    [shownFor, shownKey, isFinal] = [what, view.key, view.isFinal];
  }
  if (view.state) place.children[1].replaceChildren(...view.state());
}

/** Draws anew. A link that has the focus hands it to the one that takes its place. */
function draw(what, view) {
  const focused = place.contains(document.activeElement) && document.activeElement.hash;
  place.replaceChildren(title(what), el("div", {}), ...view.draw().filter(Boolean));
  if (focused) [...place.querySelectorAll("a")].find(({ hash }) => hash === focused)?.focus({ preventScroll: true });
}

const title = (what) => el("h3", { class: "mono what", hidden: what === "" }, what);

function fail(error, what) {
  if (!error.status && what === shownFor) return; // the daemon is away: the page keeps what it shows
  write(problem, error.message);
  if (error.status === 400) field.setAttribute("aria-invalid", "true");
  place.replaceChildren();
  shownFor = null;
}

/** Starts Explain. now gives the daemon's time in unix milliseconds. Returns what brings it up to date at once. */
export function showExplain(now) {
  const run = every(byId("explain"), refresh, () => renew(now));
  const go = () => {
    if (!fromHash()) return;
    asked = fromHash();
    field.value = idIn(asked) ?? asked;
    byId("explain").scrollIntoView();
    if (document.activeElement !== field) place.focus({ preventScroll: true }); // what was clicked may be gone soon
    run().then(() => byId("explain").scrollIntoView()); // at the start, what is above it has grown meanwhile
  };
  window.addEventListener("hashchange", go);
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#explain=']");
    if (link?.hash === location.hash) go();
  });
  byId("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    const hash = explainHash(idIn(field.value) ?? field.value);
    if (location.hash === hash) go();
    else location.hash = hash;
  });
  go();
  return run;
}
