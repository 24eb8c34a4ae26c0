import type { Field } from "./tool.ts";

/** Most fields of one result, and the longest value of one. */
export const FIELD_LIMIT = 64;
export const VALUE_LENGTH = 1000;
const DEEPEST = 4;
/** Items of a list that become fields. */
const MOST_ITEMS = 5;

/** Whether a reference can spell a field's name. */
export const isFieldName = (name: string): boolean => name !== "__proto__" && /^[\p{L}\p{N}_-]+$/u.test(name);

/**
 * A name as references spell it: `first night` becomes `first_night`. Blanks alone are changed, where that will do: a secret that is
 * spelt in another way would not be known as one.
 */
export const fieldName = (name: string): string => {
  const spelt = name.trim().replace(/ +/g, "_");
  return isFieldName(spelt) ? spelt : name;
};

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const isDay = (text: string): boolean => {
  const time = DAY.test(text) ? Date.parse(text) : Number.NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
};

/** A single value as a field; undefined for a list, an object, nothing, or a text too long to be a value. */
export const fieldOf = (value: unknown): Field | undefined => {
  if (typeof value === "number" && Number.isFinite(value)) return { kind: "number", value };
  if (value instanceof Date && !Number.isNaN(value.getTime())) return dateField(value.toISOString());
  if (!["string", "bigint", "boolean"].includes(typeof value)) return undefined;
  const text = String(value);
  if (isDay(text)) return { kind: "date", value: text };
  return text.length <= VALUE_LENGTH ? { kind: "text", value: text } : undefined;
};

const dateField = (iso: string): Field =>
  iso.endsWith("T00:00:00.000Z") ? { kind: "date", value: iso.slice(0, 10) } : { kind: "text", value: iso };

/**
 * The fields of a structured value: a single value is `value`; members of an object go by their names, those within it by
 * the names on their way (`site_name`), and items of a list within it by their numbers (`orders_1_id`).
 */
export const fieldsOf = (value: unknown): Record<string, Field> => {
  const fields: Record<string, Field> = {};
  let room = FIELD_LIMIT;
  const take = (inner: unknown, given: string, depth: number): void => {
    const name = fieldName(given);
    const field = room > 0 ? fieldOf(inner) : undefined;
    if (field !== undefined && isFieldName(name) && !Object.hasOwn(fields, name)) {
      fields[name] = field;
      room -= 1;
    } else if (typeof inner === "object" && inner !== null && room > 0 && depth < DEEPEST) {
      const members = Array.isArray(inner)
        ? inner.slice(0, MOST_ITEMS).map((item: unknown, i) => [String(i + 1), item] as const)
        : Object.keys(inner)
            .slice(0, FIELD_LIMIT)
            .map((key) => [key, (inner as Readonly<Record<string, unknown>>)[key]] as const);
      for (const [key, member] of members) take(member, `${name}_${key}`, depth + 1);
    }
  };
  const single = fieldOf(value);
  if (single !== undefined) return { value: single };
  if (typeof value !== "object" || value === null || Array.isArray(value)) return {};
  for (const key of Object.keys(value).slice(0, FIELD_LIMIT))
    take((value as Readonly<Record<string, unknown>>)[key], key, 1);
  return fields;
};
