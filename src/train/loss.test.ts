import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { coefficients, type LossInput, referenceKl } from "./loss.ts";

/** The objective J of one token, as the paper writes it: what the coefficients are the derivative of. */
const objective = (logp: number, token: Token): number => {
  const { old, reference, behaviour, advantage, weight, beta } = token;
  const ratio = Math.exp(logp - old);
  const clipped = Math.min(Math.max(ratio, 0.8), 1.3);
  const importance = Math.min(Math.exp(old - behaviour), 2);
  const k3 = Math.exp(reference - logp) - (reference - logp) - 1;
  return weight * (importance * Math.min(ratio * advantage, clipped * advantage) - beta * k3);
};

interface Token {
  readonly logp: number;
  readonly old: number;
  readonly reference: number;
  readonly behaviour: number;
  readonly advantage: number;
  readonly weight: number;
  readonly beta: number;
}

const inputOf = ({ logp, old, reference, behaviour, ...rest }: Token): LossInput => ({
  ...rest,
  clip: "token",
  clipLow: 0.2,
  clipHigh: 0.3,
  importanceCap: 2,
  logProbs: [logp],
  old: [old],
  reference: [reference],
  behaviour: [behaviour],
});

/** The paper's numbers, without a KL term, of a sampler that is the trainer. */
const of = (input: Pick<LossInput, "logProbs" | "old" | "advantage"> & Partial<LossInput>) =>
  coefficients({
    clip: "token",
    clipLow: 0.2,
    clipHigh: 0.3,
    beta: 0,
    importanceCap: 2,
    reference: undefined,
    behaviour: input.old,
    weight: 1,
    ...input,
  });

describe("coefficients", () => {
  it("are k·A on the first update of a batch", () => {
    const { c, clipFraction, klReference } = of({
      logProbs: [-1, -2],
      old: [-1, -2],
      advantage: -1.5,
      weight: [0.5, 0.25],
    });
    expect([...c]).toEqual([-0.75, -0.375]);
    expect([clipFraction, klReference]).toEqual([0, 0]);
  });

  it("are the derivative of the clipped objective with its KL term, away from the kinks", () => {
    const logp = fc.double({ min: -6, max: -0.01, noNaN: true });
    const token = fc.record({
      logp,
      old: logp,
      reference: logp,
      behaviour: logp,
      advantage: fc.double({ min: -3, max: 3, noNaN: true }),
      weight: fc.double({ min: 0.01, max: 1, noNaN: true }),
      beta: fc.constantFrom(0, 0.001, 0.1, 1),
    });
    const h = 1e-5;
    fc.assert(
      fc.property(token, (one) => {
        const near = (bound: number): boolean => Math.abs(Math.exp(one.logp - one.old) - bound) < 1e-3;
        fc.pre(!near(0.8) && !near(1.3));
        const slope = (objective(one.logp + h, one) - objective(one.logp - h, one)) / (2 * h);
        const { c } = coefficients(inputOf(one));
        expect(Math.abs((c[0] ?? Number.NaN) - slope)).toBeLessThanOrEqual(1e-5 * Math.max(1, Math.abs(slope)));
      }),
    );
  });

  it("are 0 where the objective is flat, and only there", () => {
    const at = (ratio: number, advantage: number) => of({ logProbs: [Math.log(ratio)], old: [0], advantage });
    expect(at(1.31, 1)).toMatchObject({ c: Float32Array.of(0), clipFraction: 1 });
    expect(at(0.79, -1)).toMatchObject({ c: Float32Array.of(0), clipFraction: 1 });
    expect(at(1.31, -1).c[0]).toBeCloseTo(-1.31, 6);
    expect(at(0.79, 1).c[0]).toBeCloseTo(0.79, 6);
    expect(at(1.29, 1).clipFraction).toBe(0);
  });

  it("weigh a sampler that is not the trainer, up to a cap", () => {
    const weighed = (behaviour: number) => of({ logProbs: [-1], old: [-1], behaviour: [behaviour], advantage: 1 }).c[0];
    expect(weighed(-1.2)).toBeCloseTo(Math.exp(0.2), 6);
    expect(weighed(-5)).toBe(2);
    expect(weighed(-0.5)).toBeCloseTo(Math.exp(-0.5), 6);
  });

  it("hold the exponent of the KL, so that one far token stays finite", () => {
    const far = of({ logProbs: [-200], old: [-200], reference: [-1], advantage: 0, beta: 1 });
    expect(far.c[0]).toBeCloseTo(Math.exp(20) - 1, -2);
    expect(far.klReference).toBeCloseTo(Math.exp(20) - 21, -1);
    const near = of({ logProbs: [-1, -1], old: [-1, -1], reference: [-1, -1.5], advantage: 0 });
    expect(near.klReference).toBeCloseTo((Math.exp(-0.5) + 0.5 - 1) / 2, 12);
    expect([...near.c]).toEqual([0, 0]);
  });

  it("refuse lists of different lengths", () => {
    expect(() => of({ logProbs: [-1, -1], old: [-1], advantage: 1 })).toThrow(RangeError);
    expect(() => referenceKl([-1, -1], [-1])).toThrow(RangeError);
  });
});

describe("other clips", () => {
  const input = { logProbs: [-1, -2, -1.5], old: [-1.5, -2, -1.5], behaviour: [-1.5, -2, -1.5], reference: undefined };
  const rest = { weight: 1, beta: 0, importanceCap: 2, clipLow: 0.2, clipHigh: 0.3 };
  const c = (clip: LossInput["clip"], advantage: LossInput["advantage"]) =>
    [...coefficients({ ...input, ...rest, clip, advantage }).c].map((value) => Number(value.toFixed(5)));

  it("of a sequence: one ratio, the geometric mean, for all tokens", () => {
    const ratio = Number(Math.exp(0.5 / 3).toFixed(5));
    expect(c("sequence", 1)).toEqual([ratio, ratio, ratio]);
    expect(coefficients({ ...input, ...rest, clip: "sequence", clipHigh: 0.1, advantage: 1 })).toMatchObject({
      c: Float32Array.of(0, 0, 0),
      clipFraction: 1,
    });
    expect(c("sequence", -1)).toEqual([-ratio, -ratio, -ratio]);
  });

  it("of weights: no token is left out, and none weighs more than the bound", () => {
    expect(c("weight", 1)).toEqual([1.3, 1, 1]);
    expect(c("weight", -1)).toEqual([-1.3, -1, -1]);
    expect(c("token", 1)).toEqual([0, 1, 1]);
  });

  it("with an advantage a token", () => {
    expect(c("token", [0, -2, 3])).toEqual([0, -2, 3]);
    expect(() => c("token", [1])).toThrow(/number 1 is missing/);
  });
});
