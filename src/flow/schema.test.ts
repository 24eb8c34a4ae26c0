import { type Schema, Validator } from "@cfworker/json-schema";
import { jsonSchema } from "ai";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { ConfigError } from "../errors.ts";
import type { AnyTool, JsonSchema } from "../tool.ts";
import { createFlow } from "./flow.ts";
import { jsonSchemaOf, parseInput } from "./schema.ts";

const problemOf = async (schema: AnyTool["inputSchema"], input: unknown): Promise<string | undefined> => {
  const parsed = await parseInput(schema, input);
  return "problem" in parsed ? parsed.problem : undefined;
};
const object = (properties: object, more: object = {}): JsonSchema => ({ type: "object", properties, ...more });
const flowWith = (inputSchema: JsonSchema) =>
  createFlow({
    planner: () => ({ step: { tool: "look", subGoal: "", raw: "" } }),
    tools: { look: { description: "Looks.", inputSchema, execute: () => "" } },
  });

describe("an input is checked by JSON Schema", () => {
  const site = { type: "object", properties: { name: { type: "string", maxLength: 3 } }, required: ["name"] };
  const tree = {
    $defs: { node: object({ below: { type: "array", items: { $ref: "#/$defs/node" } } }) },
    $ref: "#/$defs/node",
  };

  test.each<[JsonSchema, unknown, string | undefined]>([
    [object({ n: { minimum: 3 } }), { n: 2 }, "n must be at least 3, it is 2"],
    [object({ n: { exclusiveMaximum: 3 } }), { n: 3 }, "n must be less than 3, it is 3"],
    [object({ n: { multipleOf: 0.1 } }), { n: 0.3 }, undefined],
    [object({ s: { type: "string", pattern: "^[A-Z]-\\d+$" } }), { s: "A-17" }, undefined],
    [
      object({ s: { type: "string", pattern: "^[A-Z]-\\d+$" } }),
      { s: "a-17" },
      's must match /^[A-Z]-\\d+$/, it is "a-17"',
    ],
    [object({ s: { pattern: "(?=x)x" } }), { s: "axb" }, undefined],
    [object({ s: { pattern: "b" } }), { s: 5 }, undefined],
    [object({ s: { const: "a" } }), { s: "b" }, 's must be "a", it is "b"'],
    [object({ s: { enum: ["a", "b"] } }), { s: "c" }, 's must be one of "a", "b", it is "c"'],
    [
      object({ at: { type: "array", items: site } }),
      { at: [{ name: "a" }, { name: "long" }] },
      "at[1].name must have at most 3 characters, it has 4",
    ],
    [object({ at: { type: "array", items: site } }), { at: [{ name: "a" }, {}] }, 'at[1] lacks "name"'],
    [
      object({ at: { anyOf: [{ type: "string" }, { type: "number" }] } }),
      { at: true },
      "at must be of type string or number, it is boolean",
    ],
    [
      object({ at: { anyOf: [{ type: "string" }, site] } }),
      { at: { name: "long" } },
      "at fits none of its 2 alternatives; of the nearest one: at.name must have at most 3 characters, it has 4",
    ],
    [
      object({ at: { oneOf: [{ minimum: 1 }, { maximum: 5 }] } }),
      { at: 3 },
      "at fits more than one of its alternatives",
    ],
    [tree, { below: [{ below: [] }, { below: 5 }] }, "below[1].below must be of type array, it is number"],
    [object({}, { additionalProperties: false }), { more: 1 }, 'input must not have "more"'],
    [
      object({}, { patternProperties: { "^x-": { type: "number" } }, additionalProperties: false }),
      { "x-a": 1 },
      undefined,
    ],
    [
      object({}, { patternProperties: { "^x-": { type: "number" } }, additionalProperties: false }),
      { "x-a": "1" },
      "x-a must be of type number, it is string",
    ],
    [
      object({}, { patternProperties: { "^x-": { type: "number" } }, additionalProperties: false }),
      { y: 1 },
      'input must not have "y"',
    ],
    [
      object({}, { propertyNames: { pattern: "^a" } }),
      { b: 1 },
      'input must not have "b": its schema says which names may be used',
    ],
    [object({ s: { type: "string", nullable: true } }), { s: null }, undefined],
    [
      object({ a: {}, b: {} }, { additionalProperties: false }),
      { a: 1, c: 2 },
      'input must not have "c": accepted are a, b',
    ],
    [
      object({ at: { items: [{ type: "string" }], additionalItems: false } }),
      { at: ["a", 1] },
      "at must not have an item 1",
    ],
    [object({}, { dependencies: { a: ["b"] } }), { a: 1 }, 'input: Instance has "a" but does not have "b".'],
    [object({}), { n: Number.NaN }, "input holds NaN, which JSON does not have"],
  ])("%j: %j", async (schema, input, problem) => {
    expect(await problemOf(schema, input)).toBe(problem);
  });

  test("a value is bounded before its schema is asked", async () => {
    let deep: unknown = 1;
    for (let i = 0; i < 40; i += 1) deep = { a: deep };
    expect(await problemOf({ type: "object" }, deep)).toMatch(/nested deeper than 32 levels/);
    expect(await problemOf({ type: "object" }, { a: Array(20_000).fill(1) })).toMatch(/more than 10000 values/);
    expect(await problemOf(z.object({ a: z.unknown() }), { a: "x".repeat(1_000_001) })).toMatch(
      /more than 1000000 characters/,
    );
  });

  test.each(["^(a+)+$", "^(a|a)*$", "(.*)*x", "(((a{1,20}){1,20}){1,20})b"])(
    // By trying one way after another, none of these would come to an end.
    "the pattern %s comes to an end",
    async (pattern) => {
      const schema = object({ s: { type: "string", pattern }, t: { patternProperties: { [pattern]: true } } });
      const text = `${"a".repeat(2000)}!`;
      expect(await problemOf(schema, { s: text, t: { [text]: 1 } })).toMatch(/^s must match/);
    },
  );

  test("schemas of the AI SDK are JSON Schemas with or without a check of their own", async () => {
    const plain = jsonSchema<{ s: string }>({ type: "object", properties: { s: { type: "string" } }, required: ["s"] });
    const of: JsonSchema = { ...plain };
    expect(jsonSchemaOf(of)).toMatchObject({ required: ["s"] });
    expect(await problemOf(of, {})).toBe('input lacks "s"');
    const own = {
      jsonSchema: { type: "object" },
      validate: async (value: unknown) => ({ success: true, value: [value] }),
    };
    expect(await parseInput(own, { a: 1 })).toEqual({ value: [{ a: 1 }] });
  });
});

describe("a schema that cannot be read is refused at createFlow", () => {
  test.each<[JsonSchema, string]>([
    [object({ s: { type: "text" } }), '#/properties/s/type is "text": accepted are string, number'],
    [object({ s: { pattern: "(" } }), "#/properties/s/pattern is no regular expression"],
    [object({ s: { $ref: "#/$defs/a" } }), '#/properties/s/$ref refers to "#/$defs/a", which is not there'],
    [object({ s: { $ref: "https://example.org/a" } }), "accepted is a place in the same schema"],
    [object({ s: "string" }), '#/properties/s is "string": accepted is a schema'],
    [object({ s: { anyOf: [] } }), "#/properties/s/anyOf is []"],
    [object({ s: { minimum: "3" } }), '#/properties/s/minimum is "3": accepted is a number'],
    [object({ s: { maxLength: -1 } }), "accepted is a whole number"],
    [object({}, { required: "s" }), '#/required is "s": accepted is a list of names'],
    [{ type: "string" }, '#/type is "string", but an input is an object'],
    [{ $ref: "#" }, "refers to itself"],
    [
      { $defs: { a: { allOf: [{ $ref: "#/$defs/b" }] }, b: { not: { $ref: "#/$defs/a" } } }, $ref: "#/$defs/a" },
      "refers to itself",
    ],
  ])("%j", (schema, message) => {
    const refused = (): unknown => flowWith(schema);
    expect(refused).toThrow(ConfigError);
    expect(refused).toThrow('The tool "look" has an inputSchema that cannot be read: ');
    expect(refused).toThrow(message);
  });

  test("alternatives of alternatives are counted", () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 20 }, (_, i) => [
        `d${i}`,
        i === 19 ? {} : { anyOf: [{ $ref: `#/$defs/d${i + 1}` }, { $ref: `#/$defs/d${i + 1}` }] },
      ]),
    );
    expect(() => flowWith({ $defs, $ref: "#/$defs/d0" })).toThrow("asks more than 10000 schemas");
  });

  test("frozen schemas are read, and stay as they are", async () => {
    const schema = Object.freeze(
      object(Object.freeze({ s: Object.freeze({ $ref: "#/$defs/a" }) }), {
        $defs: Object.freeze({ a: Object.freeze({ type: "string" }) }),
      }),
    );
    const before = JSON.stringify(schema);
    expect(await problemOf(schema, { s: 1 })).toBe("s must be of type string, it is number");
    expect(JSON.stringify(schema)).toBe(before);
  });
});

describe("the verdict is the validator's", () => {
  const scalar = fc.oneof(
    fc.constantFrom("", "a", "ab", "b1", "🙂"),
    fc.integer({ min: -3, max: 5 }),
    fc.constantFrom(0.5, true, false, null),
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      scalar,
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom("a", "b", "ab", "c"), tie("value"), { maxKeys: 4 }),
    ),
  }));
  const pattern = fc.constantFrom("a", "^a", "b$", "^[ab]+$", "\\d", "^(?:a|b1)$", "(?=a)a", "^.{2}$");
  const count = fc.integer({ min: 0, max: 3 });
  const optional = { requiredKeys: [] };
  const { schema } = fc.letrec<{ schema: object | boolean }>((tie) => {
    const inner = tie("schema");
    const some = fc.array(inner, { minLength: 1, maxLength: 3 });
    const named = fc.dictionary(fc.constantFrom("a", "b", "c"), inner, { maxKeys: 3 });
    return {
      schema: fc.oneof(
        { maxDepth: 4 },
        fc.record({ type: fc.constantFrom("string", "number", "integer", "boolean", "null", "array", "object") }),
        fc.record({ type: fc.uniqueArray(fc.constantFrom("string", "integer", "null", "object"), { minLength: 1 }) }),
        fc.record({ minimum: count, exclusiveMaximum: count, multipleOf: fc.constantFrom(1, 0.5) }, optional),
        fc.record({ minLength: count, maxLength: count, pattern }, optional),
        fc.record({ enum: fc.array(value, { minLength: 1, maxLength: 3 }) }),
        fc.record({ const: value }),
        fc.boolean(),
        fc.constantFrom({ $ref: "#/$defs/one" }, { $ref: "#/$defs/two" }),
        fc.record({ anyOf: some }),
        fc.record({ allOf: some }),
        fc.record({ oneOf: some }),
        fc.record({ not: inner }),
        // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema
        fc.record({ if: inner, then: inner, else: inner }, optional),
        fc.record(
          {
            items: inner,
            prefixItems: some,
            minItems: count,
            maxItems: count,
            uniqueItems: fc.boolean(),
            contains: inner,
          },
          optional,
        ),
        fc.record(
          {
            properties: named,
            patternProperties: fc.dictionary(pattern, inner, { minKeys: 1, maxKeys: 2 }),
            additionalProperties: inner,
            propertyNames: inner,
            required: fc.subarray(["a", "b"]),
            minProperties: count,
            maxProperties: count,
            dependentRequired: fc.constant({ a: ["b"] }),
          },
          optional,
        ),
      ),
    };
  });
  const leaf = fc.constantFrom(
    { type: "string" },
    { minimum: 2 },
    { properties: { a: { $ref: "#/$defs/one" } } },
    { pattern: "^a" },
  );

  test("on schemas that ask for scalars alone, which are mostly not shown to it", async () => {
    const type = fc.constantFrom({ type: "string" }, { type: "number" }, { type: "boolean" });
    const properties = fc.dictionary(fc.constantFrom("a", "b", "c"), type);
    const members = fc.dictionary(fc.constantFrom("a", "b", "c"), value, { maxKeys: 3 });
    const required = fc.subarray(["a", "b", "c"]);
    await fc.assert(
      fc.asyncProperty(
        properties,
        required,
        fc.constantFrom({}, { additionalProperties: false }),
        members,
        async (...parts) => {
          const [named, needed, more, input] = parts;
          const whole = { type: "object", properties: named, required: needed, ...more };
          const { valid } = new Validator(structuredClone(whole) as Schema, "2020-12").validate(input);
          expect((await problemOf(whole, input)) === undefined).toBe(valid);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test("on generated schemas and values", async () => {
    let refused = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.dictionary(fc.constantFrom("a", "b", "ab", "c"), value),
        schema,
        leaf,
        leaf,
        async (input, part, one, two) => {
          const whole = { type: "object", allOf: [part], $defs: { one, two } };
          const { valid } = new Validator(structuredClone(whole) as Schema, "2020-12").validate(input);
          const problem = await problemOf(whole, input);
          expect(problem === undefined, `${JSON.stringify(whole)} ${JSON.stringify(input)}: ${problem}`).toBe(valid);
          if (!valid) refused += 1;
        },
      ),
      { numRuns: 1500 },
    );
    expect(refused).toBeGreaterThan(200);
  });
});
