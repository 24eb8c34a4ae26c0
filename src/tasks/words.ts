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

const isArticle = (word: string | undefined): boolean => word === "a" || word === "an" || word === "the";

/** Words without articles. An article stands before a word: the last one is a name, as in "Hepatitis A". */
const withoutArticles = (text: string): string => {
  const words = text.split(/\s+/).filter((word) => word !== "");
  return words.filter((word, i) => !isArticle(word) || i === words.length - 1 || isArticle(words[i + 1])).join(" ");
};

/** Stands where a sign without meaning was. */
const GAP = "\u0000";

/** The words of a text in small letters: a sign without meaning is left out (`joined`), or is a space (`spaced`). */
const reduced = (text: string): { readonly joined: string; readonly spaced: string } => {
  const short = text.slice(0, COMPARED_LENGTH);
  if (/^[A-Za-z0-9 ]*$/.test(short)) {
    const words = withoutArticles(short.toLowerCase());
    return { joined: words, spaced: words };
  }
  const small = short
    .replace(/[™®©\0]/g, "")
    .replace(/[⁰¹²³⁴-⁹]+/g, "^$&")
    .replace(/(?<=\d)[¼½¾⅐-⅞]/g, " $&")
    .normalize("NFKC")
    .slice(0, COMPARED_LENGTH)
    .toLowerCase()
    .replaceAll("ß", "ss")
    .replace(VOWEL_POINTS, "")
    .replace(/[\p{Pd}−]/gu, "-")
    .replaceAll("⁄", "/")
    .replace(/[‘’]/g, "'")
    .replace(/(?<=\s)&(?=\s)/g, "and")
    .replace(/\d[\d,]*/g, (digits) => (/^\d{1,3}(?:,\d{3})+$/.test(digits) ? digits.replaceAll(",", "") : digits));
  const marked = small.replace(/[^\p{L}\p{N}\p{M}\s]/gu, (sign, at: number, all: string) =>
    hasMeaning(sign, all[at - 1] ?? "", all[at + sign.length] ?? "", all[at - 2] ?? "") ? sign : GAP,
  );
  const joined = withoutArticles(marked.replaceAll(GAP, ""));
  const unchanged = joined === "" ? small.trim().replace(/\s+/g, " ") : undefined;
  return { joined: unchanged ?? joined, spaced: unchanged ?? withoutArticles(marked.replaceAll(GAP, " ")) };
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
  return reduced(text).joined;
};

/** A text that was read for comparisons: with many keys the answer is read once. */
export interface Words {
  readonly joined: string;
  readonly spaced: string;
  readonly date: string | undefined;
  readonly currency: string | undefined;
}

export const readWords = (text: string): Words => ({
  ...reduced(text),
  date: /\d/.test(text) ? readDate(text) : undefined,
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

const sizeOf = (counts: ReadonlyMap<string, number>): number => [...counts.values()].reduce((sum, n) => sum + n, 0);

/** F1 over words of a text that was read against each of several, the best. */
export const bestOverlap = (given: Words, answers: readonly string[]): number => {
  const found = countsOf(given.joined);
  const size = sizeOf(found);
  let best = 0;
  for (const answer of answers) {
    const expected = countsOf(normaliseText(answer));
    const common = [...expected].reduce((sum, [word, times]) => sum + Math.min(times, found.get(word) ?? 0), 0);
    if (common > 0) best = Math.max(best, (2 * common) / (size + sizeOf(expected)));
  }
  return best;
};
