/** The proleptic Gregorian calendar in UTC: no time zones, no clock. */
import { required, text } from "../options.ts";

const weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"] as const;

/**
 * The day number of an ISO date (1970-01-01 is 0; years before 0000 have a sign); undefined when it is not a date.
 *
 * @example
 * ```ts
 * import { dayNumber } from "agentflow/tools";
 *
 * const [from, to] = [dayNumber("2024-02-01"), dayNumber("2024-03-01")];
 * if (from !== undefined && to !== undefined) console.log(to - from);
 * ```
 */
export const dayNumber = (iso: string): number | undefined => {
  required(text)(iso, "dayNumber: the date");
  const match = /^(-?\d{4,6})-(\d{2})-(\d{2})$/.exec(iso.trim());
  if (match === null) return undefined;
  const [year, month, day] = [Number(match[1]), Number(match[2]), Number(match[3])];
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const same = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return same ? Math.round(date.getTime() / 86_400_000) : undefined;
};

/**
 * The English name of a day's weekday.
 *
 * @example
 * ```ts
 * import { dayNumber, weekdayOf } from "agentflow/tools";
 *
 * console.log(weekdayOf(dayNumber("2024-02-29") ?? 0));
 * ```
 */
export const weekdayOf = (day: number): string => weekdays[(((day + 4) % 7) + 7) % 7] ?? "";
