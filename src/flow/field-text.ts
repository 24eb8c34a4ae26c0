import type { Field } from "../tool.ts";

/** A number as people write it: 12 significant digits at most, so that float noise such as 0.30000000000000004 goes. */
const numberText = (value: number): string =>
  Number.isInteger(value) || !Number.isFinite(value) ? String(value) : String(Number(value.toPrecision(12)));

/** A field's value alone, without its unit. */
export const fieldText = ({ value }: Field): string => (typeof value === "number" ? numberText(value) : value);

/** A field as a term of an expression: `135 ft`, `63.546`, `"2024-02-29"`. */
export const fieldTerm = (field: Field): string => {
  if (typeof field.value !== "number") return JSON.stringify(field.value);
  return field.unit === undefined ? numberText(field.value) : `${numberText(field.value)} ${field.unit}`;
};
