// A page of docs/tutorial: what it has its reader type and write, held against the example that it is about.

import { readdirSync, readFileSync } from "node:fs";
import { join, relative } from "node:path";
import { root } from "./binary.js";

/** Names of what tools make in the folder of an example: it is no part of that. */
const made = /^(\..*|node_modules|vendor|__pycache__|package-lock\.json|go\.sum|.*\.(lock|sqlite3?|db|pyc))$/;

const pages = /\.(html|erb|ejs)$/; // and what lies in one of these folders, in the language of browsers
const folders = /(^|\/)(public|static|templates|views)\//;

export class Tutorial {
  /** @param name of the page, such as `django` @param text what it says; the folder `examples/<name>` is its example */
  constructor(name, text) {
    this.name = name;
    this.example = join(root, "examples", name);
    const blocks = blocksOf(text);
    const linesOf = (kind) => blocks.filter(({ info }) => info === kind).flatMap(({ code }) => linesIn(code));
    /** What is to be typed, in order: `{text, background}`. */
    this.commands = blocks.filter(({ info }) => /^sh( background)?$/.test(info)).flatMap(({ info, code }) =>
      typed(code).map((line) => ({ text: line, background: info !== "sh" })));
    const unrun = typed(linesOf("sh no-run").join("\n"));
    /** What makes a checkout ready for all that follows, once a terminal: it is shown, and typed before. */
    this.preparations = unrun.filter((text) => text.startsWith("make "));
    /** Commands that only look at what goes on: they are shown, and need not be typed. */
    this.looks = unrun.filter((text) => !this.preparations.includes(text));
    /** What is to be written: `{file, code, browser}`. */
    this.snippets = blocks.flatMap(snippet);
    /** The lines for a reverse proxy. */
    this.proxy = linesOf("caddyfile").filter(counts);
    /** Changes to the example, as `patch -p1` takes them in its folder. */
    this.changes = blocks.filter(({ info }) => info === "diff").map(({ code }) => code).join("");
    /** The `push.prefix` that rootsd has to have behind that proxy, or nothing. */
    this.prefix = /push\.prefix\s*=\s*"(\S+)"|--push-prefix[ =](\S+)/.exec(text)?.slice(1).find(Boolean) ?? "";
  }

  static read(name) {
    return new Tutorial(name, readFileSync(join(root, `docs/tutorial/${name}.md`), "utf8"));
  }

  /** How many lines the snippets have, `{server, browser}`: blank ones, comments and lone brackets do not count. */
  get size() {
    const size = { server: 0, browser: 0 };
    for (const { code, browser } of this.snippets) {
      size[browser ? "browser" : "server"] += linesIn(code).filter(counts).length;
    }
    return size;
  }

  /**
   * Takes the snippets out of the example, each once. Returns `{rest, misquoted, untold}`: the text that is left of
   * each file, by its name; the snippets that do not stand in the file that they name, line by line; and the lines that
   * are left and have to do with push. Of both, `file: line`.
   */
  compare() {
    const rest = new Map(), misquoted = [];
    for (const path of filesOf(this.example)) rest.set(relative(this.example, path), readFileSync(path, "utf8"));
    for (const { file, code } of this.snippets) {
      const text = `\n${rest.get(file) ?? ""}`;
      if (text.includes(`\n${code}`)) rest.set(file, text.replace(`\n${code}`, () => "\n").slice(1));
      else misquoted.push(`${file}: ${linesIn(code)[0].trim()}`);
    }
    return { rest, misquoted, untold: [...rest].flatMap(pushed) };
  }
}

/** Lines of a file that have to do with push, manifests of packages included; comments may name it. */
function pushed([file, text]) {
  return linesIn(text).filter((line) => /roots/i.test(line) && counts(line)).map((line) => `${file}: ${line.trim()}`);
}

/** The fenced blocks of a page: `{info, code}`. */
function blocksOf(text) {
  return [...text.matchAll(/^```(\S.*)\n([^]*?)^```$/gm)].map(([, info, code]) => ({ info: info.trim(), code }));
}

/** The commands of a block; one that goes on after a backslash is one. */
function typed(code) {
  return linesIn(code.replace(/\s*\\\n\s*/g, " ")).filter(counts).map((line) => line.trim());
}

function snippet({ info, code }) {
  const [, language, file] = /^(\S+) file=(\S+)$/.exec(info) ?? [];
  if (!file) return [];
  const browser = language === "html" || pages.test(file) || (/^(js|javascript)$/.test(language) && folders.test(file));
  return [{ file, code, browser }];
}

const linesIn = (text) => text.split("\n").filter((line) => line.trim());

/** Tells whether a line says something: it is no comment, and no bracket that closes. */
function counts(line) {
  return /[^\s\])};,]/.test(line) && !/^\s*(#( |!|$)|\/\/|\/?\*|<!--|\{#|%#)/.test(line);
}

/** The files of a folder that people wrote. */
export function filesOf(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (made.test(entry.name) || entry.isSymbolicLink()) return [];
    return entry.isDirectory() ? filesOf(path) : [path];
  });
}
