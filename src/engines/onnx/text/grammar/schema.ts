import { ConfigError } from "../../../../errors.ts";
import { defined } from "../../../../options.ts";
import {
  call,
  character,
  choice,
  type Expression,
  type Rule,
  repeat,
  sequence,
  text,
} from "../../../../patterns/expression.ts";
import { parsePattern } from "../../../../patterns/pattern.ts";
import { type Bounds, integer, LARGEST_BOUND, number } from "./json-numbers.ts";
import { anyValue, list, literal, member, object, string, stringOf } from "./json-text.ts";

type Schema = Readonly<Record<string, unknown>>;

/** Keywords that restrict nothing, or (`format`) need not be checked. */
const ANNOTATIONS = new Set(
  "$schema $id id $anchor $comment $defs definitions title description default example examples format deprecated readOnly writeOnly contentEncoding contentMediaType".split(
    " ",
  ),
);
/** Keywords of each type; others have no effect on a value of the type, as in JSON Schema. */
const KEYWORDS: Readonly<Record<string, readonly string[]>> = {
  string: ["minLength", "maxLength", "pattern"],
  number: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  integer: ["minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"],
  array: ["items", "prefixItems", "minItems", "maxItems", "uniqueItems"],
  object: ["properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties"],
  boolean: [],
  null: [],
};
const TYPES = Object.keys(KEYWORDS);
const TYPED = new Set(Object.values(KEYWORDS).flat());
const WHOLE = ["$ref", "anyOf", "oneOf", "allOf", "const", "enum", "type", "nullable"];

const isSchema = (value: unknown): value is Schema =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const isOf = (type: unknown, value: unknown): boolean => {
  if (type === "integer") return Number.isInteger(value);
  if (value === null || Array.isArray(value)) return type === (value === null ? "null" : "array");
  return type === typeof value;
};

/** Whether a schema says by itself that its values are strings, as names of members are. */
const isOfStrings = (schema: unknown): boolean =>
  isSchema(schema) &&
  schema.nullable !== true &&
  (schema.type === "string" ||
    typeof schema.const === "string" ||
    (Array.isArray(schema.enum) && schema.enum.every((each) => typeof each === "string")) ||
    (Array.isArray(schema.anyOf) && schema.anyOf.every(isOfStrings)));

/**
 * The JSON texts of a schema, a subset of JSON Schema (2020-12 and draft 7). Every text fits the schema (`oneOf` is read
 * as `anyOf`), but not every fitting text is in the language: no white space but one space after `:` and `,`; members in the order of `properties`,
 * and no others than those; `const`, `enum`, names and strings with a `pattern` as `JSON.stringify` writes them; a
 * schema without a type is of the types that its keywords are for; all of `prefixItems` are written.
 * Throws ConfigError that names a keyword it cannot hold a text to, with its place.
 */
export const schemaRule = (root: Schema): Rule => {
  const refuse = (path: string, what: string): never => {
    throw new ConfigError(`The schema at ${path} ${what}`);
  };
  const count = (schema: Schema, key: string, path: string): number | undefined => {
    const value = schema[key];
    if (value === undefined || (Number.isInteger(value) && (value as number) >= 0)) return value as number | undefined;
    return refuse(`${path}/${key}`, `must be a whole number, received ${JSON.stringify(value)}.`);
  };

  const resolve = (reference: unknown, path: string): { schema: unknown; path: string } => {
    if (typeof reference !== "string" || !/^#(\/|$)/.test(reference))
      return refuse(
        path,
        `refers to ${JSON.stringify(reference)}. Accepted: a place in the same schema, such as "#/$defs/name".`,
      );
    const keyOf = (step: string): string => {
      try {
        return decodeURIComponent(step).replaceAll("~1", "/").replaceAll("~0", "~");
      } catch {
        return refuse(path, `refers to ${reference}, which is not a well-formed address.`);
      }
    };
    let schema: unknown = root;
    for (const key of reference.split("/").slice(1).map(keyOf)) {
      schema =
        (isSchema(schema) || Array.isArray(schema)) && Object.hasOwn(schema, key)
          ? (schema as Schema)[key]
          : refuse(path, `refers to ${reference}, which is not there.`);
    }
    return { schema, path: reference };
  };

  /** One rule a schema, so that schemas that refer to each other end. */
  const rules = new Map<unknown, Rule>();
  const ruleOf = (schema: unknown, path: string): Rule => {
    if (isSchema(schema) && schema.$ref !== undefined && schema.nullable !== true && !rules.has(schema)) {
      only(schema, ["$ref"], path);
      const target = resolve(schema.$ref, `${path}/$ref`);
      // A chain of references is followed; one that bites its tail is an empty rule.
      rules.set(schema, () => choice());
      rules.set(schema, ruleOf(target.schema, target.path));
    }
    const known = rules.get(schema);
    if (known) return known;
    const rule: Rule = () => expressionOf(schema, path);
    if (isSchema(schema)) rules.set(schema, rule);
    return rule;
  };
  const value = (schema: unknown, path: string): Expression => call(ruleOf(schema, path));

  /** Refuses keywords beside those that are handled. */
  const only = (schema: Schema, accepted: readonly string[], path: string): void => {
    for (const key of Object.keys(schema)) {
      if (schema[key] === undefined || accepted.includes(key) || ANNOTATIONS.has(key) || key.startsWith("x-")) continue;
      refuse(
        `${path}/${key}`,
        WHOLE.includes(key) || TYPED.has(key)
          ? `cannot be combined with ${accepted.filter((each) => schema[each] !== undefined).join(", ")}.`
          : `is a keyword that sampling cannot be held to. Accepted: ${[...WHOLE, ...TYPED].join(", ")}. Leave it out, and check the value afterwards.`,
      );
    }
  };

  const stringSchema = (schema: Schema, path: string): Expression => {
    const least = count(schema, "minLength", path);
    const most = count(schema, "maxLength", path);
    if (schema.pattern === undefined) return string(least, most);
    if (least !== undefined || most !== undefined)
      refuse(`${path}/pattern`, "cannot be combined with minLength or maxLength. Say the length in the pattern.");
    if (typeof schema.pattern !== "string")
      return refuse(`${path}/pattern`, `must be a string, received ${JSON.stringify(schema.pattern)}.`);
    // Unlike a grammar's, a schema's pattern may match anywhere.
    const rest = repeat(character([[0, 0x10ffff]]), 0);
    return stringOf(
      choice(
        ...parsePattern(schema.pattern).map(({ expression, begins, ends }) =>
          sequence(...(begins ? [] : [rest]), expression, ...(ends ? [] : [rest])),
        ),
      ),
    );
  };

  const numberSchema = (schema: Schema, path: string, whole: boolean): Expression => {
    const bound = (key: string, otherwise: number): number => {
      const value = schema[key] ?? otherwise;
      if (typeof value !== "number")
        return refuse(`${path}/${key}`, `must be a number, received ${JSON.stringify(value)}.`);
      if (whole || !Number.isFinite(value) || (Number.isInteger(value) && Math.abs(value) <= LARGEST_BOUND))
        return value;
      return refuse(`${path}/${key}`, `bounds numbers by ${value}. Accepted: whole numbers up to ±${LARGEST_BOUND}.`);
    };
    const [minimum, above] = [bound("minimum", Number.NEGATIVE_INFINITY), bound("exclusiveMinimum", Number.NEGATIVE_INFINITY)]; // biome-ignore format: a pair
    const [maximum, below] = [bound("maximum", Number.POSITIVE_INFINITY), bound("exclusiveMaximum", Number.POSITIVE_INFINITY)]; // biome-ignore format: a pair
    const bounds: Bounds = {
      least: Math.max(minimum, above),
      most: Math.min(maximum, below),
      aboveLeast: above >= minimum && above !== Number.NEGATIVE_INFINITY,
      belowMost: below <= maximum && below !== Number.POSITIVE_INFINITY,
    };
    return whole ? integer(bounds) : number(bounds);
  };

  const arraySchema = (schema: Schema, path: string): Expression => {
    if (schema.uniqueItems === true)
      refuse(`${path}/uniqueItems`, "cannot be held to in sampling. Leave it out, and check the value afterwards.");
    const least = count(schema, "minItems", path) ?? 0;
    const most = count(schema, "maxItems", path) ?? Number.POSITIVE_INFINITY;
    const given = schema.prefixItems ?? (Array.isArray(schema.items) ? schema.items : []);
    if (!Array.isArray(given)) return refuse(`${path}/prefixItems`, "must be a list of schemas.");
    const first = given.map((each, i) => value(each, `${path}/prefixItems/${i}`));
    const closed = schema.items === false || (first.length > 0 && !isSchema(schema.items) && schema.items !== true);
    if (least > most || most < first.length || (closed && least > first.length))
      refuse(path, `allows no array: minItems ${least}, maxItems ${most}, ${first.length} given items.`);
    return list(["[", "]"], value(schema.items ?? true, `${path}/items`), {
      first,
      least: Math.max(0, least - first.length),
      most: closed ? 0 : most - first.length,
    });
  };

  const objectSchema = (schema: Schema, path: string): Expression => {
    const { properties = {}, required = [], additionalProperties: others = true } = schema;
    if (!isSchema(properties)) return refuse(`${path}/properties`, "must be an object of schemas.");
    if (!Array.isArray(required)) return refuse(`${path}/required`, "must be a list of names.");
    const free = others === true || (isSchema(others) && Object.keys(others).length === 0);
    const names = [...new Set([...Object.keys(properties), ...(required as string[])])];
    if (schema.properties === undefined && names.length === 0 && others !== false) {
      const least = count(schema, "minProperties", path) ?? 0;
      if (least > 1) refuse(`${path}/minProperties`, "cannot be more than 1: a name could be written twice.");
      const most = count(schema, "maxProperties", path);
      const { propertyNames: naming = true } = schema;
      if (naming !== true && !isOfStrings(naming))
        refuse(`${path}/propertyNames`, 'must have the type "string", or const, enum or anyOf of strings.');
      const name = naming === true ? string() : expressionOf(naming, `${path}/propertyNames`);
      return list(["{", "}"], member(name, value(others, `${path}/additionalProperties`)), {
        least,
        ...defined({ most }),
      });
    }
    for (const key of ["propertyNames", "minProperties", "maxProperties"])
      if (schema[key] !== undefined) refuse(`${path}/${key}`, "cannot be combined with properties.");
    if (!free && others !== false)
      refuse(
        `${path}/additionalProperties`,
        "cannot be a schema beside properties. Set it to false, or name the properties.",
      );
    return object(
      names.map((name) => {
        const named = Object.hasOwn(properties, name);
        if (!named && others === false)
          refuse(`${path}/required`, `asks for ${JSON.stringify(name)}, which additionalProperties forbids.`);
        return {
          member: member(literal(name), value(named ? properties[name] : true, `${path}/properties/${name}`)),
          required: required.includes(name),
        };
      }),
    );
  };

  const typed = (schema: Schema, type: string, path: string): Expression => {
    switch (type) {
      case "string":
        return stringSchema(schema, path);
      case "number":
        return numberSchema(schema, path, false);
      case "integer":
        return numberSchema(schema, path, true);
      case "array":
        return arraySchema(schema, path);
      case "object":
        return objectSchema(schema, path);
      case "boolean":
        return choice(text("true"), text("false"));
      case "null":
        return text("null");
      default:
        return refuse(`${path}/type`, `is ${JSON.stringify(type)}. Accepted: ${TYPES.join(", ")}.`);
    }
  };

  const expressionOf = (schema: unknown, path: string): Expression => {
    if (schema === true) return anyValue();
    if (schema === false) return choice();
    if (!isSchema(schema)) return refuse(path, `must be an object or a boolean, received ${JSON.stringify(schema)}.`);
    if (schema.nullable === true) {
      const { nullable: _, ...rest } = schema;
      return choice(expressionOf(rest, path), text("null"));
    }
    if (schema.$ref !== undefined) return value(schema, path);
    for (const key of ["anyOf", "oneOf", "allOf"]) {
      const options = schema[key];
      if (options === undefined) continue;
      only(schema, [key, "nullable"], path);
      if (!Array.isArray(options) || options.length === 0)
        return refuse(`${path}/${key}`, "must be a list of schemas.");
      if (key === "allOf" && options.length > 1)
        refuse(`${path}/allOf`, "has several schemas. Accepted: one; write them as one.");
      return choice(...options.map((option, i) => expressionOf(option, `${path}/${key}/${i}`)));
    }
    const said = schema.type === undefined || Array.isArray(schema.type) ? schema.type : [schema.type];
    if (schema.enum !== undefined || schema.const !== undefined) {
      only(schema, [schema.enum === undefined ? "const" : "enum", "type", "nullable"], path);
      const values = schema.enum ?? [schema.const];
      if (!Array.isArray(values)) return refuse(`${path}/enum`, "must be a list of values.");
      return choice(...values.filter((each) => said?.some((type) => isOf(type, each)) ?? true).map(literal));
    }
    only(schema, ["type", "nullable", ...TYPED], path);
    const types = said ?? TYPES.filter((type) => KEYWORDS[type]?.some((key) => schema[key] !== undefined));
    if (said === undefined && types.length === 0) return anyValue();
    return choice(...types.map((type) => typed(schema, type, path)));
  };

  return ruleOf(root, "#");
};
