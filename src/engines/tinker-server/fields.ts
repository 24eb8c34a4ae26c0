import { parseJson } from "../../bounded-json.ts";
import { messageOf } from "../../errors.ts";
import { Refusal } from "./refusal.ts";

/** The body of a request: an object whose fields are read by kind. */
export interface Fields {
  readonly hash: string;
  text(name: string): string;
  optionalText(name: string): string | undefined;
  integer(name: string, least?: number): number;
  optionalInteger(name: string): number | undefined;
  optionalNumber(name: string): number | undefined;
  truth(name: string): boolean;
  value(name: string): unknown;
  /** An object within it; empty when it is left out. */
  within(name: string): Fields;
}

/** Values in one body: prompts and stop texts, no data to train on. */
const LIMITS = { depth: 16, values: 1_000_000 };

/** Reads a body of JSON. Throws `Refusal` for what is not an object; `hash` names its content. */
export const fieldsOf = (body: Uint8Array, hash: string): Fields => {
  if (body.length === 0) return reader({}, hash);
  try {
    return reader(parseJson(new TextDecoder().decode(body), LIMITS), hash);
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(`The body is not JSON that is accepted: ${messageOf(error)}.`);
  }
};

/** `of` is the field that holds it; undefined for the body itself. */
const reader = (value: unknown, hash: string, of?: string): Fields => {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Refusal(`${of ?? "The body"} is not an object.`);
  const placeOf = (name: string): string => (of === undefined ? name : `${of}.${name}`);
  const record = value as Readonly<Record<string, unknown>>;
  const at = (name: string): unknown => (Object.hasOwn(record, name) ? (record[name] ?? undefined) : undefined);
  const optional =
    <Value>(what: string, fits: (found: unknown) => found is Value) =>
    (name: string): Value | undefined => {
      const found = at(name);
      if (found === undefined || fits(found)) return found;
      throw new Refusal(`${placeOf(name)} is ${JSON.stringify(found)?.slice(0, 60)}: accepted is ${what}.`);
    };
  const needed =
    <Value>(read: (name: string) => Value | undefined) =>
    (name: string): Value => {
      const found = read(name);
      if (found === undefined) throw new Refusal(`${of ?? "The body"} lacks ${name}.`);
      return found;
    };
  const optionalText = optional("a text", (found) => typeof found === "string");
  const optionalInteger = optional("a whole number", (found): found is number => Number.isSafeInteger(found));
  const optionalNumber = optional("a number", (found): found is number => Number.isFinite(found));
  return {
    hash,
    optionalText,
    text: needed(optionalText),
    optionalInteger,
    integer: (name, least = 0) => {
      const found = needed(optionalInteger)(name);
      if (found < least) throw new Refusal(`${placeOf(name)} is ${found}: accepted is ${least} or more.`);
      return found;
    },
    optionalNumber,
    truth: (name) => optional("true or false", (found) => typeof found === "boolean")(name) ?? false,
    value: at,
    within: (name) => reader(at(name) ?? {}, hash, name),
  };
};
