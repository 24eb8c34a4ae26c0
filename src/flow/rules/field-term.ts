import type { Field } from "../../tool.ts";
import { fieldText } from "../field-text.ts";

/** A unit that an expression can have as a name; some names are operators. */
const NAME = /^(?!(?:and|in|mod|not|or|to|xor)$)[a-z_][a-z0-9_]*$/iu;

/** A field as a term of an expression: `135 ft`, `45 "km/h"`, `63.546`, `"2024-02-29"`. */
export const fieldTerm = (field: Field): string => {
  const { value, unit } = field;
  if (typeof value !== "number") return JSON.stringify(value);
  if (unit === undefined) return fieldText(field);
  return `${fieldText(field)} ${NAME.test(unit) ? unit : JSON.stringify(unit)}`;
};
