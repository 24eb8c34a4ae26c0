import { ToolError } from "../errors.ts";
import { defined } from "../options.ts";
import { dayNumber, weekdayOf } from "./calendar.ts";

/** What an expression works on. Units are names that must agree; nothing is converted. */
export type Value =
  | { readonly kind: "number"; readonly value: number | bigint; readonly unit?: string }
  | { readonly kind: "date" | "text"; readonly value: string; readonly unit?: string };

type NumberValue = Extract<Value, { kind: "number" }>;
type Call = (args: readonly Value[]) => Value;

/** Whole numbers that are computed exactly, in bits: all that a double can reach, and more. */
const MOST_BITS = 4096;

/** A whole number as a double where that holds it exactly. */
const wholeNumber = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);

/** One operator of arithmetic. Whole numbers stay exact, however large they become. */
export const compute = (op: "+" | "-" | "*" | "/" | "^", a: number | bigint, b: number | bigint): number | bigint => {
  const whole = [a, b].every((each) => typeof each === "bigint" || Number.isSafeInteger(each));
  if (whole) {
    const [x, y] = [BigInt(a), BigInt(b)];
    if (op === "+") return wholeNumber(x + y);
    if (op === "-") return wholeNumber(x - y);
    if (op === "*") return wholeNumber(x * y);
    if (op === "/" && y !== 0n) return x % y === 0n ? wholeNumber(x / y) : Number(x / y) + Number(x % y) / Number(y);
    if (op === "^" && y >= 0n && BigInt(x.toString(2).length) * y <= MOST_BITS) return wholeNumber(x ** y);
  }
  const [x, y] = [Number(a), Number(b)];
  return { "+": x + y, "-": x - y, "*": x * y, "/": x / y, "^": x ** y }[op];
};

const magnitude = (value: number | bigint): number | bigint => (value < 0 ? compute("-", 0, value) : value);

const meanEarthRadius = 6371.0088;

const fail = (name: string, needs: string, args: readonly Value[]): never => {
  const got = args.map((arg) => (arg.unit === undefined ? arg.kind : `${arg.kind} in ${arg.unit}`)).join(", ");
  throw new ToolError(`calculate: ${name} needs ${needs}, it got ${got === "" ? "nothing" : got}.`);
};

const number = (value: number | bigint, unit?: string): Value => ({
  kind: "number",
  value,
  ...defined({ unit }),
});

/** Numbers of one unit; at least `least` of them, and at most `most`. */
const alike = (name: string, args: readonly Value[], least: number, most: number): readonly NumberValue[] => {
  const numbers = args.filter((arg): arg is NumberValue => arg.kind === "number");
  const one = new Set(numbers.map((arg) => arg.unit)).size === 1;
  if (numbers.length !== args.length || args.length < least || args.length > most || !one)
    return fail(name, `${least === most ? least : `${least} or more`} numbers of one unit`, args);
  return numbers;
};

const days = (name: string, args: readonly Value[], count: number): readonly number[] => {
  const found = args.flatMap((arg) => (arg.kind === "date" ? (dayNumber(arg.value) ?? []) : []));
  if (found.length !== args.length || args.length !== count)
    return fail(name, `${count} date${count > 1 ? "s" : ""}`, args);
  return found;
};

/** Four numbers, or two texts such as "6.58, 3.32": latitude and longitude in degrees. */
const coordinates = (args: readonly Value[]): readonly number[] => {
  const read = args.flatMap((arg) => (arg.kind === "number" ? Number(arg.value) : arg.value.split(",").map(Number)));
  const fits = read.length === 4 && read.every((x, i) => Number.isFinite(x) && Math.abs(x) <= (i % 2 === 0 ? 90 : 180));
  return fits
    ? read
    : fail("distance", 'lat1, lon1, lat2, lon2 in degrees, or two positions such as "6.58, 3.32"', args);
};

const greatCircle = ([lat1 = 0, lon1 = 0, lat2 = 0, lon2 = 0]: readonly number[]): number => {
  const radians = Math.PI / 180;
  const sinLat = Math.sin(((lat2 - lat1) * radians) / 2);
  const sinLon = Math.sin(((lon2 - lon1) * radians) / 2);
  const half = sinLat ** 2 + Math.cos(lat1 * radians) * Math.cos(lat2 * radians) * sinLon ** 2;
  return 2 * meanEarthRadius * Math.asin(Math.min(1, Math.sqrt(half)));
};

/**
 * Which way two values stand to each other: numbers of one unit, or one without, or two dates. The yes or no is of the unit
 * `truth`: it decides what to do next, and only a question for a yes or no is answered by it.
 */
const compared = (name: string, args: readonly Value[], holds: (order: -1 | 0 | 1) => boolean): Value => {
  const order = orderOf(args);
  return order === undefined
    ? fail(name, "2 numbers of one unit, or 2 dates", args)
    : { kind: "text", value: holds(order) ? "yes" : "no", unit: "truth" };
};

const orderOf = ([a, b, ...more]: readonly Value[]): -1 | 0 | 1 | undefined => {
  if (a === undefined || b === undefined || more.length > 0) return undefined;
  if (a.kind === "number" && b.kind === "number") {
    if (a.unit !== b.unit && a.unit !== undefined && b.unit !== undefined) return undefined;
    return a.value < b.value ? -1 : a.value > b.value ? 1 : 0;
  }
  const [first, second] = [a, b].map(({ kind, value }) => (kind === "date" ? dayNumber(value) : undefined));
  if (first === undefined || second === undefined) return undefined;
  return first < second ? -1 : first > second ? 1 : 0;
};

const plain =
  (name: string, change: (x: number | bigint) => number | bigint): Call =>
  (args) => {
    const [only] = alike(name, args, 1, 1);
    return only === undefined ? fail(name, "a number", args) : number(change(only.value), only.unit);
  };

/** The functions of `calculate` by name. Each throws `ToolError` when its arguments do not fit. */
export const functions: Readonly<Record<string, Call>> = {
  value: (args) => (args.length === 1 && args[0] !== undefined ? args[0] : fail("value", "one value", args)),
  difference: (args) => {
    const [a, b] = alike("difference", args, 2, 2);
    return a === undefined || b === undefined
      ? fail("difference", "2 numbers", args)
      : number(magnitude(compute("-", a.value, b.value)), a.unit);
  },
  sum: (args) => {
    const numbers = alike("sum", args, 2, 99);
    return number(
      numbers.reduce<number | bigint>((total, { value }) => compute("+", total, value), 0),
      numbers[0]?.unit,
    );
  },
  larger: (args) => {
    const numbers = alike("larger", args, 2, 99);
    return number(numbers.map(({ value }) => value).sort((a, b) => (a < b ? 1 : -1))[0] ?? 0, numbers[0]?.unit);
  },
  less: (args) => compared("less", args, (order) => order < 0),
  more: (args) => compared("more", args, (order) => order > 0),
  days: (args) => {
    const [a = 0, b = 0] = days("days", args, 2);
    return number(Math.abs(a - b), "day");
  },
  weekday: (args) => {
    const [day = 0] = days("weekday", args, 1);
    return { kind: "text", value: weekdayOf(day), unit: "weekday" };
  },
  distance: (args) => number(Math.round(greatCircle(coordinates(args))), "km"),
  abs: plain("abs", magnitude),
  round: plain("round", (x) => (typeof x === "bigint" ? x : Math.round(x))),
};
