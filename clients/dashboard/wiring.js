// The wiring: which components this daemon is made of, and how much goes over each wire between them.

import { el, count, several, svg, whole, write } from "./dom.js";
import { layOut, titles } from "./layout.js";
import { waiting } from "./measures.js";

const perSecond = (n) => (n === null ? "" : `${count(n)}/s`);

const published = (receiver) => (stats) => perSecond(stats.rate("rootsd_published_total", "receiver", receiver));

/** What a wire's label says, by the name of the component that it comes from or leads to. */
const flows = {
  ingest: published("ingest"),
  line: published("line"),
  push: published("push"),
  all: (stats) => perSecond(stats.rate("rootsd_published_total")),
  controller: (stats) => perSecond(stats.rate("rootsd_published_total")),
  sessions: (stats) => perSecond(stats.rate("rootsd_delivered_total")),
  log: (stats) => perSecond(stats.rate("rootsd_log_lines_total")),
  dashboard: () => "1/s",
};

/** What stands in a box instead of an address. */
const contents = {
  controller: (stats) => several(stats.total("rootsd_components"), "ID"),
  dispatcher: (stats) => several(stats.total("rootsd_patterns"), "path"),
  sessions: (stats) => several(stats.total("rootsd_sessions"), "client"),
};

export class Wiring {
  #place;
  #components = [];
  #width = 0;
  #texts = []; // {node, of}
  #lines = []; // {node, of}
  #words = el("ul", { class: "hidden" });
  #sentences = []; // {node, part}
  #stats = null;

  constructor(place) {
    this.#place = place;
    new ResizeObserver(() => this.#lay()).observe(place);
  }

  /** Takes the components that /dashboard/about lists. */
  set components(list) {
    this.#components = list;
    this.#sentences = list.map((part) => ({ node: el("li"), part }));
    this.#words.replaceChildren(...this.#sentences.map(({ node }) => node));
    this.#width = 0;
    this.#lay();
  }

  /** Takes the Stats, each time that there are new ones. */
  show(stats) {
    this.#stats = stats;
    for (const { node, of } of this.#texts) write(node, of(stats));
    for (const { node, of } of this.#lines) node.classList.toggle("flows", /[1-9]/.test(of(stats)));
    for (const { node, part } of this.#sentences) write(node, this.#inWords(part));
  }

  #inWords({ name, about, listens, off, setting }) {
    if (off) return `${name} is off; ${setting} turns it on.`;
    const flow = (flows[name]?.(this.#stats) ?? "").replace("/s", " a second");
    return [`${name}: ${about}`, listens && `at ${listens}`, contents[name]?.(this.#stats), flow].filter(Boolean).join(", ");
  }

  #lay() {
    const style = getComputedStyle(this.#place);
    const width = Math.floor(this.#place.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight));
    if (width <= 0 || width === this.#width || !this.#components.length) return;
    this.#width = width;
    this.#draw(layOut(this.#components, width));
    if (this.#stats) this.show(this.#stats);
  }

  #draw({ width, height, boxes, wires }) {
    this.#texts = [];
    this.#lines = [];
    const size = { viewBox: "0 0 8 8", refX: 2, refY: 4, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse" };
    const tip = svg("marker", { id: "tip", orient: "auto", ...size }, svg("path", { d: "M0 0L8 4L0 8Z", class: "tip" }));
    const picture = svg("svg", { width, height, viewBox: `-1 -1 ${width + 2} ${height + 2}`, "aria-hidden": "true" },
      svg("defs", {}, tip), ...wires.map((wire) => this.#wire(wire)), ...boxes.map((box) => this.#box(box)),
      ...wires.map((wire) => this.#label(wire)));
    this.#place.replaceChildren(picture, this.#words);
  }

  #isOff(name) {
    return this.#components.some((part) => part.name === name && part.off);
  }

  #wire({ name, d, aside }) {
    const kind = `wire${aside ? " aside" : ""}${this.#isOff(name) ? " off" : ""}`;
    const node = svg("path", { d, class: kind, "marker-end": d ? "url(#tip)" : undefined });
    const of = waiting[name] ? (stats) => String(waiting[name](stats)) : flows[name];
    if (of && !aside) this.#lines.push({ node, of });
    return node;
  }

  #label({ name, x, y, anchor }) {
    const node = svg("text", { x, y, class: "flow", "text-anchor": anchor ?? "start" });
    if (flows[name] && !this.#isOff(name)) this.#texts.push({ node, of: flows[name] });
    return node;
  }

  #box(box) {
    return box.part ? this.#component(box) : this.#clients(box);
  }

  #component({ name, x, y, w, h, part }) {
    const full = part.off ? `${part.about}. Off; ${part.setting} turns it on.` : `${part.about} ${part.listens}`;
    const text = (dy, kind, words = "") =>
      svg("text", { x: x + 12, y: y + dy, class: kind }, cut(words, (w - 20) / 6.7));
    const isPlain = !part.off && !part.listens && !contents[name];
    const lines = h < 60 ? [20, 38] : [h / 2 - 11, h / 2 + 6, isPlain ? h / 2 + 8 : h / 2 + 22];
    const second = text(lines[1], "second", part.off ? "off" : part.listens);
    if (contents[name] && !part.off) this.#texts.push({ node: second, of: contents[name] });
    const third = part.off ? `turned on by ${part.setting}` : part.about;
    return svg("g", { class: `box ${part.side}${part.off ? " off" : ""}` }, svg("title", {}, full),
      svg("rect", { x, y, width: w, height: h, rx: 9 }), text(lines[0], "first", name), second,
      part.side === "heart" ? "" : text(lines[2], "third", third));
  }

  #clients({ name, x, y, w, h }) {
    const upright = h > 30;
    const [middle, side] = [x + w / 2, y + h / 2 + 4];
    const number = svg("text", upright
      ? { x: middle, y: y + 18, class: "first", "text-anchor": "middle" }
      : { x: x + w - 9, y: side, class: "first", "text-anchor": "end" });
    this.#texts.push({ node: number, of: (stats) => whole(waiting[name](stats)) });
    const title = svg("text", upright
      ? { x: middle, y: y + 35, class: "third", "text-anchor": "middle" }
      : { x: x + 9, y: side, class: "third" }, titles[name]);
    return svg("g", { class: "box outside" }, svg("title", {}, `clients that wait by ${titles[name]}`),
      svg("rect", { x, y, width: w, height: h, rx: h / 2 > 15 ? 9 : h / 2 }), title, number);
  }
}

/** The beginning of a text, of about so many letters: SVG does not cut it. */
const cut = (text, letters) => (text.length <= letters ? text : text.slice(0, letters - 1).trimEnd() + "…");
