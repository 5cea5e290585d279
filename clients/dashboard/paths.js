// The tree of paths that somebody is connected to, a level at a time. Open levels are asked for again while they are seen.

import { ask } from "./api.js";
import { byId, el, explainHash, several, whole, write } from "./dom.js";
import { every } from "./seen.js";

const usual = 200; // children of a level that are asked for
const most = 1000; // that may be
const refresh = 3_000;

const tree = byId("tree");

/** The children of one path, in a list of its own. */
class Level {
  #items = new Map();
  #limit = usual;
  #others = el("span");
  #button = el("button", { class: "plain small", type: "button", click: () => this.#raise() }, "show more");
  #more = el("li", { role: "none", class: "more soft" }, this.#others, " ", this.#button);

  constructor(under, list, depth) {
    Object.assign(this, { under, list, depth });
  }

  /** Asks for this level, and for those that are open below it. Returns what the daemon said. */
  async load() {
    const query = new URLSearchParams({ under: this.under, limit: this.#limit });
    const level = await ask(`dashboard/paths?${query}`);
    this.#take(level);
    for (const item of this.#items.values()) if (item.isOpen) await item.level.load();
    return level;
  }

  #take({ children, more }) {
    const fresh = new Set(children.map(({ segment }) => segment));
    for (const [segment, item] of this.#items) if (!fresh.has(segment)) this.#drop(segment, item);
    const items = children.map((child) => this.#item(child));
    if (!tree.matches(":hover, :focus-within")) items.forEach((item, i) => this.#place(item.row, i));
    this.#showMore(more);
  }

  #item(child) {
    let item = this.#items.get(child.segment);
    if (!item) {
      item = new Item(child, this.depth);
      this.#items.set(child.segment, item);
      this.list.insertBefore(item.row, this.#more.parentElement && this.#more);
    }
    item.show(child);
    return item;
  }

  #drop(segment, item) {
    this.#items.delete(segment);
    const hadFocus = item.row.contains(document.activeElement);
    const next = item.row.nextElementSibling ?? item.row.previousElementSibling ?? this.list.parentElement;
    item.row.remove();
    if (hadFocus) focus(next.closest("[role=treeitem]") ?? tree.firstElementChild);
  }

  #place(row, i) {
    if (this.list.children[i] !== row) this.list.insertBefore(row, this.list.children[i]);
  }

  /** Says how many are not shown. The button stays where it is for as long as it helps: it may have the focus. */
  #showMore(more) {
    write(this.#others, `${whole(more)} more here, with fewer clients`);
    if (this.#button === document.activeElement && !(more && this.#limit < most)) focus(this.#more.previousElementSibling);
    this.#button.hidden = this.#limit >= most;
    if (!more) this.#more.remove();
    else if (!this.#more.parentElement) this.list.append(this.#more);
  }

  #raise() {
    this.#limit = most;
    this.load().catch(() => {}); // the next refresh tells
  }
}

/** One segment of a path: a row, and a Level below it once it was opened. */
class Item {
  #counts = el("span", { class: "counts soft" });
  level = null;

  constructor({ segment, path }, depth) {
    this.path = path;
    const turn = el("span", { class: "twisty", "aria-hidden": "true", click: () => this.toggle() });
    const name = el("a", { href: explainHash(path), tabindex: -1, class: "mono", title: `explain ${path}` }, segment);
    this.list = el("ul", { role: "group", hidden: true });
    const node = el("div", { class: "node" }, turn, name, this.#counts);
    this.row = el("li", { role: "treeitem", tabindex: -1, "aria-level": depth }, node, this.list);
    this.depth = depth;
    items.set(this.row, this);
  }

  get isOpen() {
    return this.row.getAttribute("aria-expanded") === "true";
  }

  show({ segment, connected, below }) {
    const here = connected ? whole(connected) : "";
    write(this.#counts, [here, below && `${whole(below)} below`].filter(Boolean).join(" · "));
    this.row.setAttribute("aria-label", `${segment}: ${connected} connected here, ${several(below, "path")} below`);
    if (!below) this.row.removeAttribute("aria-expanded");
    else if (!this.row.hasAttribute("aria-expanded")) this.row.setAttribute("aria-expanded", "false");
    if (!below) this.#close();
  }

  /** Hides what is below. Where the keyboard was there, it goes on here. */
  #close() {
    if (this.list.contains(document.activeElement)) focus(this.row);
    else if (this.list.querySelector("[tabindex='0']")) rove(this.row);
    this.list.hidden = true;
  }

  toggle(open = !this.isOpen) {
    if (!this.row.hasAttribute("aria-expanded")) return;
    this.row.setAttribute("aria-expanded", open);
    if (!open) return this.#close();
    this.list.hidden = false;
    this.level ??= new Level(this.path, this.list, this.depth + 1);
    this.level.load().catch(() => {}); // the next refresh tells
  }
}

const items = new WeakMap(); // Item by its row

/** The rows that stand in open levels, from the top down. */
const rows = () => [...tree.querySelectorAll("[role=treeitem]")].filter((row) => !row.parentElement.closest("[hidden]"));

/** Makes a row the one that Tab leads to. */
function rove(row) {
  tree.querySelectorAll("[role=treeitem][tabindex='0']").forEach((other) => (other.tabIndex = -1));
  row.tabIndex = 0;
}

function focus(row) {
  if (!row) return;
  rove(row);
  row.focus({ preventScroll: false });
}

const keys = {
  ArrowDown: (row) => focus(rows()[rows().indexOf(row) + 1]),
  ArrowUp: (row) => focus(rows()[rows().indexOf(row) - 1]),
  Home: () => focus(rows()[0]),
  End: () => focus(rows().at(-1)),
  ArrowRight: (row) => {
    const item = items.get(row);
    if (item.isOpen) focus(item.list.firstElementChild);
    else item.toggle(true);
  },
  ArrowLeft: (row) => {
    const item = items.get(row);
    if (item.isOpen) item.toggle(false);
    else focus(row.parentElement.closest("[role=treeitem]"));
  },
  Enter: (row) => (location.hash = explainHash(items.get(row).path)),
};

/** Starts the tree. Returns what loads it at once. */
export function showPaths() {
  const top = new Level("", tree, 1);
  tree.addEventListener("keydown", (event) => {
    if (event.target.role !== "treeitem" || !keys[event.key]) return;
    event.preventDefault();
    keys[event.key](event.target);
  });
  return every(byId("paths"), refresh, async () => {
    const level = await top.load().catch(() => null); // while the daemon is away, the page keeps what it shows
    if (!level) return;
    write(byId("paths-total"), `${several(level.paths, "path")} that somebody is connected to`);
    byId("paths-empty").hidden = level.children.length > 0;
    if (!tree.querySelector("[tabindex='0']")) tree.firstElementChild?.setAttribute("tabindex", "0");
  });
}
