// Paths and patterns, by the rules of the dispatcher: docs/protocol.md, "Names". docs/vectors holds the cases.

/** Returns what is wrong with a text that has no slashes at its ends, by its name in docs/vectors; "" for nothing. */
function fault(text, wild) {
  const segments = text.split("/");
  if (!text) return "empty";
  if (new Blob([text]).size > 1024) return "long";
  if (segments.includes("")) return "segment";
  if (/\p{Cs}/u.test(text)) return "text";
  if (/\p{Cc}/u.test(text)) return "control";
  if (!segments.some(isWild)) return "";
  if (!wild) return "wildcard";
  if (segments.slice(0, -1).includes("**")) return "tail";
  return segments.length > 64 ? "deep" : "";
}

const isWild = (segment) => segment === "*" || segment === "**";
const isSystem = (segment) => segment.startsWith("::");

/**
 * Returns a path, or with `wild` a pattern, in its normal form: without slashes at its ends.
 *
 * @throws RangeError whose `reason` is a name of docs/vectors/README.md
 */
export function parse(text, wild) {
  const normal = text.replace(/^\/+|\/+$/g, "");
  const reason = fault(normal, wild);
  if (reason) throw Object.assign(new RangeError(`roots: "${text}" is no path: ${reason}`), { reason });
  return normal;
}

/**
 * Tells whether there is a path that both patterns stand for. As a path is a pattern that stands for itself, it also
 * tells whether a pattern matches a path. No wildcard stands for a first segment that begins with "::".
 */
export function overlaps(a, b) {
  const one = a.split("/"), two = b.split("/");
  for (let i = 0; ; i++) {
    const x = one[i], y = two[i];
    if (x === undefined || y === undefined) return x === y;
    if (!i && isSystem(x) !== isSystem(y)) return false;
    if (x === "**" || y === "**") return true;
    if (x !== y && x !== "*" && y !== "*") return false;
  }
}

/** Tells whether a pattern matches every path that another matches. */
export function covers(pattern, other) {
  const one = pattern.split("/"), two = other.split("/");
  for (let i = 0; ; i++) {
    const x = one[i], y = two[i];
    if (x === undefined || y === undefined) return x === y;
    if (!i && isSystem(x) !== isSystem(y)) return false;
    if (x === "**") return true;
    if (y === "**" || x !== y && x !== "*") return false;
  }
}
