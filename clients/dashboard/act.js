// The forms that do what a back-end can do. What the daemon answers, or refuses, stands below them.

import { post, Problem } from "./api.js";
import { byId, el, explainLink, several } from "./dom.js";

/** The fields of a form that carry a member's name of the body. */
function mark(form, name) {
  for (const field of form.elements) {
    if (field.name === name && name) field.setAttribute("aria-invalid", "true");
    else field.removeAttribute("aria-invalid");
  }
}

/** Sends what a form says when it is submitted; body and words belong to the form. */
function handle(form, address, body, words) {
  const answer = form.querySelector(".answer");
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    mark(form, "");
    try {
      const said = await post(address(form.elements), body(form.elements));
      answer.className = "answer good";
      answer.replaceChildren(...words(said, form.elements));
    } catch (error) {
      refuse(form, answer, error);
    }
    button.disabled = false;
  });
}

function refuse(form, answer, error) {
  const { message, reason = "", field = "", entry } = error;
  const which = entry === undefined || form.id === "update" ? "" : ` (entry ${entry + 1})`;
  answer.className = "answer bad";
  answer.replaceChildren(reason ? el("code", {}, reason) : "", ` ${message}${which}`);
  mark(form, field);
  form.elements.namedItem(field)?.focus?.();
}

/** The body of an update. JSON is sent as it was written, once it is some. */
function updateBody({ path, kind, message, except, latest, wait }) {
  const rest = { path: path.value };
  if (except.value.trim()) rest.except = except.value.trim();
  if (latest.checked) rest.latest = true;
  if (wait.checked) rest.wait = "2s";
  const text = kind.value === "json" ? checked(message.value) : JSON.stringify(message.value);
  return `${JSON.stringify(rest).slice(0, -1)},"message":${text}}`;
}

function checked(text) {
  try {
    JSON.parse(text);
    return text;
  } catch (error) {
    throw new Problem({ reason: "bad_json", field: "message", detail: `the message is no JSON: ${error.message}` });
  }
}

function receipt(said, { path }) {
  if (said.matched === undefined) return ["Taken. ", explainLink(path.value, "Who hears it?")];
  const { matched, delivered, confirmed, gapped } = said;
  if (!matched) return ["Taken; nobody is connected there. ", explainLink(path.value, "Explain")];
  return [`For ${several(matched, "client")}: written to ${delivered}, confirmed by ${confirmed}` +
    (gapped ? `, and ${gapped} told to load afresh. ` : ". "), explainLink(path.value, "Who?")];
}

const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

function commandBody({ command, id, paths, for: time }) {
  const body = { id: id.value.trim().split("/")[0] };
  if (command.value !== "kick") body.paths = lines(paths.value);
  if (takesTime(command.value) && time.value.trim()) body.for = time.value.trim();
  return JSON.stringify(body);
}

const takesTime = (command) => command === "connect" || command === "permit";

const done = (said, { command }) => [
  `${command.value}: done${said.paths ? ` for ${said.paths.join(", ")}` : ""}. `, explainLink(said.id, "Explain the client")];

/** Starts the forms. */
export function showForms() {
  const command = byId("command");
  handle(byId("update"), () => "control/update", updateBody, receipt);
  handle(command, ({ command: { value } }) => `control/${value}`, commandBody, done);
  const settle = () => {
    const { value } = command.elements.command;
    command.elements.paths.disabled = value === "kick";
    command.elements.for.disabled = !takesTime(value);
  };
  command.elements.command.addEventListener("change", settle);
  settle();
}
