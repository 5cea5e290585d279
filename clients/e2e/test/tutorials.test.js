// Each tutorial, typed into an empty folder: what its reader types and writes is little, all of it, and works.

import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { launch, needsBrowser } from "../lib/browser.js";
import { Caddy } from "../lib/caddy.js";
import { Member } from "../lib/member.js";
import { filesOf, Tutorial } from "../lib/tutorial.js";
import { Walkthrough } from "../lib/walkthrough.js";

const run = promisify(execFile);

const timeout = 120_000; // milliseconds for a test, or what it stands on

/** What is typed in the checkout before a tutorial begins: it is no command of the tutorial's own. */
const preparation = "make build && export ROOTS=$PWD PATH=$PWD/bin:$PATH";

/** Tells whether a program does what it is asked, such as to load a framework. */
const does = (program, ...args) => spawnSync(program, args, { timeout: 30_000, stdio: "ignore" }).status === 0;

// The first python3 may be one without Django.
const python = ["python3", "/usr/bin/python3"].find((each) => does(each, "-c", "import django"));

/** What a tutorial needs of a machine: whether it is there, and how to get it. */
const needs = {
  django: [python, "no Django: apt-get install python3-django"],
  sinatra: [does("ruby", "-e", '%w[sinatra/base rack/protection webrick sqlite3].each { |name| require name }'),
    "no Sinatra: apt-get install ruby-sinatra ruby-sqlite3 ruby-webrick"],
  php: [does("php", "-r", 'exit(extension_loaded("pdo_sqlite") ? 0 : 1);'),
    "no PHP with SQLite: apt-get install php-cli php-sqlite3"],
  express: [does("npm", "view", "express", "version"), "npm view express fails: it needs npm's registry"],
  go: [does("go", "version"), "no Go: https://go.dev/dl/"],
};
const programs = { django: { python3: python } };

/** Options of tests that walk through a tutorial. */
function needed(name) {
  if (needsBrowser.skip) return needsBrowser;
  const [there, otherwise] = needs[name];
  return there ? {} : { skip: otherwise };
}

let browser; // a promise
after(async () => (await browser)?.close());

/** Has the tests of a suite share profiles of the browser and the walk through a tutorial; returns what makes them. */
function stage() {
  const ends = [];
  let walk;
  after(async () => {
    for (const end of ends.reverse()) await end();
  }, { timeout });
  return {
    async begin(tutorial, options) {
      const { length } = (await (browser ??= launch())).contexts();
      assert.equal(length, 0, "profiles of another suite");
      ends.push(async () => Promise.all((await browser).contexts().map((profile) => profile.close())));
      walk = new Walkthrough({ programs: programs[tutorial.name] ?? {}, ...options });
      ends.push(() => walk.end());
      await walk.follow(tutorial);
      return walk;
    },
    ending: (end) => ends.push(end),
    open: async (name, list, url = walk.url) => Member.open(await browser, url, name, list),
    before: (body) => before(() => told(body), { timeout }),
    test: (name, body) => test(name, { timeout }, () => told(body)),
  };

  /** Does something with the walk; if that fails, the error says what the commands have said as well. */
  async function told(body) {
    try {
      await body(walk);
    } catch (error) {
      throw new Error(`${error.message}\n${walk?.said()}`, { cause: error });
    }
  }
}

for (const name of Object.keys(needs)) {
  describe(`docs/tutorial/${name}.md`, () => {
    test("it is short, and it is all", () => isShort(Tutorial.read(name)));
    describe(`${name} in a browser`, needed(name), () => works(name));
    describe(`${name} in a browser, without the snippets`, needed(name), () => worksAlone(name, async (folder) => {
      for (const [file, text] of Tutorial.read(name).compare().rest) await writeFile(join(folder, file), text);
    }));
  });
}

/** Checks what a tutorial has its reader type and write. */
function isShort(tutorial) {
  assert.ok(tutorial.commands.length <= 4, `${tutorial.commands.length} commands`);
  for (const { text } of tutorial.commands) assert.match(text, /^((?!&&|;).)*(&&((?!&&|;).)*)?$/, "one && at most");
  assert.deepEqual(tutorial.preparations, [preparation]);
  for (const text of tutorial.looks) assert.match(text, /^rootsd (explain|tail)\b/, "what is not run only looks");
  assert.equal(tutorial.proxy.length, 1, "one line for a proxy");
  const { misquoted, untold } = tutorial.compare();
  assert.deepEqual(misquoted, [], "snippets that are not in the example as they stand");
  assert.deepEqual(untold, [], "lines of push in the example that stand in no snippet");
  const { server, browser } = tutorial.size;
  assert.ok(server > 0 && server <= 12, `${server} lines for the back-end`);
  assert.ok(browser > 0 && browser <= 6, `${browser} lines for the browser`);
}

/** Tests an application with push: ada and grace have list 1 before them, mallory her own. */
function works(name) {
  const { before, begin, open, test } = stage();
  let ada, grace, mallory, members;
  before(async () => {
    const walk = await begin(Tutorial.read(name));
    members = [ada, grace, mallory] = [await open("ada", 1), await open("grace", 1), await open("mallory", 2)];
    await live(walk, members);
  });

  test("what one member does, the other sees at once, and nobody else", async () => {
    const text = await byPush(ada, grace);
    assert.equal(await grace.tick(text), 200);
    await ada.shows(text, true);
    assert.equal(await mallory.add("of her own"), 201);
    await mallory.shows("of her own");
    assert.deepEqual((await mallory.items()).map((item) => item.text), ["of her own"]);
    for (const member of members) await unhurt(member);
  });

  test("rootsd explain names the pages that would hear", async (walk) => {
    const [text] = Tutorial.read(name).looks.filter((each) => each.startsWith("rootsd explain"));
    assert.equal((await walk.look(text)).match(/\broots-[\w-]+/g)?.length, 2);
  });

  test("who may not hear is told so, and hears nothing", async (walk) => {
    const told = await intrusion(mallory, `http://localhost:${walk.ports.push}/`);
    assert.equal(await mallory.asks("GET", "/lists/1"), 404);
    await byPush(ada, grace);
    await walk.audience("lists/1", 2);
    assert.deepEqual(await told(), { heard: [], status: 403 });
    await unhurt(mallory, ["403 POST /server/connect", "404 GET /lists/1"]);
  });

  test("nobody is connected without the proof that the page is the application's own", async () => {
    const headers = { "Content-Type": "application/json" };
    assert.equal(await ada.asks("POST", "/server/connect/roots-1", '["lists/1"]', headers), 403);
    assert.equal(await ada.asks("POST", "/lists/1/items", '{"text": "forged"}', headers), 403);
    await unhurt(ada, ["403 POST /server/connect", "403 POST /lists/1/items"]);
  });

  for (const end of ["kill", "stop"]) {
    test(`a ${end} of rootsd: nothing is missing, and nothing twice`, async (walk) => {
      const acting = end === "kill" ? ada : grace; // the other page does nothing that would have it load its list
      await walk[end]();
      for (const member of members) await member.says("retrying");
      for (const n of [1, 2]) assert.equal(await acting.add(`without rootsd, ${end} ${n}`), 201);
      await walk.restart();
      await live(walk, members);
      for (const n of [1, 2]) assert.equal(await acting.add(`after the ${end} ${n}`), 201);
      for (const member of [ada, grace]) await complete(member, `after the ${end} 1`, `after the ${end} 2`);
      for (const member of members) await unhurt(member);
    });
  }

  if (name === "django") {
    test("what is deleted goes from all pages", async (walk) => {
      const text = "soon to be deleted";
      assert.equal(await ada.add(text), 201);
      for (const member of [ada, grace]) await member.shows(text);
      const deletion = `from todo.models import Item; Item.objects.filter(text="${text}").delete()`;
      await walk.look(`python3 manage.py shell -c '${deletion}'`);
      for (const member of [ada, grace]) await member.lacks(text);
      for (const member of members) await unhurt(member);
    });
  }

  test("tabs of different users share nothing, also where one has not heard of the logout", async (walk) => {
    const first = await open("ada", 1), second = await first.another(1, { deaf: true });
    for (const tab of [first, second]) await tab.says("live");
    assert.equal(await first.id(), await second.id());
    await passOn(walk, first, grace, "for who stays");
    assert.notEqual(await first.id(), await second.id());
    await second.hears("for who stays");
    for (const tab of [first, second]) await tab.leave();
    await live(walk, members);
  });

  // This is the last: who was ada is mallory after it.
  test("who logs out in one tab hears nothing in any", async (walk) => {
    const second = await ada.another(1);
    await second.says("live");
    await walk.audience("lists/1", 2);
    await passOn(walk, ada, grace, "for grace alone", async () => {
      await second.asksWho();
      await walk.audience("lists/1", 1);
    });
    assert.doesNotMatch(second.heard, /for grace alone/);
    assert.deepEqual([ada, second].map(({ complaints }) => complaints), [[], []]);
  });
}

/** Has mallory log in where ada logs out. What another member of ada's list adds then does not arrive there. `after`
 * is called after the logout. */
async function passOn(walk, tab, member, text, after = () => {}) {
  await tab.logOut();
  await after();
  await tab.logIn("mallory");
  await tab.choose(2);
  await tab.says("live");
  await walk.audience("lists/2", 2); // mallory in two browsers
  assert.equal(await member.add(text), 201);
  assert.equal(await tab.add(`after what is ${text}`), 201);
  await tab.hears(`after what is ${text}`);
  assert.doesNotMatch(tab.heard, new RegExp(`"${text}`));
}

/** Resolves when the pages of ada, grace and mallory would hear of an update. */
async function live(walk, members) {
  for (const member of members) await member.says("live");
  await walk.audience("lists/1", 2);
  await walk.audience("lists/2", 1);
}

/** Tests an application of which push was taken out, and that has no rootsd. */
function worksAlone(name, takeOut) {
  const { before, begin, open, test } = stage();
  before(() => begin(Tutorial.read(name), { alone: true, copied: takeOut }));

  test("the application works", async () => {
    const [ada, mallory] = [await open("ada", 1), await open("mallory", 2)];
    assert.equal(await ada.add("bread"), 201);
    await ada.shows("bread");
    assert.equal(await ada.tick("bread"), 200);
    await ada.shows("bread", true);
    assert.deepEqual(await ada.items(), await ada.stored(1));
    assert.deepEqual(await mallory.items(), []);
    for (const member of [ada, mallory]) await unhurt(member);
  });
}

let added = 0;

/** Adds items in one page until one came to another that asked for nothing meanwhile: it was pushed. Resolves to its
 * text. */
async function byPush(from, to) {
  for (let tries = 0; tries < 5; tries++) {
    await to.loaded();
    const { begun } = to.loads;
    const text = `<b>bread</b> & butter ${++added}`;
    assert.equal(await from.add(text), 201);
    await to.shows(text);
    if (to.loads.begun === begun) return text;
  }
  return assert.fail("the page loads its list whenever something is added, so that nothing seems to be pushed");
}

/** Has a page try to hear of list 1, until it is told that it may not. Returns what ends that, and resolves to what
 * came of it: `{status, heard}`. */
async function intrusion(member, url) {
  await member.page.evaluate((address) => {
    const intruder = window.intruder = { heard: [] };
    const roots = window.intruding = new Roots(address, { connect: "/server/connect/{id}", share: false });
    roots.addEventListener("error", (event) => {
      event.preventDefault();
      intruder.status ??= event.detail.status;
    });
    roots.on("lists/1", (message) => intruder.heard.push(message), () => intruder.heard.push("reload"));
  }, url);
  await member.until("an error event", () => window.intruder.status !== undefined);
  return () => member.page.evaluate(() => (window.intruding.close(), window.intruder));
}

/** Resolves when a page shows these items, and then what the application has of list 1: the same. */
async function complete(member, ...texts) {
  for (const text of texts) await member.shows(text);
  await member.loaded();
  assert.deepEqual(await member.items(), await member.stored(1));
}

/** Fails where a page was loaded again, complained, or was refused more by its application than this. */
async function unhurt(member, refusals = []) {
  assert.ok(await member.page.evaluate(() => window.opened), "the page was never loaded again");
  assert.deepEqual(member.complaints, []);
  const told = member.refusals.splice(0).map((each) => each.replace(/(connect)\/.*/, "$1"));
  assert.deepEqual(told, refusals);
}

describe("docs/tutorial/existing-django.md", () => {
  let changes, django;
  before(() => {
    ({ changes } = Tutorial.read("existing-django"));
    django = Tutorial.read("django");
  });

  const patches = does("patch", "--version") ? {} : { skip: "no patch: apt-get install patch" };

  test("its changes are those that make the example of django.md", patches, async () => {
    const folder = await mkdtemp(join(tmpdir(), "roots-tutorial-"));
    try {
      await cp(django.example, folder, { recursive: true });
      await patch(folder, changes, "--reverse");
      for (const [file, text] of await contents(folder)) assert.doesNotMatch(`${file} ${text}`, /roots/i);
      await patch(folder, changes);
      assert.deepEqual(await contents(folder), await contents(django.example));
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  describe("django in a browser, before the changes", { ...needed("django"), ...patches }, () =>
    worksAlone("django", (folder) => patch(folder, changes, "--reverse")));
});

/** Applies changes in a folder. */
async function patch(folder, changes, ...flags) {
  const file = join(folder, "..", `${Date.now()}.diff`);
  await writeFile(file, changes);
  await run("patch", ["-p1", "--forward", "--no-backup-if-mismatch", ...flags, "--directory", folder, "--input", file]);
  await rm(file);
}

/** Resolves to the files of a folder that people wrote, `[name, text]`, sorted. */
async function contents(folder) {
  const files = filesOf(folder).sort();
  return Promise.all(files.map(async (path) => [relative(folder, path), await readFile(path, "utf8")]));
}

describe("the line for a proxy", () => {
  let tutorials;
  before(() => (tutorials = Object.keys(needs).map(Tutorial.read)));

  test("it is the same in all tutorials", () => {
    const [first, ...rest] = tutorials.map(({ proxy, prefix }) => ({ proxy, prefix }));
    for (const each of rest) assert.deepEqual(each, first);
  });

  const caddy = does("caddy", "version") ? needed("go") : { skip: "no Caddy: apt-get install caddy" };
  describe("a proxy in a browser", caddy, () => {
    const { begin, ending, open, test } = stage();

    test("an update comes by it", async () => {
      const tutorial = tutorials.find(({ name }) => name === "go");
      const edit = (text) => text.replaceAll("http://localhost:8008/", "/comet/");
      const walk = await begin(tutorial, { edit, settings: { ROOTS_PUSH_PREFIX: tutorial.prefix } });
      const caddy = new Caddy();
      ending(() => caddy.end());
      await caddy.start(walk.localise(tutorial.proxy.join("\n")), walk.ports.application);
      const [ada, grace] = [await open("ada", 1, caddy.url), await open("grace", 1, caddy.url)];
      for (const member of [ada, grace]) await member.says("live");
      await byPush(ada, grace);
      const asked = await grace.page.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
      assert.deepEqual(asked.filter((each) => new URL(each).origin !== caddy.url), [], "the page asks the proxy alone");
    });
  });
});
