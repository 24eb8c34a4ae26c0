import type { StandardJSONSchemaV1, StandardSchemaV1 } from "@standard-schema/spec";
import type { JsonSchema } from "../../tool.ts";

/** Fits nothing: what stands for a value that JSON does not have, such as a `Date`. */
const NOTHING: JsonSchema = { not: {} };

/** Types of zod and valibot whose values JSON does not have. */
const NOT_JSON = new Set(
  "bigint blob date file function instance map nan never promise set symbol undefined void".split(" "),
);
/** Types that may be left out of an object. */
const LEFT_OUT = new Set("catch default exactoptional nullish optional prefault".split(" "));
const PLAIN = new Set(["string", "number", "boolean", "null"]);
const WHOLE = new Set(["int", "integer", "safe_integer", "safeint", "int32", "uint32"]);

const DEEPEST = 8;
const MOST_PARTS = 2000;

/** What a library keeps of a schema: zod 4 in `_zod.def`, zod 3 in `_def`, valibot in the schema itself. */
type Definition = Readonly<Record<string, unknown>>;

const definitionOf = (schema: unknown): Definition => {
  const holder = Object(schema) as { readonly _zod?: { readonly def?: unknown }; readonly _def?: unknown };
  return Object(holder._zod?.def ?? holder._def ?? holder) as Definition;
};

const typeOf = ({ typeName, type }: Definition): string =>
  typeof typeName === "string" ? typeName.slice("Zod".length).toLowerCase() : String(type).replaceAll("_", "");

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

const isNotJson = (definition: Definition): boolean => definition.coerce !== true && NOT_JSON.has(typeOf(definition));

/**
 * The JSON Schema of a Standard Schema, as its library converts it; of zod 3, zod/mini and valibot, which do not, as far as a
 * planner needs it: names, types, choices and descriptions. A value that JSON does not have becomes a schema that nothing
 * fits. Undefined for a library that is not known and does not convert.
 */
export const librarySchema = (schema: StandardSchemaV1): JsonSchema | undefined => {
  const { jsonSchema, vendor }: StandardSchemaV1.Props & Partial<StandardJSONSchemaV1.Props> = schema["~standard"];
  if (jsonSchema !== undefined)
    // Of zod and of arktype: how to write what JSON does not have, instead of throwing or allowing anything.
    return jsonSchema.input({
      target: "draft-2020-12",
      libraryOptions: { unrepresentable: "any", override: markInZod, fallback: { default: markInArktype } },
    });
  return vendor === "zod" || vendor === "valibot" ? readerOf()(schema, 0) : undefined;
};

const markInZod = ({ zodSchema, jsonSchema }: { readonly zodSchema: unknown; readonly jsonSchema: object }): void => {
  if (isNotJson(definitionOf(zodSchema))) Object.assign(jsonSchema, NOTHING);
};

const markInArktype = ({ code, base }: { readonly code: string; readonly base: object }): object =>
  ["date", "domain", "proto", "unit"].includes(code) ? NOTHING : base;

/** Reads one schema with all within it. A schema that contains itself is read to a depth, and allows anything below. */
const readerOf = (): ((schema: unknown, depth: number) => JsonSchema) => {
  let parts = 0;
  const read = (schema: unknown, depth: number): JsonSchema => {
    parts += 1;
    if (depth > DEEPEST || parts > MOST_PARTS) return {};
    const definition = definitionOf(schema);
    const description = descriptionOf(schema, definition);
    const said = bodyOf(definition, (inner) => read(inner, depth + 1));
    return description === undefined ? said : { ...said, description };
  };
  return read;
};

const descriptionOf = (schema: unknown, { description, pipe }: Definition): string | undefined => {
  const said = [description, Object(schema).description, ...list(pipe).map((step) => Object(step).description)];
  return said.find((each) => typeof each === "string");
};

const bodyOf = (definition: Definition, read: (schema: unknown) => JsonSchema): JsonSchema => {
  const type = typeOf(definition);
  if (isNotJson(definition)) return NOTHING;
  const inner = innerOf(definition);
  if (type === "nullable" || type === "nullish") return { anyOf: [read(inner), { type: "null" }] };
  if (inner !== undefined) return read(inner);
  if (type === "number" && isWhole(definition)) return { type: "integer" };
  if (PLAIN.has(type)) return { type };
  const members =
    typeof definition.shape === "function" ? definition.shape() : (definition.shape ?? definition.entries);
  if (type.endsWith("object")) return objectOf(Object(members) as Definition, read);
  const choices = choicesOf(type, definition);
  if (choices !== undefined) return { enum: choices.filter((choice) => typeof choice !== "bigint") };
  const options = definition.options ?? (definition.left && [definition.left, definition.right]);
  if (/union|variant/u.test(type)) return { anyOf: Array.from(options as Iterable<unknown>, read) };
  if (type.startsWith("inters")) return { allOf: list(options).map(read) };
  if (type === "array") return { type, items: read(definition.element ?? definition.item ?? definition.type) };
  if (type.endsWith("tuple")) return { type: "array", prefixItems: list(definition.items).map(read) };
  if (type === "record")
    return { type: "object", additionalProperties: read(definition.valueType ?? definition.value) };
  return {};
};

/** The schema that another one only wraps: what its input is. */
const innerOf = (definition: Definition): unknown => {
  const { innerType, wrapped, schema, getter, in: from, out } = definition;
  if (typeof getter === "function") return getter({});
  if (typeOf(definition) === "branded") return definition.type;
  return (
    innerType ?? wrapped ?? schema ?? (from !== undefined && typeOf(definitionOf(from)) === "transform" ? out : from)
  );
};

const isWhole = ({ format, checks, pipe }: Definition): boolean =>
  [{ format }, ...list(checks).map(definitionOf), ...list(pipe).map(definitionOf)].some((step: Definition) =>
    [step.format, step.kind, step.type].some((word) => WHOLE.has(String(word))),
  );

const objectOf = (members: Definition, read: (schema: unknown) => JsonSchema): JsonSchema => {
  const names = Object.keys(members);
  return {
    type: "object",
    properties: Object.fromEntries(names.map((name) => [name, read(members[name])])),
    required: names.filter((name) => !mayBeLeftOut(members[name])),
  };
};

const mayBeLeftOut = (schema: unknown, depth = 0): boolean => {
  const definition = definitionOf(schema);
  if (LEFT_OUT.has(typeOf(definition))) return true;
  const inner = depth < DEEPEST ? innerOf(definition) : undefined;
  return inner !== undefined && mayBeLeftOut(inner, depth + 1);
};

const choicesOf = (type: string, { values, value, entries, options, literal }: Definition): unknown[] | undefined => {
  if (type === "literal") return Array.isArray(values) ? values : [literal ?? value];
  if (!/enum|picklist/u.test(type)) return undefined;
  const named = values ?? entries ?? options;
  if (Array.isArray(named)) return named;
  // An enum of TypeScript holds its numbers under their names and its names under the numbers.
  const all = Object(named) as Definition;
  return Object.keys(all).flatMap((name) => (typeof all[String(all[name])] === "number" ? [] : [all[name]]));
};

/** An object of the JSON Schema's root without what JSON cannot give; `problem` names an argument that it requires. */
export const withoutNothing = (schema: JsonSchema): { readonly schema: JsonSchema; readonly problem?: string } => {
  const properties = Object(schema.properties) as Readonly<Record<string, unknown>>;
  const impossible = Object.keys(properties).filter((name) => fitsNothing(properties[name], 0));
  const problem = impossible.find((name) => list(schema.required).includes(name));
  if (problem !== undefined) return { schema, problem };
  if (impossible.length === 0) return { schema };
  const kept = Object.entries(properties).filter(([name]) => !impossible.includes(name));
  return { schema: { ...schema, properties: Object.fromEntries(kept) } };
};

const fitsNothing = (schema: unknown, depth: number): boolean => {
  if (schema === false) return true;
  if (typeof schema !== "object" || schema === null || depth > DEEPEST) return false;
  const { not, anyOf, allOf, items, additionalProperties, properties, required } = schema as JsonSchema;
  const within = (inner: unknown): boolean => fitsNothing(inner, depth + 1);
  return (
    not === true ||
    (typeof not === "object" && not !== null && Object.keys(not).length === 0) ||
    (list(anyOf).length > 0 && list(anyOf).every(within)) ||
    list(allOf).some(within) ||
    (items !== undefined && items !== false && within(items)) ||
    (additionalProperties !== undefined && additionalProperties !== false && within(additionalProperties)) ||
    list(required).some((name) => within((Object(properties) as Definition)[String(name)]))
  );
};
