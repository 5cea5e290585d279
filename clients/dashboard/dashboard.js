// The dashboard: what a running daemon does, why a client hears something or not, and the means to try it. This file
// starts the parts, keeps the connection to the daemon's own timeline, and asks for the token where one is wanted.

import { ask, daemon, keepToken, request, token } from "./api.js";
import { showForms } from "./act.js";
import { showCharts } from "./charts.js";
import { byId, clock, duration, whole, write } from "./dom.js";
import { showExplain } from "./explain.js";
import { showPaths } from "./paths.js";
import { Stats } from "./stats.js";
import { showTail } from "./tail.js";
import { Wiring } from "./wiring.js";

const patience = 3_000; // milliseconds between two tries to reach a daemon that is away
const words = { connecting: "connecting", live: "live", retrying: "away", closed: "closed" };

const stats = new Stats();
const wiring = new Wiring(byId("picture"));
const banner = byId("banner");

let roots = null;
let about = null; // what the daemon said of itself last
let skew = 0; // milliseconds that its clock is ahead of this one
let heardAt = 0;
let parts = null; // what is to be told of new stats

const now = () => Date.now() + skew;

function showState(state) {
  byId("light").dataset.state = state;
  write(byId("state"), words[state] ?? state);
  banner.hidden = state === "live" || !about;
  const since = heardAt ? ` What you see is as of ${clock(heardAt)}.` : "";
  if (!banner.hidden) write(banner, `rootsd does not answer.${since} This page goes on by itself when it is back.`);
  daemon.dispatchEvent(new Event(state === "live" ? "up" : "down"));
}

function showAbout() {
  write(byId("name"), about.name);
  document.title = `${about.name} · rootsd`;
  write(byId("version"), about.version);
  byId("uptime").title = `process ${about.pid}, started ${new Date(about.started)}`;
  wiring.components = about.components;
  showUptime();
}

function showUptime() {
  if (about && roots?.state === "live") write(byId("uptime"), `up ${duration(now() - Date.parse(about.started))}`);
}

/** Shows one of the figures at the top. Its word has an "s" where there are not one. */
function showFigure(id, word, number) {
  const figure = byId(id);
  write(figure, whole(number));
  write(figure.previousElementSibling, number === 1 || word.endsWith("ing") ? word : `${word}s`);
}

function showStats(report) {
  heardAt = Date.now();
  skew = report.time - heardAt;
  stats.add(report);
  parts.charts.add(stats);
  draw();
}

/** Draws the numbers as they are now, if somebody sees the page. */
function draw() {
  if (document.hidden || !heardAt) return;
  showFigure("sessions", "session", stats.total("rootsd_sessions"));
  showFigure("parked", "waiting", stats.total("rootsd_parked"));
  showFigure("connections", "connection", stats.total("rootsd_connections", "port", "push.listen"));
  showUptime();
  parts.charts.draw();
  wiring.show(stats);
}

document.addEventListener("visibilitychange", draw);

/** Starts the parts of the page, once: until the daemon has answered, there is nothing for them to ask. */
function startParts() {
  byId("main").hidden = false;
  const ingest = about.components.find(({ name }) => name === "ingest");
  const charts = showCharts(byId("charts"), document.querySelector("#now .head p"));
  parts = { charts, paths: showPaths(), explain: showExplain(now) };
  showTail(ingest?.listens);
  showForms();
}

/** Listens to the daemon's own timeline. A WebSocket cannot carry the token, so with one the other transports do. */
function listen() {
  roots?.close();
  const options = { fetch: request, share: false, retry: patience };
  if (token()) options.transports = ["sse", "long-poll"];
  roots = new Roots(new URL("live/", document.baseURI), options);
  roots.addEventListener("error", (event) => event.preventDefault()); // the light and the banner say it
  roots.addEventListener("state", (event) => {
    showState(event.detail);
    if (event.detail === "live") start(false);
  });
  roots.on("stats", showStats);
}

/** Asks what this daemon is, until it says so, and starts what is not started yet. */
async function start(anew) {
  const said = await ask("dashboard/about").catch((error) => error);
  if (said.status === 401) return; // the form asks for the token
  if (said instanceof Error) return setTimeout(start, patience, anew);
  about = said;
  byId("token").hidden = true;
  if (!parts) startParts();
  showAbout();
  if (anew || !roots) listen();
  else Object.values(parts).slice(1).forEach((renew) => renew());
}

daemon.addEventListener("token", () => {
  const form = byId("token");
  write(form.querySelector(".answer"), token() ? "The daemon does not know this token." : "");
  if (!form.hidden) return;
  form.hidden = false;
  roots?.close();
  roots = null;
  write(byId("state"), "wants a token");
  form.elements.token.focus();
});

byId("token").addEventListener("submit", (event) => {
  event.preventDefault();
  const { value } = event.target.elements.token;
  const answer = event.target.querySelector(".answer");
  if (!/^[\x21-\x7e]+$/.test(value)) return write(answer, "A token has letters, digits and signs of ASCII alone.");
  keepToken(value);
  start(true);
});

/** Marks the part of the page that is looked at in the list of parts. */
const looking = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    document.querySelector(`nav a[href="#${target.id}"]`).setAttribute("aria-current", isIntersecting);
  }
}, { rootMargin: "-30% 0px -60% 0px" });
document.querySelectorAll("main section").forEach((section) => looking.observe(section));

start(true);
