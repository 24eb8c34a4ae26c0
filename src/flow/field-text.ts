import { tidied } from "../number-text.ts";
import type { Field } from "../tool.ts";

/** A field's value alone, without its unit. */
export const fieldText = ({ value }: Field): string => (typeof value === "number" ? String(tidied(value)) : value);
