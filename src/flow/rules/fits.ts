import type { Field } from "../../tool.ts";
import { isSameUnit } from "./unit-names.ts";

/** The kind of a yes or no, and the unit of a field that says one. */
export const TRUTH = "truth";

/** What a question asks for that wants to know how much, and not in which unit. */
export const NUMBER = "number";

/** "How much is it in euros per day?" may be answered by what states euros. */
const isPartOf = (unit: string, rate: string): boolean => {
  const [counted = "", per] = rate.split("/");
  return per !== undefined && isSameUnit(unit, counted);
};

/**
 * Whether a value is of the asked unit, or, where it states no unit, of the asked kind. A comparison answers nothing but a
 * question for a yes or no.
 */
export const fits = (value: Field | undefined, unit: string | undefined): boolean => {
  if (value === undefined) return false;
  if (unit === undefined) return value.unit !== TRUTH;
  if (unit === NUMBER) return value.kind === "number";
  if (value.unit !== undefined) return isSameUnit(value.unit, unit) || isPartOf(value.unit, unit);
  if (unit === "date") return value.kind === "date";
  if (unit === TRUTH) return value.kind === "text" && /^(?:yes|no|true|false)$/iu.test(String(value.value));
  return value.kind === (unit === "name" || unit === "weekday" ? "text" : "number");
};
