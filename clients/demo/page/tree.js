// The tree of files, which light up.
import { get, post } from "./api.js";

const prefix = "demo/tree/";

/** Has an element glow, and then fade. Without motion it just stays lit for longer. */
function light(element, what) {
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.dataset.lit = what;
  clearTimeout(element.fade);
  element.fade = setTimeout(() => delete element.dataset.lit, calm ? 1500 : 120);
}

/** Makes the line of a file or folder, and puts it into the list of its folder. */
function line(into, tag, text) {
  const item = document.createElement("li"), name = document.createElement(tag);
  name.className = "name";
  name.textContent = text;
  item.append(name);
  into.append(item);
  return { item, name };
}

/** Shows the application's files, and which of them are touched. */
export function showTree(roots) {
  const top = document.getElementById("files");
  const files = new Map(), folders = new Map(); // by name: elements

  const folder = (name) => {
    if (!name) return top;
    if (!folders.has(name)) {
      const cut = name.lastIndexOf("/"), made = line(folder(name.slice(0, Math.max(cut, 0))), "span", `${name.slice(cut + 1)}/`);
      made.list = document.createElement("ul");
      made.item.append(made.list);
      folders.set(name, made);
    }
    return folders.get(name).list;
  };
  const file = (name) => {
    if (files.has(name)) return files.get(name);
    const cut = name.lastIndexOf("/"), made = line(folder(name.slice(0, Math.max(cut, 0))), "button", name.slice(cut + 1));
    made.name.type = "button";
    made.name.onclick = () => post("tree", { name }).catch((error) => made.name.title = error.message);
    made.times = document.createElement("span");
    made.times.className = "times soft";
    made.item.append(made.times);
    files.set(name, made);
    return made;
  };
  const show = (name, times) => {
    file(name).times.textContent = times || "";
    return file(name);
  };
  roots.on(`${prefix}**`, ({ what, times }, { path }) => {
    const name = path.slice(prefix.length);
    light(show(name, times).name, what);
    for (const [of, { name: element }] of folders) if (name.startsWith(`${of}/`)) light(element, what);
  }, async () => {
    for (const { name, times } of await get("tree")) show(name, times);
  });
}
