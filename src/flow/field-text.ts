import { tidied } from "../number-text.ts";
import type { Field } from "../tool.ts";

/** A field's value alone, without its unit. */
export const fieldText = ({ value }: Field): string => (typeof value === "number" ? String(tidied(value)) : value);

/** A field as a term of an expression: `135 ft`, `63.546`, `"2024-02-29"`. */
export const fieldTerm = (field: Field): string => {
  if (typeof field.value !== "number") return JSON.stringify(field.value);
  return field.unit === undefined ? fieldText(field) : `${fieldText(field)} ${field.unit}`;
};
