import { text as aText } from "../options.ts";
import { readDate } from "./date.ts";

/** Longest text that is compared, in characters. A ligature may be written out as eighteen letters. */
const COMPARED_LENGTH = 100_000;

/** Vowel points of Hebrew and Arabic are written or left out; marks of other scripts are letters. */
const VOWEL_POINTS = /[\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0640\u064b-\u0652\u0670]/g;

const isWordLetter = (letter: string): boolean => /[\p{L}\p{N}\p{M}]/u.test(letter);
const isDigit = (letter: string): boolean => /\d/.test(letter);

/** Whether a sign carries meaning where it stands: `C#`, `5-4`, `10:30`, `-5`, `50%`, `O-`, `→`. */
const hasMeaning = (sign: string, before: string, after: string, beforeThat: string): boolean => {
  if (isDigit(before) && isDigit(after) && "-.:/,*'^".includes(sign)) return true;
  if (sign === "-")
    return isDigit(after)
      ? !isWordLetter(before)
      : isWordLetter(before) && !isWordLetter(beforeThat) && !isWordLetter(after);
  if (sign === ".") return isDigit(after) && !isWordLetter(before);
  if (sign === "#") return /\p{L}/u.test(before) && !isWordLetter(after);
  if ("%‰".includes(sign)) return isDigit(before);
  if (sign === "^") return isWordLetter(before) && isWordLetter(after);
  if (sign === "+" && isDigit(after)) return isWordLetter(before);
  return /\p{S}/u.test(sign) && !/[\p{Sc}`´¨|~^]/u.test(sign);
};

/** A text in small letters and one way of writing each sign, with what stands for a sign without meaning. */
const reduced = (text: string, instead: "" | " "): string => {
  const small = text
    .slice(0, COMPARED_LENGTH)
    .replace(/[™®©]/g, "")
    .replace(/[⁰¹²³⁴-⁹]+/g, "^$&")
    .replace(/(?<=\d)[¼½¾⅐-⅞]/g, " $&")
    .normalize("NFKC")
    .slice(0, COMPARED_LENGTH)
    .toLowerCase()
    .replace(VOWEL_POINTS, "")
    .replace(/[\p{Pd}−]/gu, "-")
    .replaceAll("⁄", "/")
    .replace(/[‘’]/g, "'")
    .replace(/(?<=\s)&(?=\s)/g, "and")
    .replace(/\d[\d,]*/g, (digits) => (/^\d{1,3}(?:,\d{3})+$/.test(digits) ? digits.replaceAll(",", "") : digits));
  const letters = Array.from(small);
  const kept = letters.map((letter, i) =>
    isWordLetter(letter) ||
    /\s/.test(letter) ||
    hasMeaning(letter, letters[i - 1] ?? "", letters[i + 1] ?? "", letters[i - 2] ?? "")
      ? letter
      : instead,
  );
  const words = kept
    .join("")
    .split(/\s+/)
    .filter((word) => word !== "");
  // An article stands before a word: the last one is a name, as in "Hepatitis A", and so is one before another.
  const isArticle = (word: string | undefined): boolean => word === "a" || word === "an" || word === "the";
  const told = words.filter((word, i) => !isArticle(word) || i === words.length - 1 || isArticle(words[i + 1]));
  return told.length === 0 ? small.trim().replace(/\s+/g, " ") : told.join(" ");
};

/**
 * SQuAD's normalisation of words: lower case, no punctuation, no articles, single spaces. Signs that carry meaning stay
 * (`C#`, `5-4`, `-5`), and so does a text that would become empty. Of a long text its beginning.
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
  return reduced(text, "");
};

/** A text that was read for comparisons: with many keys it is read once. */
export interface Words {
  readonly joined: string;
  readonly spaced: string;
  readonly date: string | undefined;
  readonly currency: string | undefined;
}

export const readWords = (text: string): Words => ({
  joined: reduced(text, ""),
  spaced: reduced(text, " "),
  date: readDate(text),
  currency: /\p{Sc}/u.exec(text)?.[0],
});

/** Whether two texts say the same words, or the same day. A sign without meaning may be a space or nothing: `Jean-Luc`. */
export const sameWords = (a: Words, b: Words): boolean => {
  if (a.joined === "" || b.joined === "") return false;
  if (a.date !== undefined && a.date === b.date) return true;
  if (a.currency !== undefined && b.currency !== undefined && a.currency !== b.currency) return false;
  return a.joined === b.joined || a.spaced === b.spaced || a.joined === b.spaced || a.spaced === b.joined;
};

/** The words of a normalised text with their counts, as F1 looks at them. */
const countsOf = (normalised: string): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>();
  for (const word of normalised.split(" ")) if (word !== "") counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
};

/** F1 over words of a text against each of several, the best. */
export const bestOverlap = (given: string, answers: readonly string[]): number => {
  const found = countsOf(given);
  const sizeOf = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, n) => sum + n, 0);
  const overlaps = answers.map((answer) => {
    const expected = countsOf(answer);
    const common = [...expected].reduce((sum, [word, times]) => sum + Math.min(times, found.get(word) ?? 0), 0);
    return common === 0 ? 0 : (2 * common) / (sizeOf(found) + sizeOf(expected));
  });
  return Math.max(0, ...overlaps);
};
