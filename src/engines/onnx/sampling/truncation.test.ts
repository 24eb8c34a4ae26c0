import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError, EngineError } from "../../../errors.ts";
import { checkTruncation, type Truncation, truncate, truncates } from "./truncation.ts";

const maskOf = (ids: readonly number[], V: number): Uint32Array => {
  const mask = new Uint32Array(Math.ceil(V / 32));
  for (const id of ids) mask[id >> 5] = (mask[id >> 5] ?? 0) | (1 << (id & 31));
  return mask;
};

/** The same by its definition: sort, cut, sort back. */
const bySorting = (
  weights: readonly number[],
  { topK, topP = 1, minP = 0 }: Truncation,
  allowed: readonly number[],
) => {
  let left = allowed
    .map((id) => ({ id, weight: weights[id] ?? 0 }))
    .filter(({ weight }) => weight > 0)
    .sort((a, b) => b.weight - a.weight || a.id - b.id);
  left = left.slice(0, topK);
  const target = topP * left.reduce((sum, { weight }) => sum + weight, 0);
  let sum = 0;
  left = left.filter(({ weight }) => {
    const kept = topP === 1 || sum < target;
    sum += weight;
    return kept;
  });
  const most = left[0]?.weight ?? 0;
  return left
    .filter(({ weight }) => weight >= minP * most)
    .map(({ id }) => id)
    .sort((a, b) => a - b);
};

describe("truncate", () => {
  it("keeps what sorting by probability and id keeps, whatever is combined", () => {
    // Small whole weights have many ties and exact sums.
    const scenario = fc.record({
      weights: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 1, maxLength: 100 }),
      topK: fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
      topP: fc.option(
        fc.integer({ min: 1, max: 16 }).map((sixteenths) => sixteenths / 16),
        { nil: undefined },
      ),
      minP: fc.option(fc.constantFrom(0, 0.125, 0.25, 0.5, 1), { nil: undefined }),
      hidden: fc.option(fc.array(fc.nat(99)), { nil: undefined }),
    });
    fc.assert(
      fc.property(scenario, ({ weights, hidden, ...settings }) => {
        const ids = weights.map((_, id) => id);
        const open = ids.filter((id) => !hidden?.includes(id));
        fc.pre(open.some((id) => (weights[id] ?? 0) > 0));
        const allowed = hidden && maskOf(open, weights.length);
        const kept = truncate(Float32Array.from(weights), { ...settings, allowed });
        expect([...kept.ids]).toEqual(bySorting(weights, settings, open));
        expect([...kept.weights]).toEqual([...kept.ids].map((id) => weights[id]));
        expect(kept.total).toBe(kept.weights.reduce((sum, weight) => sum + weight, 0));
      }),
    );
  });

  it("tells apart probabilities that differ in their last bit", () => {
    const half = new Float32Array([0.5]);
    new Uint32Array(half.buffer)[0] = (new Uint32Array(half.buffer)[0] ?? 0) + 1;
    const probabilities = Float32Array.from([0.5, half[0] ?? 0, 0.5]);
    expect([...truncate(probabilities, { topK: 1 }).ids]).toEqual([1]);
    expect([...truncate(probabilities, { topK: 2 }).ids]).toEqual([0, 1]);
  });

  it("keeps the token that crosses topP, and at least one", () => {
    const probabilities = Float32Array.from([0.5, 0.25, 0.125, 0.125]);
    expect([...truncate(probabilities, { topP: 0.5 }).ids]).toEqual([0]);
    expect([...truncate(probabilities, { topP: 0.51 }).ids]).toEqual([0, 1]);
    expect([...truncate(probabilities, { topP: 1e-9 }).ids]).toEqual([0]);
  });

  it("allows a masked row that has rounded to 0 alike", () => {
    const probabilities = new Float32Array(64);
    probabilities[5] = 1;
    const kept = truncate(probabilities, { topK: 1, allowed: maskOf([3, 40], 64) });
    expect([...kept.ids]).toEqual([3, 40]);
    expect([...kept.weights]).toEqual([1, 1]);
    expect(kept.total).toBe(2);
  });

  it("refuses an empty mask, an empty row and one that is not finite", () => {
    const probabilities = Float32Array.from([0.5, 0.5]);
    expect(() => truncate(probabilities, { allowed: new Uint32Array(1) })).toThrow(EngineError);
    expect(() => truncate(new Float32Array(2), { topK: 1 })).toThrow(EngineError);
    expect(() => truncate(Float32Array.from([Number.NaN, 1]), { topK: 1 })).toThrow(EngineError);
    expect(() => truncate(Float32Array.from([Number.POSITIVE_INFINITY, 1]), { topP: 0.5 })).toThrow(EngineError);
  });
});

describe("settings", () => {
  it("are refused out of bounds, by name", () => {
    for (const [name, wrong] of [
      ["topK", [0, -1, 1.5, Number.NaN]],
      ["topP", [0, -0.1, 1.1, Number.NaN]],
      ["minP", [-0.1, 1.1, Number.NaN]],
    ] as const) {
      for (const value of wrong) {
        expect(() => checkTruncation({ [name]: value })).toThrow(ConfigError);
        expect(() => checkTruncation({ [name]: value })).toThrow(name);
      }
    }
    checkTruncation({ topK: 1, topP: 1, minP: 1 });
    checkTruncation({});
  });

  it("that keep everything need no truncation", () => {
    expect(truncates({})).toBe(false);
    expect(truncates({ topP: 1, minP: 0 })).toBe(false);
    for (const settings of [{ topK: 5 }, { topP: 0.9 }, { minP: 0.1 }, { allowed: new Uint32Array(1) }])
      expect(truncates(settings)).toBe(true);
  });
});
