import { ConfigError, messageOf } from "../../errors.ts";
import type { JsonSchema } from "../../tool.ts";
import { type PlainNode, type PlainSchema, refuseEndless } from "./plain-schema.ts";

const TYPES = ["string", "number", "integer", "boolean", "null", "array", "object"];

const DEEPEST = 64;
const MOST_PARTS = 10_000;

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isNumber = (value: unknown): value is number => typeof value === "number" && Number.isFinite(value);
const isList = (value: unknown): value is readonly unknown[] => Array.isArray(value) && value.length > 0;

/** What the value of a keyword may be, in words and as a test. */
const FORMS = {
  type: [
    `are ${TYPES.join(", ")}, or a list of them`,
    (value: unknown) => {
      const types: readonly unknown[] = Array.isArray(value) ? value : [value];
      return types.length > 0 && types.every((type) => TYPES.some((known) => known === type));
    },
  ],
  truth: ["is true or false", (value: unknown) => typeof value === "boolean"],
  number: ["is a number", isNumber],
  positive: ["is a number above 0", (value: unknown) => isNumber(value) && value > 0],
  count: ["is a whole number from 0 up", (value: unknown) => isNumber(value) && Number.isInteger(value) && value >= 0],
  pattern: ["is a regular expression", (value: unknown) => typeof value === "string"],
  values: ["is a list of values that is not empty", isList],
  schemas: ["is a list of schemas that is not empty", isList],
  names: [
    "is a list of names",
    (value: unknown) => Array.isArray(value) && value.every((name) => typeof name === "string"),
  ],
  map: ["is an object", isRecord],
  mapByPattern: ["is an object", isRecord],
  mapOfNames: ["is an object", isRecord],
} as const;

type ValueKind = keyof typeof FORMS | "any" | "reference" | "schema";
type Kind = ValueKind | "dependencies" | "unsupported";

/** The keywords that are read, by what their value is. What is not here is an annotation. */
const KINDS: Readonly<Record<string, Kind>> = Object.fromEntries(
  Object.entries({
    any: "const",
    reference: "$ref",
    type: "type",
    truth: "uniqueItems",
    number: "minimum maximum exclusiveMinimum exclusiveMaximum",
    positive: "multipleOf",
    count: "minLength maxLength minItems maxItems minProperties maxProperties minContains maxContains",
    pattern: "pattern",
    values: "enum",
    names: "required",
    schema: "items contains additionalProperties propertyNames not if then else unevaluatedItems unevaluatedProperties",
    schemas: "allOf anyOf oneOf prefixItems",
    map: "properties dependentSchemas",
    mapByPattern: "patternProperties",
    mapOfNames: "dependentRequired",
    dependencies: "dependencies",
    unsupported: "$dynamicRef $recursiveRef",
  } satisfies Record<Kind, string>).flatMap(([kind, names]) => names.split(" ").map((name) => [name, kind as Kind])),
);

/** A refusal of what stands at a place of the schema, such as `#/properties/sku/pattern`. */
type Refuse = (place: string, what: string) => ConfigError;

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

/**
 * Reads a JSON Schema (draft 2020-12; of draft 7 lists as `items`, and `dependencies`; `nullable`) as a copy that holds
 * what restricts a value, with every `$ref` pointing into `$defs`. `format` is an annotation, as the draft has it.
 * Throws `ConfigError` for a schema that cannot be read; `of` names its owner, such as `The tool "stock"`.
 */
export const readSchema = (raw: JsonSchema, of: string): PlainSchema => {
  const refuse: Refuse = (place, what) =>
    new ConfigError(`${of} has an inputSchema that cannot be read: ${place} ${what}.`);
  const types = raw.type === undefined ? ["object"] : Array.isArray(raw.type) ? raw.type : [raw.type];
  const reader = new SchemaReader(raw, refuse);
  const root = reader.copy(raw, "#", 0);
  if (!types.includes("object"))
    throw refuse("#/type", `is ${shown(raw.type)}, but an input is an object: accepted is "object"`);
  const plain: PlainSchema = { ...(typeof root === "object" ? root : {}), $defs: reader.definitions };
  refuseEndless(plain, (what) => refuse("#", what));
  return plain;
};

class SchemaReader {
  /** What references point to, by the names that the copy has for it. */
  readonly definitions: Record<string, PlainNode> = {};
  readonly #names = new Map<unknown, string>();
  readonly #raw: JsonSchema;
  readonly #refuse: Refuse;
  #parts = 0;

  constructor(raw: JsonSchema, refuse: Refuse) {
    this.#raw = raw;
    this.#refuse = refuse;
  }

  copy(raw: unknown, place: string, depth: number): PlainNode {
    this.#parts += 1;
    if (typeof raw === "boolean") return raw;
    if (!isRecord(raw))
      throw this.#refuse(place, `is ${shown(raw)}: accepted is a schema, which is an object, true or false`);
    if (depth > DEEPEST) throw this.#refuse(place, `is nested deeper than ${DEEPEST} levels`);
    if (this.#parts > MOST_PARTS) throw this.#refuse(place, `is one of more than ${MOST_PARTS} schemas`);
    const out: Record<string, unknown> = {};
    for (const [key, value] of Object.entries(raw))
      if (value !== undefined) this.#keyword(out, key, value, `${place}/${key}`, depth);
    if (raw.nullable === true && out.type !== undefined)
      out.type = [...new Set([...(Array.isArray(out.type) ? out.type : [out.type]), "null"])];
    // Lists as `items` are draft 7's name for `prefixItems`, with `additionalItems` for what comes after them.
    if (Array.isArray(raw.items)) {
      out.prefixItems = this.#value("schemas", raw.items, `${place}/items`, depth);
      if (raw.additionalItems !== undefined)
        out.items = this.copy(raw.additionalItems, `${place}/additionalItems`, depth + 1);
    }
    return out;
  }

  #keyword(out: Record<string, unknown>, key: string, value: unknown, place: string, depth: number): void {
    const kind = Object.hasOwn(KINDS, key) && !(key === "items" && Array.isArray(value)) ? KINDS[key] : undefined;
    if (kind === "unsupported") throw this.#refuse(place, "is not supported: accepted is $ref");
    if (kind === "dependencies") this.#dependencies(out, value, place, depth);
    else if (kind !== undefined) out[key] = this.#value(kind, value, place, depth);
  }

  /** What a keyword of a kind says, checked; schemas inside are copied. */
  #value(kind: ValueKind, value: unknown, place: string, depth: number): unknown {
    if (kind === "any") return value;
    if (kind === "reference") return this.#reference(value, place);
    if (kind === "schema") return this.copy(value, place, depth + 1);
    const [accepted, fits] = FORMS[kind];
    if (!fits(value)) throw this.#refuse(place, `is ${shown(value)}: accepted ${accepted}`);
    if (kind === "pattern") this.#pattern(String(value), place);
    if (kind === "schemas") return this.#list(value as readonly unknown[], place, depth);
    if (kind !== "map" && kind !== "mapByPattern" && kind !== "mapOfNames") return value;
    const entries = Object.entries(value as object).filter(([, inner]) => inner !== undefined);
    if (kind === "mapByPattern") for (const [name] of entries) this.#pattern(name, place);
    const inner = kind === "mapOfNames" ? "names" : "schema";
    return Object.fromEntries(entries.map(([name, one]) => [name, this.#value(inner, one, `${place}/${name}`, depth)]));
  }

  #list(values: readonly unknown[], place: string, depth: number): PlainNode[] {
    return values.map((each, i) => this.copy(each, `${place}/${i}`, depth + 1));
  }

  #pattern(value: string, place: string): void {
    try {
      new RegExp(value, "u");
    } catch (cause) {
      throw this.#refuse(place, `is no regular expression (${messageOf(cause).slice(0, 200)})`);
    }
  }

  #dependencies(out: Record<string, unknown>, value: unknown, place: string, depth: number): void {
    const entries = Object.entries(isRecord(value) ? value : (this.#value("map", value, place, depth) as object));
    const lists = entries.filter(([, needed]) => Array.isArray(needed));
    const schemas = entries.filter(([, needed]) => !Array.isArray(needed));
    if (lists.length > 0) this.#keyword(out, "dependentRequired", Object.fromEntries(lists), place, depth);
    if (schemas.length > 0) this.#keyword(out, "dependentSchemas", Object.fromEntries(schemas), place, depth);
  }

  /** The target is copied into `$defs` once, under a name that it has before its own references are read. */
  #reference(value: unknown, place: string): string {
    const target = this.#target(value, place);
    const known = this.#names.get(target);
    if (known !== undefined) return `#/$defs/${known}`;
    const name = `r${this.#names.size}`;
    this.#names.set(target, name);
    this.definitions[name] = this.copy(target, String(value), 0);
    return `#/$defs/${name}`;
  }

  #target(value: unknown, place: string): unknown {
    if (typeof value !== "string" || !value.startsWith("#"))
      throw this.#refuse(place, `is ${shown(value)}: accepted is a place in the same schema, such as "#/$defs/name"`);
    if (value !== "#" && !value.startsWith("#/")) {
      const named = anchored(this.#raw, value.slice(1), 0);
      if (named === undefined) throw this.#refuse(place, `refers to ${shown(value)}, which is not there`);
      return named;
    }
    let found: unknown = this.#raw;
    for (const step of value.split("/").slice(1)) {
      const name = decoded(step).replaceAll("~1", "/").replaceAll("~0", "~");
      if (!(isRecord(found) || Array.isArray(found)) || !Object.hasOwn(found, name))
        throw this.#refuse(place, `refers to ${shown(value)}, which is not there`);
      found = Object.entries(found).find(([key]) => key === name)?.[1];
    }
    return found;
  }
}

const decoded = (step: string): string => {
  try {
    return decodeURIComponent(step);
  } catch {
    // Not percent-encoded after all: the name as it is written.
    return step;
  }
};

const anchored = (schema: unknown, name: string, depth: number): unknown => {
  if (typeof schema !== "object" || schema === null || depth > DEEPEST) return undefined;
  if (isRecord(schema) && schema.$anchor === name) return schema;
  for (const inner of Object.values(schema)) {
    const found = anchored(inner, name, depth + 1);
    if (found !== undefined) return found;
  }
  return undefined;
};
