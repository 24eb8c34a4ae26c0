import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { chunked, scoredDatum, targetLogProbs, trainedData } from "./data.ts";
import { dialects } from "./dialect.ts";
import type { Datum } from "./wire/forward-backward.ts";
import { numbersOf } from "./wire/tensor.ts";

const inputOf = ({ inputs }: Datum, name: string): number[] => {
  const tensor = inputs.get(name);
  return tensor === undefined ? [] : numbersOf(tensor);
};

/** Sequences with targets somewhere, and a coefficient for each, some of them 0. */
const weighted = fc
  .array(
    fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 2, maxLength: 12 }).chain((ids) =>
      fc.record({
        ids: fc.constant(ids),
        chosen: fc.uniqueArray(fc.integer({ min: 1, max: ids.length - 1 }), { minLength: 1 }),
        values: fc.array(fc.constantFrom(-1.5, -0.25, 0, 0.5, 2), { minLength: 12, maxLength: 12 }),
      }),
    ),
    { minLength: 1, maxLength: 5 },
  )
  .map((all) =>
    all.map(({ ids, chosen, values }) => {
      const targets = chosen.toSorted((a, b) => a - b);
      return {
        sequence: { ids, targets },
        coefficients: Float32Array.from(values.slice(0, targets.length)),
        logProbs: Float32Array.from(targets, (position) => -position),
      };
    }),
  );

describe("data to train on", () => {
  it("comes to exactly the coefficients, by the way in which each dialect averages", () => {
    fc.assert(
      fc.property(weighted, fc.constantFrom(dialects.tinker, dialects["skyrl-jax"]), (all, dialect) => {
        const used = all.filter(({ coefficients }) => coefficients.some((c) => c !== 0));
        const data = trainedData(all, dialect);
        expect(data).toHaveLength(used.length);
        for (const [i, datum] of data.entries()) {
          const { sequence, coefficients, logProbs } = used[i] ?? expect.fail("more than were given");
          const mask = inputOf(datum, "weights");
          const masked = mask.reduce((sum, one) => sum + one, 0);
          const expected = new Array<number>(sequence.ids.length - 1).fill(0);
          for (const [t, position] of sequence.targets.entries()) {
            expected[position - 1] = coefficients[t] ?? 0;
            expect(inputOf(datum, "logprobs")[position - 1]).toBe(logProbs[t]);
          }
          // What SkyRL's gradient is of: advantage · mask / Σ mask, over all sequences since the last step.
          const effective = inputOf(datum, "advantages").map((advantage, at) =>
            dialect.reduction === "sum" ? advantage : (advantage * (mask[at] ?? 0)) / masked / data.length,
          );
          for (const [at, c] of effective.entries()) expect(c).toBeCloseTo(expected[at] ?? Number.NaN, 5);
          expect(datum.inputs.has("weights")).toBe(dialect.mask);
          expect(datum.tokens).toEqual(sequence.ids.slice(0, -1));
          expect(inputOf(datum, "target_tokens")).toEqual(sequence.ids.slice(1));
        }
      }),
    );
  });

  it("is cut into requests of 1,024 sequences and 5 MB, in order", () => {
    const small = scoredDatum({ ids: [1, 2], targets: [1] });
    const large = scoredDatum({ ids: new Array<number>(20_001).fill(7), targets: [5] });
    expect(chunked(new Array<Datum>(2100).fill(small)).map(({ length }) => length)).toEqual([1024, 1024, 52]);
    expect(chunked(new Array<Datum>(25).fill(large)).map(({ length }) => length)).toEqual([10, 10, 5]);
    expect(chunked([])).toEqual([]);
  });

  it("is refused back when the server scored something else", () => {
    const sequences = [{ ids: [1, 2, 3], targets: [2] }];
    const scored = (...values: number[]) => [
      { type: "", metrics: new Map(), fields: new Map([["logprobs", [Float32Array.from(values)]]]) },
    ];
    expect(targetLogProbs(sequences, scored(-1, -2))).toEqual([Float32Array.of(-2)]);
    expect(() => targetLogProbs(sequences, [])).toThrow("scored 0 sequences of 1");
    expect(() => targetLogProbs(sequences, scored(-1))).toThrow("1 log-probabilities for 2 places");
    expect(() => targetLogProbs(sequences, scored(-1, Number.NaN))).toThrow("NaN for token 3 at 2");
  });
});
