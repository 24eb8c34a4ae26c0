/** What makes JSON slow to read: its length, its nesting, and its parts (lists, objects and texts, names among them). */
export interface JsonLimits {
  readonly bytes: number;
  readonly depth: number;
  readonly parts: number;
}

const [QUOTE, BACKSLASH, OPEN_LIST, CLOSE_LIST, OPEN_OBJECT, CLOSE_OBJECT] = [34, 92, 91, 93, 123, 125];

/**
 * Why JSON takes too long to read, found before it is read and in a time in proportion to its length; undefined for JSON
 * within the limits. 8 MB of `{},{},…` take a second, 8 MB of brackets two.
 */
export const jsonProblem = (json: Uint8Array, { bytes, depth, parts }: JsonLimits): string | undefined => {
  if (json.length > bytes) return `it takes ${json.length} bytes; accepted are ${bytes}`;
  let [level, count, quoted] = [0, 0, false];
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at];
    if (byte === BACKSLASH) at += 1;
    else if (byte === QUOTE) {
      quoted = !quoted;
      if (quoted) count += 1;
    } else if (quoted) continue;
    else if (byte === OPEN_LIST || byte === OPEN_OBJECT) {
      level += 1;
      count += 1;
      if (level > depth) return `it is nested deeper than ${depth} levels`;
    } else if (byte === CLOSE_LIST || byte === CLOSE_OBJECT) level -= 1;
    if (count > parts) return `it has more than ${parts} lists, objects and texts`;
  }
  return undefined;
};
