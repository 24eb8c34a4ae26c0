import { text as aString, objectWith, required } from "../options.ts";
import type { Reward } from "../task.ts";

const aText = required(aString);
const aTask = required(objectWith("a task"));
const aKey = required(objectWith("a sealed part with an answer"));

/** What a sealed part must hold to be scored by equality. */
export interface ExactAnswer {
  readonly answer: string;
  readonly kind: "number" | "date" | "text";
  /** Stripped from a number's end when the answer repeats it. */
  readonly unit?: string;
}

const months = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];

/**
 * The text of the last `<answer>…</answer>`, else the whole output.
 *
 * @example
 * ```ts
 * import { finalAnswer } from "agentflow/tasks";
 *
 * console.log(finalAnswer("5 times 8 is 40. The answer is 40."));
 * ```
 */
export const finalAnswer = (output: string): string => {
  aText(output, "finalAnswer: the output");
  let [from, answer]: [number | undefined, string] = [undefined, output];
  for (const { 0: tag, index } of output.matchAll(/<\/?answer>/gi)) {
    if (!tag.startsWith("</")) from ??= index + tag.length;
    else if (from !== undefined) [answer, from] = [output.slice(from, index), undefined];
  }
  return answer.trim();
};

/** Without the `\boxed{…}` around a part: from the first opening to the last brace. */
const unboxed = (text: string): string => {
  const box = /\\boxed\s*\{/.exec(text);
  const end = text.lastIndexOf("}");
  if (box === null || end < box.index + box[0].length) return text;
  return text.slice(0, box.index) + text.slice(box.index + box[0].length, end) + text.slice(end + 1);
};

/**
 * A number as people and models write it: `1,234`, `$5`, `12 %`, `\frac{1}{2}`, `\boxed{7}`, `3 ft`; undefined if none.
 *
 * @example
 * ```ts
 * import { readNumber } from "agentflow/tasks";
 *
 * console.log(readNumber("about 1,200 km", "km"));
 * ```
 */
export const readNumber = (text: string, unit?: string): number | undefined => {
  aText(text, "readNumber: the text");
  const bare = unboxed(text)
    .replace(/\\d?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}/g, "$1/$2")
    .replace(/−/g, "-")
    .replace(/[,$%\s\\]/g, "")
    .replace(/\.$/, "");
  const [, top = "", bottom, rest = ""] =
    /^([-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?)(?:\/([-+]?\d+(?:\.\d+)?))?(.*)/is.exec(bare) ?? [];
  if (top === "") return undefined;
  const named =
    unit === undefined ? /^$|^[\p{L}°²³]+$/u.test(rest) : rest === "" || rest === unit || rest === `${unit}s`;
  return named ? Number(top) / (bottom === undefined ? 1 : Number(bottom)) : undefined;
};

/**
 * A day as ISO 8601, read from `2024-02-29`, `29 February 2024` or `February 29, 2024`; undefined for anything else.
 *
 * @example
 * ```ts
 * import { readDate } from "agentflow/tasks";
 *
 * console.log(readDate("29 February 2024"));
 * ```
 */
export const readDate = (text: string): string | undefined => {
  aText(text, "readDate: the text");
  const trimmed = text.trim().replace(/\.$/, "");
  if (/^-?\d{4,6}-\d{2}-\d{2}$/.test(trimmed)) return trimmed;
  const dayFirst = /^(\d{1,2})(?:st|nd|rd|th)?\s+(\p{L}+)\.?,?\s+(\d{1,4})$/u.exec(trimmed);
  const monthFirst = /^(\p{L}+)\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{1,4})$/u.exec(trimmed);
  const [day, name, year] = dayFirst?.slice(1) ?? [monthFirst?.[2], monthFirst?.[1], monthFirst?.[3]];
  const month = months.indexOf((name ?? "").slice(0, 3).toLowerCase()) + 1;
  if (day === undefined || year === undefined || month === 0) return undefined;
  return `${year.padStart(4, "0")}-${String(month).padStart(2, "0")}-${day.padStart(2, "0")}`;
};

/** Longest text that is compared, in characters. A ligature may be written out as eighteen letters. */
const COMPARED_LENGTH = 100_000;

/**
 * SQuAD's normalisation: lower case, no punctuation, no articles, single spaces. Of a long text its beginning.
 *
 * @example
 * ```ts
 * import { normaliseText } from "agentflow/tasks";
 *
 * console.log(normaliseText("The Gambia") === normaliseText("gambia"));
 * ```
 */
export const normaliseText = (text: string): string => {
  aText(text, "normaliseText: the text");
  return text
    .slice(0, COMPARED_LENGTH)
    .normalize("NFKC")
    .slice(0, COMPARED_LENGTH)
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s]/gu, "")
    .replace(/\b(?:a|an|the)\b/g, " ")
    .replace(/\s+/g, " ")
    .trim();
};

const equal = ({ answer, kind, unit }: ExactAnswer, given: string): boolean => {
  if (kind === "date") return (readDate(given) ?? given) === answer;
  if (kind === "text") return normaliseText(given) === normaliseText(answer);
  const [expected, found] = [readNumber(answer, unit), readNumber(given, unit)];
  if (expected === undefined || found === undefined) return given === answer;
  return Math.abs(expected - found) <= 1e-9 * Math.max(1, Math.abs(expected));
};

/**
 * 1 when the final answer equals the expected one, else 0. An absent answer is a 0.
 *
 * @example
 * ```ts
 * import { exactMatch } from "agentflow/tasks";
 *
 * const task = { id: "t1", question: "How many days has June?", sealed: { kind: "number", answer: "30" } as const };
 * console.log(await exactMatch(task, "30 days"));
 * ```
 */
export const exactMatch: Reward<ExactAnswer> = (task, answer) => {
  aTask(task, "exactMatch: the task");
  aKey(task.sealed, "exactMatch: the task's sealed part");
  return answer !== undefined && equal(task.sealed, finalAnswer(answer)) ? 1 : 0;
};
