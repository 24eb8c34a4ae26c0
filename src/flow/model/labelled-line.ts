import { withoutThoughts } from "../../reply.ts";

/** Longest part of a reply in which labels are looked for, in characters: a model is asked for a few lines. */
const REPLY_LENGTH = 8000;

/**
 * What a model wrote behind a label: `Decision: stop`, `**Decision**: stop`, or on the line after it. `mark` is what
 * stands between the two, such as `/^\W*:/u`. Undefined when no line begins with the label.
 */
export const labelledLine = (text: string, label: string, mark: RegExp): string | undefined => {
  const lines = withoutThoughts(text).slice(0, REPLY_LENGTH).split(/\r?\n/);
  for (const [i, line] of lines.entries()) {
    const words = line.replace(/^\W+/u, "");
    if (!words.toLowerCase().startsWith(label)) continue;
    const rest = words.slice(label.length);
    const found = mark.exec(rest)?.[0];
    if (found === undefined) continue;
    const said = [rest.slice(found.length), ...lines.slice(i + 1)].find((one) => one.trim() !== "");
    if (said !== undefined) return said.trimStart();
  }
  return undefined;
};
