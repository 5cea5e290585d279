// The to-do list, as often as wanted on one page.
import { get, post } from "./api.js";

const copy = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

/** Sends an order to the application. Nothing is shown before the application has told everybody. */
async function send(order) {
  const place = document.getElementById("refused");
  place.textContent = "";
  try {
    await post("todo", order);
    return true;
  } catch (error) {
    place.textContent = error.message;
    return false;
  }
}

/** One view of the list. */
class Pane {
  #rows = new Map(); // by the entry's ID

  constructor(roots, name) {
    this.element = copy("pane");
    this.list = this.element.querySelector("ul");
    this.element.querySelector("h3").textContent = name;
    this.element.setAttribute("aria-label", name);
    const input = this.element.querySelector("input");
    input.setAttribute("aria-label", `New entry, in ${name.toLowerCase()}`);
    this.element.querySelector("form").onsubmit = async (event) => {
      event.preventDefault();
      const text = input.value;
      if (await send({ do: "add", text }) && input.value === text) input.value = "";
    };
    roots.on("demo/todo", (entry) => this.show(entry), () => this.load());
  }

  async load() {
    const entries = await get("todo");
    const known = new Set(entries.map(({ id }) => id));
    for (const id of this.#rows.keys()) if (!known.has(id)) this.show({ id, gone: true });
    for (const entry of entries) this.show(entry);
  }

  /** Shows an entry as it is now. That it may be shown already does no harm. */
  show({ id, text, done, gone }) {
    if (gone) return this.#remove(id);
    const row = this.#rows.get(id) ?? this.#add(id);
    row.querySelector("span").textContent = text;
    row.querySelector(".remove").setAttribute("aria-label", `Remove: ${text}`);
    row.querySelector("input").checked = done;
    row.classList.toggle("done", done);
  }

  #add(id) {
    const row = copy("entry"), tick = row.querySelector("input");
    tick.onchange = async () => {
      const done = tick.checked;
      if (!await send({ do: "tick", id, done })) tick.checked = !done;
    };
    row.querySelector(".remove").onclick = () => send({ do: "remove", id });
    this.#rows.set(id, row);
    this.list.append(row);
    return row;
  }

  #remove(id) {
    const row = this.#rows.get(id);
    if (!row) return;
    const next = row.nextElementSibling ?? row.previousElementSibling;
    const focus = row.contains(document.activeElement);
    row.remove();
    this.#rows.delete(id);
    if (focus) (next?.querySelector(".remove") ?? this.element.querySelector("form input")).focus();
  }
}

/** Shows the list once for each name. */
export function showTodo(roots, names) {
  document.getElementById("panes").append(...names.map((name) => new Pane(roots, name).element));
  document.getElementById("reset").onclick = () => send({ do: "reset" });
}
