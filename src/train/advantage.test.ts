import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { advantages, hasSpread } from "./advantage.ts";

describe("advantages", () => {
  it.each([
    ["no-std", [0.75, -0.25, -0.25, -0.25]],
    ["leave-one-out", [1, -1 / 3, -1 / 3, -1 / 3]],
    ["max-rl", [3, -1, -1, -1]],
  ] as const)("by %s", (kind, wanted) => {
    for (const [i, value] of advantages([1, 0, 0, 0], kind).entries())
      expect(value).toBeCloseTo(wanted[i] ?? Number.NaN, 12);
    expect(advantages([0, 0, undefined], kind)).toEqual([0, 0, undefined]);
    expect(advantages([1, 1], kind)).toEqual([0, 0]);
  });

  it("are (R − mean) / (population std + 1e-6)", () => {
    const [one, zero] = advantages([1, 0, 0, 0]);
    expect(one).toBeCloseTo(0.75 / (Math.sqrt(0.1875) + 1e-6), 12);
    expect(zero).toBeCloseTo(-0.25 / (Math.sqrt(0.1875) + 1e-6), 12);
  });

  it("leave out what is not a sample", () => {
    const with_G = advantages([1, undefined, 0, undefined]);
    expect(with_G).toEqual([advantages([1, 0])[0], undefined, advantages([1, 0])[1], undefined]);
  });

  it("are exactly 0 without spread, also where a mean rounds", () => {
    expect(advantages([0.1, 0.1, 0.1])).toEqual([0, 0, 0]);
    expect(advantages([1])).toEqual([0]);
    expect(advantages([undefined, undefined])).toEqual([undefined, undefined]);
    expect(advantages([])).toEqual([]);
    expect(hasSpread([1, undefined, 1])).toBe(false);
    expect(hasSpread([1, undefined, 0])).toBe(true);
  });

  it("sum to 0, have about unit scale, and follow a permutation", () => {
    const rewards = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 2, maxLength: 16 });
    fc.assert(
      fc.property(rewards, (rewards_G) => {
        const all = advantages(rewards_G).map((value) => value ?? Number.NaN);
        expect(all.reduce((sum, value) => sum + value, 0)).toBeCloseTo(0, 6);
        expect(Math.sqrt(all.reduce((sum, value) => sum + value * value, 0) / all.length)).toBeLessThanOrEqual(
          1.000001,
        );
        expect(advantages([...rewards_G].reverse())[0]).toBeCloseTo(all.at(-1) ?? Number.NaN, 8);
      }),
    );
  });
});
