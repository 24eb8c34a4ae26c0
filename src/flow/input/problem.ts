import { DEFINITIONS, type PlainSchema } from "./plain-schema.ts";

/** What the validator says of a value: outer schemas come before the inner ones that failed. Places are JSON pointers. */
export interface Failure {
  readonly keyword: string;
  readonly keywordLocation: string;
  readonly instanceLocation: string;
  readonly error: string;
}

export interface ProblemContext {
  readonly root: PlainSchema;
  /** The pattern that a list of matching texts stands for. */
  readonly patternOf: (values: unknown) => string | undefined;
}

/** Keywords that fail because an inner schema does, which the next failure says. */
const OUTER = new Set(
  "properties patternProperties additionalProperties unevaluatedProperties items prefixItems unevaluatedItems contains $ref allOf if dependentSchemas".split(
    " ",
  ),
);

/** One line about the first failure: which part of the input, what was received, what would be accepted. */
export const problemOf = (failures: readonly Failure[], input: unknown, context: ProblemContext): string => {
  const [first, ...inner] = failures;
  if (first === undefined) return "input does not fit its schema";
  if (first.keyword === "anyOf" || first.keyword === "oneOf") return alternatives(first, inner, input, context);
  if (first.keyword === "propertyNames") {
    const name = stepsOf(inner[0]?.instanceLocation ?? "").at(-1);
    return `${pathOf(first.instanceLocation, input)} must not have "${name}": its schema says which names may be used`;
  }
  if (OUTER.has(first.keyword) && inner.length > 0)
    return inner[0]?.keyword === "false"
      ? forbidden(inner[0], input, namesBeside(first, context))
      : problemOf(inner, input, context);
  return first.keyword === "false" ? forbidden(first, input, []) : leaf(first, input, context);
};

/** The alternative that got furthest into the input tells most about what was meant. */
const alternatives = (
  { keyword, keywordLocation, instanceLocation, error }: Failure,
  inner: readonly Failure[],
  input: unknown,
  context: ProblemContext,
): string => {
  const path = pathOf(instanceLocation, input);
  const groups = new Map<string, Failure[]>();
  let group: Failure[] | undefined;
  for (const failure of inner) {
    const rest = failure.keywordLocation.startsWith(`${keywordLocation}/`)
      ? failure.keywordLocation.slice(keywordLocation.length + 1).split("/")[0]
      : undefined;
    // A schema `false` reports the place of the value alone: it belongs to the alternative before it.
    if (rest !== undefined) {
      group = groups.get(rest) ?? [];
      groups.set(rest, group);
    } else if (failure.keyword !== "false") break;
    group?.push(failure);
  }
  if (groups.size === 0)
    return keyword === "oneOf" ? `${path} fits more than one of its alternatives` : `${path}: ${error}`;
  const depthOf = (failures: readonly Failure[]): number =>
    Math.max(...failures.map((failure) => failure.instanceLocation.split("/").length));
  const best = [...groups.values()].reduce((a, b) => (depthOf(b) > depthOf(a) ? b : a));
  if (groups.size === 1) return problemOf(best, input, context);
  const types = simpleTypes([...groups.values()], instanceLocation, context);
  if (types !== undefined)
    return `${path} must be of type ${types.join(" or ")}, it is ${typeOf(valueAt(instanceLocation, input))}`;
  return `${path} fits none of its ${groups.size} alternatives; of the nearest one: ${problemOf(best, input, context)}`;
};

/** The types of alternatives of which each failed by its type alone. */
const simpleTypes = (
  groups: readonly (readonly Failure[])[],
  place: string,
  context: ProblemContext,
): readonly string[] | undefined => {
  const types = groups.map(([only, ...more]) =>
    only?.keyword === "type" && only.instanceLocation === place && more.length === 0
      ? [schemaAt(only.keywordLocation, context.root)].flat().map(String)
      : undefined,
  );
  return types.every((each) => each !== undefined) ? [...new Set(types.flat())] : undefined;
};

/** The names that a schema knows beside a keyword of it. */
const namesBeside = ({ keywordLocation }: Failure, { root }: ProblemContext): readonly string[] =>
  Object.keys(Object(schemaAt(`${keywordLocation.slice(0, keywordLocation.lastIndexOf("/"))}/properties`, root)));

/** Names that are listed where another one is not allowed. */
const MOST_NAMES = 24;

const forbidden = ({ instanceLocation }: Failure, input: unknown, known: readonly string[]): string => {
  const steps = stepsOf(instanceLocation);
  const name = steps.at(-1);
  if (name === undefined) return "input is not allowed to be anything";
  const holder = instanceLocation.split("/").slice(0, -1).join("/");
  const path = pathOf(holder, input);
  if (Array.isArray(valueAt(holder, input))) return `${path} must not have an item ${name}`;
  const accepted = known.length > 0 && known.length <= MOST_NAMES ? `: accepted are ${known.join(", ")}` : "";
  return `${path} must not have "${name}"${accepted}`;
};

const leaf = (failure: Failure, input: unknown, { root, patternOf }: ProblemContext): string => {
  const { keyword, instanceLocation, error } = failure;
  const path = pathOf(instanceLocation, input);
  const value = valueAt(instanceLocation, input);
  const limit = schemaAt(failure.keywordLocation, root);
  const size = Array.isArray(value) ? value.length : Object.keys(Object(value)).length;
  switch (keyword) {
    case "type":
      return `${path} must be of type ${[limit].flat().join(" or ")}, it is ${typeOf(value)}`;
    case "enum": {
      const pattern = patternOf(limit);
      if (pattern !== undefined) return `${path} must match /${pattern}/, it is ${shown(value)}`;
      return `${path} must be one of ${(Array.isArray(limit) ? limit : [limit]).map((each) => JSON.stringify(each)).join(", ")}, it is ${shown(value)}`;
    }
    case "const":
      return `${path} must be ${shown(limit)}, it is ${shown(value)}`;
    case "required": {
      const missing = (Array.isArray(limit) ? limit : []).find((name) => !Object.hasOwn(Object(value), String(name)));
      return `${path} lacks "${String(missing)}"`;
    }
    case "minimum":
      return `${path} must be at least ${limit}, it is ${value}`;
    case "maximum":
      return `${path} must be at most ${limit}, it is ${value}`;
    case "exclusiveMinimum":
      return `${path} must be more than ${limit}, it is ${value}`;
    case "exclusiveMaximum":
      return `${path} must be less than ${limit}, it is ${value}`;
    case "multipleOf":
      return `${path} must be a multiple of ${limit}, it is ${value}`;
    case "minLength":
      return `${path} must have at least ${limit} characters, it is ${shown(value)}`;
    case "maxLength":
      return `${path} must have at most ${limit} characters, it has ${Array.from(String(value)).length}`;
    case "minItems":
      return `${path} must have at least ${limit} items, it has ${size}`;
    case "maxItems":
      return `${path} must have at most ${limit} items, it has ${size}`;
    case "minProperties":
      return `${path} must have at least ${limit} members, it has ${size}`;
    case "maxProperties":
      return `${path} must have at most ${limit} members, it has ${size}`;
    case "not":
      return `${path} must not be what its schema excludes, it is ${shown(value)}`;
    default:
      return `${path}: ${error}`;
  }
};

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 80 ? `${text.slice(0, 80)}…` : text;
};

const typeOf = (value: unknown): string => (value === null ? "null" : Array.isArray(value) ? "array" : typeof value);

const stepsOf = (pointer: string): string[] =>
  pointer
    .split("/")
    .slice(1)
    .map((step) => step.replaceAll("~1", "/").replaceAll("~0", "~"));

const inner = (holder: unknown, step: string): unknown =>
  typeof holder === "object" && holder !== null && Object.hasOwn(holder, step)
    ? (holder as Readonly<Record<string, unknown>>)[step]
    : undefined;

const valueAt = (pointer: string, input: unknown): unknown => stepsOf(pointer).reduce(inner, input);

/** A place of the input as people write it: `sites[2].name`; the whole is `input`. */
const pathOf = (pointer: string, input: unknown): string => {
  let path = "";
  let holder = input;
  for (const step of stepsOf(pointer)) {
    path += Array.isArray(holder) ? `[${step}]` : path === "" ? step : `.${step}`;
    holder = inner(holder, step);
  }
  return path === "" ? "input" : path;
};

/** What a keyword says, where references are followed. */
const schemaAt = (pointer: string, root: PlainSchema): unknown =>
  stepsOf(pointer).reduce<unknown>((schema, step) => {
    const found = inner(schema, step);
    return step === "$ref" && typeof found === "string" ? inner(root.$defs, found.slice(DEFINITIONS.length)) : found;
  }, root);
