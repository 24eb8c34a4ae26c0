import { readQuantity, sameQuantity } from "./number.ts";
import { readWords, sameWords } from "./words.ts";

/** The elements of a list; with one there is no list. Where semicolons stand, commas are part of the elements. */
export const elementsOf = (text: string): readonly string[] => (/[,;，、\n]/.test(text) ? (ways(text)[0] ?? []) : []);

/** A comma before exactly three digits may separate thousands: then a space behind it makes it one of the list. */
const WITH_SPACE = /[,，、]\s{1,20}|\n/;
const NOT_THOUSANDS = /[,，、](?!\d{3}(?!\d))|\n/;
const ANY = /[,，、\n]/;

/** The ways in which a text may be read as a list, the most careful one first. */
const ways = (text: string): readonly (readonly string[])[] => {
  const inner = /^(?:\([^()]*\)|\[[^[\]]*\]|\{[^{}]*\})$/.test(text.trim()) ? text.trim().slice(1, -1) : text.trim();
  const separators = inner.includes(";") ? [/;/] : [WITH_SPACE, NOT_THOUSANDS, ANY];
  const splits = separators.map((separator) => inner.split(separator).map(element));
  return splits
    .flatMap((parts) => [parts, [...parts.slice(0, -1), ...(parts.at(-1) ?? "").split(/ and | & /).map(element)]])
    .filter(
      (parts) =>
        parts.length > 1 &&
        parts.every((part, i) => part !== "" && !(splits.length > 1 && i > 0 && /^0\d\d$/.test(part))),
    );
};

const element = (part: string): string =>
  part
    .trim()
    .replace(/^(?:[-*•]\s|and\s)\s{0,8}/, "")
    .trim();

/** Element by element, in order: as numbers where both are, else as words. */
export const sameList = (key: string, given: string): boolean => {
  const expected = elementsOf(key);
  return (
    expected.length > 1 &&
    ways(given).some(
      (found) => found.length === expected.length && expected.every((one, i) => sameElement(one, found[i] ?? "")),
    )
  );
};

const sameElement = (key: string, given: string): boolean => {
  const [expected, found] = [readQuantity(key), readQuantity(given)];
  if (expected !== undefined && found !== undefined && sameQuantity(expected, found)) return true;
  return sameWords(readWords(key), readWords(given));
};
