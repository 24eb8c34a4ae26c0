import { text as aText } from "../options.ts";

const months = "january february march april may june july august september october november december".split(" ");
const weekdays = "sunday monday tuesday wednesday thursday friday saturday".split(" ");

/** The place of a name or of its usual short form in a list, which no other word has. */
const placeOf = (names: readonly string[], word: string): number =>
  names.findIndex(
    (name) =>
      word === name ||
      word === name.slice(0, 3) ||
      (word.length === 4 && word === name.slice(0, 4) && name.startsWith("sept")),
  );

const DAY_FIRST = /^(?:the )?(\d{1,2})(?:st|nd|rd|th)?(?: of)? (\p{L}{3,9})\.?,? (\d{1,4})$/u;
const MONTH_FIRST = /^(\p{L}{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{1,4})$/u;

/**
 * A day as ISO 8601, read from `2024-02-29`, `29 February 2024`, `Thursday, February 29th, 2024` and the like; undefined
 * for anything else, and for a day that no calendar has.
 *
 * @example
 * ```ts
 * import { readDate } from "agentflow/tasks";
 *
 * console.log(readDate("29 February 2024"), readDate("31 February 2024"));
 * ```
 */
export const readDate = (text: string): string | undefined => {
  aText(text, "readDate: the text");
  if (text.length > 200) return undefined;
  const said = text
    .trim()
    .toLowerCase()
    .replace(/\s{1,200}/g, " ")
    .replace(/\.$/, "");
  const iso = /^(-?\d{4,6})-(\d{2})-(\d{2})$/.exec(said);
  if (iso !== null) return isDay(Number(iso[1]), Number(iso[2]), Number(iso[3])) === undefined ? undefined : said;
  const [prefix = "", weekday = ""] = /^(\p{L}{3,9}),? (?=\p{L}|\d)/u.exec(said) ?? [];
  const onDay = placeOf(weekdays, weekday);
  const rest = onDay < 0 ? said : said.slice(prefix.length);
  const dayFirst = DAY_FIRST.exec(rest);
  const monthFirst = MONTH_FIRST.exec(rest);
  const [day, name, year] = dayFirst?.slice(1) ?? [monthFirst?.[2], monthFirst?.[1], monthFirst?.[3]];
  if (day === undefined || name === undefined || year === undefined) return undefined;
  const month = placeOf(months, name) + 1;
  const found = isDay(Number(year), month, Number(day));
  if (found === undefined || (onDay >= 0 && found !== onDay)) return undefined;
  return `${year.padStart(4, "0")}-${String(month).padStart(2, "0")}-${day.padStart(2, "0")}`;
};

/** The weekday of a day, undefined where there is no such day. */
const isDay = (year: number, month: number, day: number): number | undefined => {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getUTCMonth() === month - 1 && date.getUTCDate() === day ? date.getUTCDay() : undefined;
};
