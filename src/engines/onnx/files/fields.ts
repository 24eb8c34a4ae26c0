import { StoreError } from "../../../errors.ts";

/** Named values of a file that somebody else wrote, read with checks: each getter throws `StoreError` for a wrong type. */
export interface Fields {
  readonly name: string;
  /** Whether the key is there and not null. */
  has(key: string): boolean;
  /** The value as it is; undefined when it is missing or null. */
  get(key: string): unknown;
  /** A whole number above 0. @default `fallback`; without one the key must be there */
  whole(key: string, fallback?: number): number;
  /** A finite number above 0. */
  positive(key: string, fallback?: number): number;
  flag(key: string, fallback: boolean): boolean;
  text(key: string): string | undefined;
  /** A record within the record; undefined when it is missing. */
  record(key: string): Fields | undefined;
  list(key: string): readonly unknown[] | undefined;
}

export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Beyond it no number of a config makes sense. */
const largest = 1e12;

const shown = (value: unknown): string => {
  const text = typeof value === "bigint" ? `${value}` : (JSON.stringify(value) ?? "nothing");
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
};

/** The fields of a record; `name` is the file's, for messages. Throws `StoreError` when it is not a record. */
export const fieldsOf = (value: unknown, name: string): Fields => {
  if (!isRecord(value)) throw new StoreError(`${name}: expected an object, found ${shown(value)}.`);
  const get = (key: string): unknown => (Object.hasOwn(value, key) ? (value[key] ?? undefined) : undefined);
  const wrong = (key: string, accepted: string): StoreError =>
    new StoreError(`${name}: ${key} must be ${accepted}, found ${shown(get(key))}.`);
  const above0 = (key: string, fallback: number | undefined, accepted: string): number => {
    const found = get(key) ?? fallback;
    const number = typeof found === "bigint" ? Number(found) : found;
    if (typeof number !== "number" || !(number > 0) || number > largest) throw wrong(key, accepted);
    return number;
  };
  return {
    name,
    has: (key) => get(key) !== undefined,
    get,
    whole: (key, fallback) => {
      const number = above0(key, fallback, "a positive whole number");
      if (!Number.isInteger(number)) throw wrong(key, "a positive whole number");
      return number;
    },
    positive: (key, fallback) => above0(key, fallback, "a positive number"),
    flag: (key, fallback) => {
      const found = get(key) ?? fallback;
      if (typeof found !== "boolean") throw wrong(key, "true or false");
      return found;
    },
    text: (key) => {
      const found = get(key);
      if (found !== undefined && typeof found !== "string") throw wrong(key, "a text");
      return found;
    },
    record: (key) => {
      const found = get(key);
      if (found !== undefined && !isRecord(found)) throw wrong(key, "an object");
      return found === undefined ? undefined : fieldsOf(found, `${name}, ${key}`);
    },
    list: (key) => {
      const found = get(key);
      if (found !== undefined && !Array.isArray(found)) throw wrong(key, "a list");
      return found;
    },
  };
};
