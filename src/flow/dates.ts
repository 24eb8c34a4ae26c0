const MONTHS = [
  "january",
  "february",
  "march",
  "april",
  "may",
  "june",
  "july",
  "august",
  "september",
  "october",
  "november",
  "december",
];

/** Names of months, in lower case. */
export const MONTH_NAMES: ReadonlySet<string> = new Set(MONTHS);

/** Names of weekdays, in lower case. */
export const WEEKDAY_NAMES: ReadonlySet<string> = new Set([
  "monday",
  "tuesday",
  "wednesday",
  "thursday",
  "friday",
  "saturday",
  "sunday",
]);

/** Reads `2024-02-29`, `29 February 2024` or `February 29, 2024` as an ISO date; undefined for anything else. */
export const dateOf = (text: string): string | undefined => {
  const iso = /^(\d{4})-(\d{2})-(\d{2})$/u.exec(text);
  if (iso) return checked(iso[1], Number(iso[2]), iso[3]);
  const dayFirst = /^(\d{1,2})(?:st|nd|rd|th)? (\p{L}+),? (\d{4})$/u.exec(text);
  if (dayFirst) return checked(dayFirst[3], monthOf(dayFirst[2]), dayFirst[1]);
  const monthFirst = /^(\p{L}+) (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})$/u.exec(text);
  return monthFirst ? checked(monthFirst[3], monthOf(monthFirst[1]), monthFirst[2]) : undefined;
};

const monthOf = (name: string | undefined): number => MONTHS.indexOf((name ?? "").toLowerCase()) + 1;

const checked = (year: string | undefined, month: number, day: string | undefined): string | undefined => {
  const date = new Date(0);
  date.setUTCFullYear(Number(year), month - 1, Number(day));
  if (month < 1 || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== Number(day)) return undefined;
  return date.toISOString().slice(0, 10);
};
