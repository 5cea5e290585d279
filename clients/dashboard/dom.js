// Elements, and how numbers and times are written. Whatever comes from the daemon goes into the page as text.

const svgSpace = "http://www.w3.org/2000/svg";

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value !== undefined && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== undefined && child !== ""));
  return node;
}

/** Makes an element. An attribute that is a function listens to the event of that name. */
export const el = (tag, attributes = {}, ...children) => fill(document.createElement(tag), attributes, children);

export const svg = (tag, attributes = {}, ...children) =>
  fill(document.createElementNS(svgSpace, tag), attributes, children);

export const byId = (id) => document.getElementById(id);

/** Sets a node's text, if it is another one: what has not changed is not painted again. */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** The hash that explains a path or a client; people send it to each other. */
export const explainHash = (what) =>
  "#explain=" + encodeURIComponent(what).replaceAll("%2F", "/").replaceAll("%3A", ":");

export const explainLink = (what, label = what) =>
  el("a", { href: explainHash(what), class: "mono", title: `explain ${what}` }, label);

/** The part of an ID that tells clients apart, for where there is no room for all of it. */
export function shortId(id) {
  const parts = /^(.*)-([0-9A-Za-z]{22})-(\d+)$/.exec(id);
  return parts ? `${parts[1]}-${parts[2].slice(0, 4)}…-${parts[3]}` : id;
}

const anId = /^[^/]*-[0-9A-Za-z]{22}-\d+$/;
const inToken = /(?:%[0-9A-F]{2})?(\w+-[0-9A-Za-z]{22}-\d+)(?:\/|%2F)\d+(?:\/|%2F)[^/\s]/i;

/** The ID in what people paste: an ID, or a token, which begins with one, also within an address. Undefined if there is
 * none. */
export const idIn = (text) => anId.exec(text.trim())?.[0] ?? inToken.exec(text)?.[1];

/** A number for people: 0.25, 12.3, 1,234, 56.7k, 8.9M. */
export function count(n) {
  if (n === null || n === undefined) return "–";
  if (n >= 999_500) return trim(n / 1e6) + "M";
  if (n >= 10_000) return trim(n / 1e3) + "k";
  return n >= 100 || Number.isInteger(n) ? Math.round(n).toLocaleString("en") : trim(n);
}

const trim = (n) => (n < 1 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0)).replace(/\.0+$/, "");

export const whole = (n) => (n === null || n === undefined ? "–" : Math.round(n).toLocaleString("en"));

export const percent = (n) => (n === null ? "–" : `${trim(n)} %`);

export function bytes(n) {
  if (n === null || n === undefined) return "–";
  const power = Math.min(3, Math.floor(Math.log2(Math.max(n, 1)) / 10));
  return `${trim(n / 1024 ** power)} ${["B", "KiB", "MiB", "GiB"][power]}`;
}

/** A short time, in seconds: 250 µs, 3.4 ms, 1.2 s. */
export function latency(seconds) {
  if (seconds === null) return "–";
  if (seconds < 0.001) return `${Math.round(seconds * 1e6)} µs`;
  return seconds < 1 ? `${trim(seconds * 1e3)} ms` : `${trim(seconds)} s`;
}

const units = [["d", 86_400], ["h", 3_600], ["min", 60], ["s", 1]];

/** A time between two events, in milliseconds, by its two largest units: 3 d 4 h, 5 min 2 s. */
export function duration(milliseconds) {
  let rest = Math.max(0, Math.round(milliseconds / 1000));
  const parts = [];
  for (const [unit, size] of units) {
    const n = Math.floor(rest / size);
    rest -= n * size;
    if (n || parts.length) parts.push(n ? `${n} ${unit}` : "");
  }
  return parts.slice(0, 2).filter(Boolean).join(" ") || "0 s";
}

/** n of something, in words: 1 path, 2 paths. */
export const several = (n, noun) => `${whole(n)} ${noun}${n === 1 ? "" : "s"}`;

const clockFormat = { hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false };

export const clock = (time, digits = 0) =>
  new Date(time).toLocaleTimeString("en-GB", digits ? { ...clockFormat, fractionalSecondDigits: digits } : clockFormat);

/** A time element: the hour for what is of today, the date before it for what is not. */
export function moment(time) {
  const date = new Date(time);
  const today = date.toDateString() === new Date().toDateString();
  const day = today ? "" : date.toLocaleDateString("en-GB", { day: "numeric", month: "short" }) + " ";
  return el("time", { datetime: time, title: date.toString() }, day + clock(time));
}
