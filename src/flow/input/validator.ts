import { type Schema, Validator } from "@cfworker/json-schema";
import { type LinearMatcher, linearMatcher } from "../../patterns/linear-matcher.ts";
import { boundsProblem } from "./bounds.ts";
import { type PlainNode, type PlainSchema, schemasIn } from "./plain-schema.ts";
import { problemOf } from "./problem.ts";
import { quickCheckOf } from "./quick-check.ts";

/** One line about the first thing in an input that does not fit; undefined when all fits. */
export type Check = (input: unknown) => string | undefined;

/** Steps of all automata over the texts of one input: nodes times characters. */
const MOST_STEPS = 5_000_000;
/** Longest text that is tried on a pattern which only JavaScript's own engine runs. */
const LONGEST_NATIVE = 256;

/** What stands in a schema for a pattern: which pattern it is, and the texts of the input at hand that match. */
interface Stand {
  readonly pattern: string;
  readonly matching: string[];
}

/**
 * A validator for draft 2020-12. It is never given a pattern: those run on an automaton in linear time, and the validator
 * sees which texts and names of the input they matched. A text that is too long for its pattern counts as one that does
 * not match: 256 characters where a pattern needs JavaScript's own engine (look-arounds, back-references, `\b`, `\p`).
 */
export const validatorOf = (schema: PlainSchema): Check => {
  // The validator marks the schemas that it reads: it gets a copy.
  const root = structuredClone(schema);
  const validator = new Validator(root as Schema, "2020-12");
  const stands: Stand[] = [];
  const standFor = (pattern: string): Stand => {
    const stand: Stand = { pattern, matching: [] };
    stands.push(stand);
    return stand;
  };
  for (const part of schemasIn(root)) replacePatterns(part, standFor);
  const matchers = new Map(stands.map(({ pattern }) => [pattern, matcherOf(pattern)]));
  const fitsForCertain = quickCheckOf(schema);
  return (input) => {
    if (fitsForCertain?.(input)) return undefined;
    const excess = boundsProblem(input, true);
    if (excess !== undefined) return excess;
    if (stands.length > 0) {
      const words = wordsIn(input);
      let steps = 0;
      for (const { pattern, matching } of stands) {
        matching.length = 0;
        const { nodes, matches } = matchers.get(pattern) ?? matcherOf(pattern);
        for (const word of words) {
          steps += nodes * word.length;
          if (steps <= MOST_STEPS && matches(word)) matching.push(word);
        }
      }
    }
    const { valid, errors } = validator.validate(input);
    return valid ? undefined : problemOf(errors, input, { root, patternOf: patternIn(stands) });
  };
};

const patternIn =
  (stands: readonly Stand[]) =>
  (values: unknown): string | undefined =>
    stands.find(({ matching }) => matching === values)?.pattern;

/** Puts lists of what matches in the place of a schema's patterns. The lists are filled before each check. */
const replacePatterns = (schema: PlainSchema, standFor: (pattern: string) => Stand): void => {
  const { pattern, properties, patternProperties } = schema;
  if (pattern !== undefined) {
    const texts = { if: { not: { type: "string" } }, else: { enum: standFor(pattern).matching } };
    set(schema, "allOf", { value: [...(schema.allOf ?? []), texts] });
    set(schema, "pattern", { value: undefined });
  }
  if (patternProperties !== undefined) {
    const named = Object.entries(patternProperties).map(([source, inner]) => ({
      names: standFor(source).matching,
      inner,
    }));
    set(schema, "properties", { get: () => merged(properties, named) });
    set(schema, "patternProperties", { value: undefined });
  }
};

const set = (schema: PlainSchema, key: string, descriptor: PropertyDescriptor): void => {
  Object.defineProperty(schema, key, { ...descriptor, enumerable: true, configurable: true });
};

/** The properties of a schema, and those that its patterns name in the input at hand. */
const merged = (
  properties: PlainSchema["properties"] = {},
  named: readonly { readonly names: readonly string[]; readonly inner: PlainNode }[],
): Readonly<Record<string, PlainNode>> => {
  const all = new Map<string, PlainNode[]>(Object.entries(properties).map(([name, inner]) => [name, [inner]]));
  for (const { names, inner } of named) for (const name of names) all.set(name, [...(all.get(name) ?? []), inner]);
  return Object.fromEntries(
    [...all].map(([name, schemas]) => [
      name,
      schemas.length === 1 && schemas[0] !== undefined ? schemas[0] : { allOf: schemas },
    ]),
  );
};

const matcherOf = (pattern: string): LinearMatcher => {
  const native = new RegExp(pattern, "u");
  return linearMatcher(pattern) ?? { nodes: 1, matches: (text) => text.length <= LONGEST_NATIVE && native.test(text) };
};

/** The texts of an input, and the names of its members. */
const wordsIn = (input: unknown): ReadonlySet<string> => {
  const words = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value === "string") words.add(value);
    if (typeof value !== "object" || value === null) return;
    for (const [name, inner] of Object.entries(value)) {
      if (!Array.isArray(value)) words.add(name);
      visit(inner);
    }
  };
  visit(input);
  return words;
};
