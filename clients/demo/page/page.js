// The page but for snippet.js, which made `roots` and moves the bars.
/* global roots */
import { get } from "./api.js";
import { showHello } from "./hello.js";
import { showProof } from "./proof.js";
import { showState } from "./state.js";
import { showTabs } from "./tabs.js";
import { showTodo } from "./todo.js";
import { showTree } from "./tree.js";

const all = (selector) => document.querySelectorAll(selector);

// The numbers beside the bars: a second handler for what snippet.js listens to.
const label = (percent, { path }) => {
  const text = document.getElementById(path).parentNode.querySelector(".percent");
  text.textContent = percent === 100 ? "done" : `${percent} %`;
};
roots.on("demo/jobs/*", label, async () => (await get("jobs")).forEach((job) => label(job.percent, job)));

showState(roots);
showProof(roots);
showTodo(roots, ["This window", "That window"]);
showTree(roots);
showHello(roots);
showTabs();

// What is shown of snippet.js is the file that was run.
const lines = await (await fetch("snippet.js")).text();
document.getElementById("snippet").textContent = `<script src="roots.js"><\/script>\n\n${lines.trim()}`;

const { ingest, token } = await get("about");
if (ingest) for (const place of all(".ingest")) place.textContent = ingest.replace(/^http:\/\//, "");
for (const place of all(".token")) place.hidden = !token;
