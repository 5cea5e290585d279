// The dispatcher's rules for paths and patterns; docs/protocol.md, "Names".

/** Returns a path, or a pattern if `wild` is true, without the slashes at its ends. Throws a RangeError whose `reason`
 * is one of the names in docs/vectors/README.md. */
export function parse(text: string, wild?: boolean): string;

/** Whether there is a path that both patterns stand for; so also whether a pattern matches a path. */
export function overlaps(a: string, b: string): boolean;

/** Whether `pattern` matches every path that `other` matches. */
export function covers(pattern: string, other: string): boolean;
