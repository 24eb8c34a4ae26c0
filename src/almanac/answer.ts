import { defined } from "../options.ts";
import type { Field } from "../tool.ts";
import type { Operation } from "./grid.ts";

/** An answer as it is expected, with what scoring and verifying need. */
export interface Answer {
  readonly answer: string;
  readonly kind: "number" | "date" | "text";
  readonly unit?: string;
}

/** Days since 0000-03-01 of the proleptic Gregorian calendar, by arithmetic on the digits alone. */
const dayCount = (iso: string): number => {
  const [year = 0, month = 1, day = 1] = iso.split("-").map(Number);
  const shifted = month < 3 ? year - 1 : year;
  const monthsFromMarch = (month + 9) % 12;
  const leaps = Math.floor(shifted / 4) - Math.floor(shifted / 100) + Math.floor(shifted / 400);
  return 365 * shifted + leaps + Math.floor((153 * monthsFromMarch + 2) / 5) + day - 1;
};

/** Great-circle distance in whole kilometres, from the angle between two unit vectors. */
const kilometres = (a: string, b: string): number => {
  const vector = (position: string): readonly number[] => {
    const [lat = 0, lon = 0] = position.split(",").map((degrees) => (Number(degrees) * Math.PI) / 180);
    return [Math.cos(lat) * Math.cos(lon), Math.cos(lat) * Math.sin(lon), Math.sin(lat)];
  };
  const [x1 = 0, y1 = 0, z1 = 0] = vector(a);
  const [x2 = 0, y2 = 0, z2 = 0] = vector(b);
  const cross = Math.hypot(y1 * z2 - z1 * y2, z1 * x2 - x1 * z2, x1 * y2 - y1 * x2);
  return Math.round(6371.0088 * Math.atan2(cross, x1 * x2 + y1 * y2 + z1 * z2));
};

const plain = (value: number): string => String(Number(value.toPrecision(12)));

const number = (value: number, unit: string | undefined): Answer => ({
  answer: plain(value),
  kind: "number",
  ...defined({ unit }),
});

const weekdays = ["Wednesday", "Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday"];

/**
 * The expected answer, computed from the pages' fields without any tool, so that it checks `calculate` and is checked
 * by it. Undefined when the fields do not fit the operation.
 */
export const answerOf = (operation: Operation, fields: readonly Field[]): Answer | undefined => {
  const [a, b] = fields;
  if (a === undefined) return undefined;
  if (operation === "value") {
    if (a.kind === "number") return number(Number(a.value), a.unit);
    return a.kind === "date" ? { answer: String(a.value), kind: "date", unit: "date" } : undefined;
  }
  if (operation === "weekday")
    return { answer: weekdays[dayCount(String(a.value)) % 7] ?? "", kind: "text", unit: "weekday" };
  if (b === undefined) return undefined;
  if (operation === "days") return number(Math.abs(dayCount(String(a.value)) - dayCount(String(b.value))), "day");
  if (operation === "distance") return number(kilometres(String(a.value), String(b.value)), "km");
  if (a.unit !== b.unit) return undefined;
  const [x, y] = [Number(a.value), Number(b.value)];
  return number(operation === "sum" ? x + y : Math.abs(x - y), a.unit);
};
