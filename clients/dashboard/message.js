// A message as the tail shows it: the JSON that was sent, to the letter. To parse it and write it anew would round long
// numbers, turn 1e400 to null, and keep one of two members of the same name.

/** Pretty-printed, a message may be so many times as long: of what is nested deeply, most would be spaces. */
const growth = 8;

/** The JSON of the message in a line of the tail, where it stands between the path and, at times, what was left out. In
 * the texts before it quotes are escaped, so that none of them holds its name. */
export function rawMessage(line) {
  const name = ',"message":';
  return line.slice(line.indexOf(name) + name.length).replace(/(,"dropped":\d+)?}$/, "");
}

const tokens = /"(?:\\.|[^"\\])*"|\{}|\[]|[^"]/g;

/** JSON without spaces as lines with indents, or as it is where that would grow too long. */
export function indented(raw) {
  let text = "";
  let depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  for (const [token] of raw.matchAll(tokens)) {
    if (token === "}" || token === "]") depth--, text += line();
    text += token === ":" ? ": " : token;
    if (token === "{" || token === "[") depth++, text += line();
    else if (token === ",") text += line();
    if (text.length > growth * raw.length) return raw;
  }
  return text;
}
