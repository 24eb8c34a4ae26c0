import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { acceptsText, choices, draw, json } from "../../../../../test/fixtures/grammars.ts";
import { ConfigError } from "../../../../errors.ts";

interface Tree {
  readonly label: string;
  readonly children: readonly Tree[];
}
const tree: z.ZodType<Tree> = z.object({ label: z.string().max(4), children: z.array(z.lazy(() => tree)).max(2) });

const schemas: Readonly<Record<string, z.ZodType>> = {
  call: z.strictObject({
    tool: z.enum(["web_search", "calculate"]),
    query: z.string().min(1).max(12),
    pages: z.int().min(1).max(20).optional(),
    exact: z.boolean().optional(),
  }),
  optional: z.strictObject({ a: z.null().optional(), b: z.literal([1, "é"]).optional(), "c d": z.int().optional() }),
  numbers: z.array(z.number()).min(1).max(3),
  bounded: z.strictObject({ share: z.number().min(0).max(1), rate: z.number().gt(-20).lt(3), age: z.int().positive() }),
  tree,
  tuple: z.tuple([z.string().max(2), z.number().nullable(), z.boolean()]),
  record: z.record(z.enum(["x", "y"]).or(z.string().regex(/^k\d$/)), z.array(z.boolean()).max(2)),
  either: z.discriminatedUnion("type", [
    z.strictObject({ type: z.literal("answer"), text: z.string().max(5) }),
    z.strictObject({ type: z.literal("ask"), about: z.array(z.string().max(3)).min(2).max(2) }),
  ]),
  formats: z.tuple([z.uuid(), z.iso.date(), z.iso.time().nullable()]),
  any: z.json(),
};

describe("JSON of a schema", () => {
  for (const [name, schema] of Object.entries(schemas)) {
    it(`${name}: whatever is drawn fits`, () => {
      const grammar = json(z.toJSONSchema(schema), { maxDepth: 6 });
      fc.assert(
        fc.property(choices, (picks) => {
          const text = draw(grammar, picks);
          const parsed = schema.safeParse(JSON.parse(text));
          expect(parsed.error?.message, text).toBeUndefined();
        }),
        { numRuns: 30 },
      );
    });
  }

  const text = fc.string({ unit: "grapheme", maxLength: 8 });
  const values: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
    call: fc.record(
      {
        tool: fc.constantFrom("web_search", "calculate"),
        query: fc.constantFrom("é", 'a "b"', "\\\n\u0001", "😀😀"),
        pages: fc.integer({ min: 1, max: 20 }),
        exact: fc.boolean(),
      },
      { requiredKeys: ["tool", "query"] },
    ),
    numbers: fc.array(fc.double({ noNaN: true, min: -1e279, max: 1e279 }), { minLength: 1, maxLength: 3 }),
    tree: fc.constant({ label: "a", children: [{ label: "", children: [{ label: "é😀", children: [] }] }] }),
    any: fc.jsonValue({ maxDepth: 3 }).filter((value) => !/\d{22}|e\+(28|29|3)/.test(JSON.stringify(value))),
    record: fc.dictionary(fc.constantFrom("x", "y", "k0", "k9"), fc.array(fc.boolean(), { maxLength: 2 })),
    tuple: fc.tuple(fc.constantFrom("", "a", "é😀"), fc.option(fc.integer()), fc.boolean()),
  };
  for (const [name, value] of Object.entries(values)) {
    it(`${name}: what fits is accepted token by token, compact or spaced`, () => {
      const grammar = json(z.toJSONSchema(schemas[name] ?? z.never()));
      fc.assert(
        fc.property(value, (each) => {
          // In the order of the schema.
          const ordered = JSON.stringify(schemas[name]?.parse(each));
          expect(acceptsText(grammar, ordered), ordered).toBe(true);
        }),
      );
    });
  }

  it("accepts one space after a colon and a comma, and no other white space", () => {
    const grammar = json({});
    for (const good of ['{"a":1,"b":[1,2]}', '{"a": 1, "b": [1, 2]}']) expect(acceptsText(grammar, good)).toBe(true);
    for (const bad of ['{"a":  1}', '{ "a":1}', '{"a" :1}', "[1,\n2]", " 1", "1 "])
      expect(acceptsText(grammar, bad), bad).toBe(false);
  });

  it("accepts any string, escaped in any way, and no half of a surrogate pair", () => {
    const grammar = json({ type: "string" });
    fc.assert(
      fc.property(text, (each) => {
        expect(acceptsText(grammar, JSON.stringify(each))).toBe(true);
      }),
    );
    for (const good of ['"\\u00e9\\/"', '"\\ud83d\\ude00"', '"\\uD83D\\uDE00\\ue000"'])
      expect(acceptsText(grammar, good)).toBe(true);
    for (const bad of ['"\\ud83d"', '"\\ude00"', '"\\ud83dx"', '"\n"', '"\\x"', '"\\u12"', "'a'"])
      expect(acceptsText(grammar, bad), bad).toBe(false);
  });

  it("counts characters of a string, not bytes or escapes", () => {
    const grammar = json({ type: "string", minLength: 2, maxLength: 3 });
    for (const good of ['"é😀"', '"\\ud83d\\ude00a"', '"\\n\\u00e9x"'])
      expect(acceptsText(grammar, good), good).toBe(true);
    for (const bad of ['"é"', '"\\ud83d\\ude00"', '"abcd"', '""']) expect(acceptsText(grammar, bad), bad).toBe(false);
  });

  it("holds integers to their bounds", () => {
    const bound = fc.integer({ min: -2000, max: 2000 });
    fc.assert(
      fc.property(
        bound,
        bound,
        fc.boolean(),
        fc.array(bound, { minLength: 20, maxLength: 20 }),
        (a, b, open, numbers) => {
          const [low, high] = [Math.min(a, b), Math.max(a, b) + 2];
          const grammar = json({
            type: "integer",
            [open ? "exclusiveMinimum" : "minimum"]: low,
            [open ? "exclusiveMaximum" : "maximum"]: high,
          });
          const inside = (n: number): boolean => (open ? n > low && n < high : n >= low && n <= high);
          for (const n of [...numbers, low - 1, low, low + 1, high - 1, high, high + 1])
            expect(acceptsText(grammar, String(n)), `${n} in ${low}…${high}`).toBe(inside(n));
          for (const wrong of ["", "-", `0${Math.abs(high)}`, `${high - 1}.0`])
            expect(acceptsText(grammar, wrong)).toBe(false);
        },
      ),
      { numRuns: 40 },
    );
  });

  it("holds numbers to whole bounds", () => {
    const bound = fc.integer({ min: -30, max: 30 });
    const decimal = fc
      .tuple(bound, fc.constantFrom("", ".0", ".5", ".001", ".999", ".000"))
      .map(([whole, part]) => `${whole}${part}`);
    fc.assert(
      fc.property(
        bound,
        bound,
        fc.boolean(),
        fc.array(decimal, { minLength: 30, maxLength: 30 }),
        (a, b, open, numbers) => {
          const [low, high] = [Math.min(a, b), Math.max(a, b) + 1];
          const grammar = json({
            type: "number",
            [open ? "exclusiveMinimum" : "minimum"]: low,
            [open ? "exclusiveMaximum" : "maximum"]: high,
          });
          for (const n of [...numbers, `${low}`, `${high}`, `${low}.01`, `${high}.00`, "-0.5", "0.25"]) {
            const value = Number(n);
            expect(acceptsText(grammar, n), `${n} in ${low}…${high}`).toBe(
              open ? value > low && value < high : value >= low && value <= high,
            );
          }
        },
      ),
      { numRuns: 40 },
    );
  });

  it("lets a value lie in so many others and no more", () => {
    const grammar = json({}, { maxDepth: 2 });
    expect(acceptsText(grammar, '[{"a":1}]')).toBe(true);
    expect(acceptsText(grammar, "[[[]]]")).toBe(true);
    expect(acceptsText(grammar, "[[[0]]]")).toBe(false);
    expect(acceptsText(grammar, "[[[[]]]]")).toBe(false);
  });

  it("finds a schema's pattern anywhere, unless it is anchored", () => {
    expect(acceptsText(json({ type: "string", pattern: "b+" }), '"aé\\"bbc"')).toBe(true);
    expect(acceptsText(json({ type: "string", pattern: "^b+" }), '"abbc"')).toBe(false);
    expect(acceptsText(json({ type: "string", pattern: "^b+|c$" }), '"abbc"')).toBe(true);
    expect(acceptsText(json({ type: "string", pattern: '^["\\n]$' }), '"\\n"')).toBe(true);
  });

  it("refuses by name and place what it cannot hold a text to", () => {
    const refused: readonly (readonly [Readonly<Record<string, unknown>>, string])[] = [
      [{ type: "object", properties: { a: { type: "number", multipleOf: 2 } } }, "#/properties/a/multipleOf"],
      [{ type: "array", items: { not: {} } }, "#/items/not"],
      [{ anyOf: [{ type: "array", uniqueItems: true }] }, "#/anyOf/0/uniqueItems"],
      [{ patternProperties: {} }, "#/patternProperties"],
      [{ type: "object", properties: {}, additionalProperties: { type: "number" } }, "#/additionalProperties"],
      [{ type: "number", minimum: 0.5 }, "#/minimum"],
      [{ type: "string", pattern: "^a$", maxLength: 3 }, "#/pattern"],
      [{ type: "string", pattern: "^(?=a)" }, "look-ahead"],
      [{ $ref: "#/$defs/missing" }, "#/$defs/missing"],
      [{ $ref: "https://example.com/schema" }, "#/$ref"],
      [{ $ref: "#/$defs/a", $defs: { a: { type: "string" } }, minLength: 3 }, "#/minLength"],
      [{ allOf: [{ type: "string" }, { minLength: 3 }] }, "#/allOf"],
      [{ anyOf: [{ type: "string" }], type: "string" }, "#/type"],
      [{ type: "text" }, "#/type"],
      [{ type: "string", minLength: -1 }, "#/minLength"],
      [{ items: 3 }, "#/items"],
      [{ type: "object", required: ["a"], additionalProperties: false }, "#/required"],
      [{ type: "object", required: ["toString"], additionalProperties: false }, "toString"],
      [{ type: "object", propertyNames: { type: "number" } }, "#/propertyNames"],
      [{ type: "object", propertyNames: { enum: ["a", 1] } }, "#/propertyNames"],
      [{ type: "object", minProperties: 2 }, "#/minProperties"],
      [{ $ref: "#/$defs/%" }, "well-formed"],
    ];
    for (const [schema, said] of refused) {
      expect(() => json(schema), JSON.stringify(schema)).toThrow(ConfigError);
      expect(() => json(schema), JSON.stringify(schema)).toThrow(said);
    }
  });

  it("takes the patterns of formats", () => {
    const grammar = json(z.toJSONSchema(z.email()));
    for (const good of ["a.b@c.de", "x_1+y@mail.example.org"]) expect(acceptsText(grammar, `"${good}"`)).toBe(true);
    for (const bad of ["a", "a@b", ".a@b.de", "a b@c.de"]) expect(acceptsText(grammar, `"${bad}"`)).toBe(false);
  });

  it("ignores annotations, and keywords of other types", () => {
    const grammar = json({
      title: "T",
      description: "d",
      default: 1,
      format: "email",
      "x-note": 1,
      type: "string",
      minimum: 3,
    });
    expect(acceptsText(grammar, '"a"')).toBe(true);
  });

  it("refuses a schema that no text fits", () => {
    for (const schema of [
      { $ref: "#" },
      { type: "array", items: { $ref: "#" }, minItems: 1 },
      { type: "object", properties: { a: { $ref: "#" } }, required: ["a"] },
      { type: "integer", minimum: 3, maximum: 2 },
      { enum: [] },
      { type: "string", enum: [1] },
    ])
      expect(() => json(schema), JSON.stringify(schema)).toThrow(ConfigError);
  });

  it("follows references, nullable ones too", () => {
    const grammar = json({
      $ref: "#/$defs/a~1b",
      $defs: {
        "a/b": { type: "object", properties: { next: { $ref: "#/$defs/%63", nullable: true } }, required: ["next"] },
        c: { $ref: "#" },
      },
    });
    expect(acceptsText(grammar, '{"next":{"next":null}}')).toBe(true);
    expect(acceptsText(grammar, '{"next":1}')).toBe(false);
  });

  it("goes on where only some alternatives end", () => {
    const grammar = json(
      { anyOf: [{ type: "array", items: { $ref: "#" }, minItems: 1 }, { type: "null" }] },
      { maxDepth: 3 },
    );
    expect(acceptsText(grammar, "[null]")).toBe(true);
    fc.assert(
      fc.property(choices, (picks) => void JSON.parse(draw(grammar, picks))),
      { numRuns: 20 },
    );
  });
});
