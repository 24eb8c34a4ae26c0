import { exactJson } from "./number-text.ts";

/** Readers of what models write: one place that knows how an answer or an object is dressed in a reply. */

/** What stands in the last `<answer>…</answer>`, or behind one that nothing closes, and what came before it. */
export const taggedAnswer = (text: string): { readonly before: string; readonly answer: string } | undefined => {
  let [opened, found]: [{ from: number; end: number } | undefined, { before: string; answer: string } | undefined] = [
    undefined,
    undefined,
  ];
  for (const { 0: tag, index } of text.matchAll(/<\/?answer>/gi)) {
    if (!tag.startsWith("</")) opened = { from: index, end: index + tag.length };
    else if (opened !== undefined) {
      found = { before: text.slice(0, opened.from), answer: text.slice(opened.end, index).trim() };
      opened = undefined;
    }
  }
  if (found !== undefined || opened === undefined) return found;
  return { before: text.slice(0, opened.from), answer: text.slice(opened.end).trim() };
};

/** An answer freed of what surrounds it: a label such as "Final answer:", bold, quotes, a fence, `$…$`, `\boxed{…}`. */
export const bareAnswer = (text: string): string =>
  undressed(boxed(undressed(unlabelled(undressed(text)).replace(FAREWELL, ""))));

/** How answers to MATH end by the usual prompt. */
const FAREWELL = /(?<=\S)\.? I hope it is correct\.?$/;

/** Pairs of marks, the longer ones first. */
const pairs = ["```|```", "**|**", "__|__", "$$|$$", "\\(|\\)", "\\[|\\]", "“|”", "‘|’", "«|»", "「|」", "„|“"]
  .concat(["*|*", "_|_", "`|`", "$|$", '"|"', "'|'"])
  .map((pair) => pair.split("|") as [string, string]);
const COMMAND = /^\\(?:boxed|fbox|text|textbf|textit|textrm|mathrm|mathbf|mathit|mathsf|mbox|operatorname)\s?\{/;

/** Without the marks around the whole, one pair after the other. Nothing is taken from inside. */
export const undressed = (text: string): string => {
  let bare = text.trim();
  for (let layer = 0; layer < 16; layer += 1) {
    const inner = unwrapped(bare);
    if (inner === undefined) break;
    bare = inner.trim();
  }
  return bare;
};

/** What stands within one pair of marks, if a text is that; a full stop may follow them. */
const unwrapped = (text: string): string | undefined => {
  if (/^[\p{L}\p{N}]/u.test(text)) return undefined;
  const whole = /[.。]$/.test(text) ? text.slice(0, -1) : text;
  for (const [open, close] of pairs) {
    if (!whole.startsWith(open) || !whole.endsWith(close) || whole.length <= open.length + close.length) continue;
    const inner = whole.slice(open.length, -close.length);
    if (open === "```") return inner.replace(/^[\w-]*\n/, "");
    if (!inner.includes(open) && !inner.includes(close)) return inner;
  }
  const command = COMMAND.exec(whole)?.[0];
  if (command !== undefined && closingBrace(whole, command.length - 1) === whole.length - 1)
    return whole.slice(command.length, -1);
  return text.startsWith("> ") ? text.slice(2) : undefined;
};

/** Where the brace that opens at a place is closed; -1 where it is not. */
const closingBrace = (text: string, from: number): number => {
  let depth = 0;
  for (let at = from; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === "{") depth += 1;
    else if (text[at] === "}") depth -= 1;
    if (depth === 0 && at < text.length) return at;
  }
  return -1;
};

const LABEL =
  /(?:[#>*_ ]{0,8}(?:(?:so|thus|hence|therefore|and|i (?:think|believe|conclude)(?: that)?),? )?(?:(?:the|my|our) )?(?:(?:correct|final|short|best|right|exact) ){0,2}(?:answer|ans)[*_ ]{0,4}(?:[:：=]|is\b:?|[-–—](?=\s)|\r?\n)[*_]{0,4})|#{4} /iy;
/** Characters at the end of a text in which a label is looked for. */
const LABELLED_LENGTH = 4000;

/** What follows the label of the last line that has one, else of the last sentence; else the whole. */
const unlabelled = (text: string): string => {
  const end = text.slice(-LABELLED_LENGTH);
  // What begins there may be the middle of a line.
  const least = end.length < text.length ? 1 : 0;
  for (const start of [/^/gm, /(?<=[.!?:;。]\s)/g])
    for (const { index } of [...end.matchAll(start)].reverse()) {
      LABEL.lastIndex = index;
      if (index < least || !LABEL.test(end)) continue;
      const rest = end.slice(LABEL.lastIndex).trim();
      if (rest !== "") return rest;
    }
  return text;
};

/** The last `\boxed{…}` of a text: what is in it, and where it begins and ends. */
export const lastBox = (
  text: string,
): { readonly inner: string; readonly from: number; readonly end: number } | undefined => {
  const from = text.lastIndexOf(BOX);
  const last = from < 0 ? -1 : closingBrace(text, from + BOX.length - 1);
  return last < 0 ? undefined : { inner: text.slice(from + BOX.length, last), from, end: last + 1 };
};
const BOX = "\\boxed{";

/** The content of the last box, where a text begins with it or a sentence ends in it without taking it back. */
const boxed = (text: string): string => {
  const box = lastBox(text);
  if (box === undefined) return text;
  const [before, after] = [text.slice(0, box.from), text.slice(box.end)];
  const opened = before.trim();
  if (opened === "" || opened === "$") return `${box.inner}${opened === "$" ? after.replace("$", "") : after}`;
  const sentence =
    before
      .slice(-200)
      .split(/[.!?\n]\s/)
      .at(-1) ?? "";
  const takenBack = /\b(?:not|nor|or|either|never|neither)\b|n['’]t\b/i.test(sentence);
  return /[\s$:=([]$/.test(before) && /^[\s.$*)\]\\!]{0,20}$/.test(after) && !takenBack ? box.inner : text;
};

/** Places at which an object is looked for. */
const MOST_TRIES = 100;

/** The whole JSON objects of a text, one after the other, whatever stands between them. A comma too many is forgiven. */
export function* objectsIn(text: string): Generator<Readonly<Record<string, unknown>>> {
  let from = text.indexOf("{");
  for (let tries = 0; from >= 0 && tries < MOST_TRIES; tries += 1) {
    const end = endOfObject(text, from);
    const object = end < 0 ? undefined : parsed(text.slice(from, end + 1));
    if (object !== undefined) yield object;
    from = text.indexOf("{", object === undefined ? from + 1 : end + 1);
  }
}

const endOfObject = (text: string, from: number): number => {
  let [depth, quoted] = [0, false];
  for (let at = from; at < text.length; at += 1) {
    const letter = text[at];
    if (quoted && letter === "\\") at += 1;
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && letter === "{") depth += 1;
    else if (!quoted && letter === "}") {
      depth -= 1;
      if (depth === 0) return at;
    }
  }
  return -1;
};

const parsed = (json: string): Readonly<Record<string, unknown>> | undefined => {
  for (const attempt of [json, withoutLastCommas(json)])
    try {
      return JSON.parse(exactJson(attempt)) as Readonly<Record<string, unknown>>;
    } catch {
      // Braces that are no JSON: what follows them may be.
    }
  return undefined;
};

/** Without commas before a closing bracket; those in texts are their own. */
const withoutLastCommas = (json: string): string => {
  const letters = [...json];
  let [quoted, last] = [false, 0];
  for (let at = 0; at < letters.length; at += 1) {
    const letter = letters[at] ?? "";
    if (quoted && letter === "\\") at += 1;
    else if (letter === '"') quoted = !quoted;
    else if (!quoted && (letter === "}" || letter === "]") && letters[last] === ",") letters[last] = "";
    if (letter.trim() !== "") last = at;
  }
  return letters.join("");
};

/** A call of a tool as models write it that call tools natively: a name beside its arguments, which may be JSON in a text. */
export const callIn = (
  object: Readonly<Record<string, unknown>>,
): { readonly name: unknown; readonly input: Readonly<Record<string, unknown>> | undefined } | undefined => {
  const { function: called } = object;
  const call = isObject(called) ? called : object;
  const name = call.name ?? call.tool ?? called;
  const { arguments: given = call.parameters ?? call.args ?? call.input } = call;
  const input = typeof given === "string" ? parsed(given) : given;
  return typeof name === "string" && given !== undefined
    ? { name, input: isObject(input) ? input : undefined }
    : undefined;
};

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);
