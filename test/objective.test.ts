import { describe, expect, it } from "vitest";
import { coefficients } from "../src/train/loss.ts";
import { llamaFixture } from "./fixtures/llama.ts";

const { clipLow, clipHigh, beta, scale, weightCap, cases } = llamaFixture.objective;

describe("coefficients against PyTorch's autograd", () => {
  it.each([
    ["unclipped", false],
    ["clipped", true],
  ])("%s", (_, wanted) => {
    const compared = cases.filter(({ advantage, logProb, old }) => {
      const ratio = Math.exp(logProb - old);
      return ((advantage > 0 && ratio > 1 + clipHigh) || (advantage < 0 && ratio < 1 - clipLow)) === wanted;
    });
    expect(compared.length).toBeGreaterThan(5);
    for (const { advantage, logProb, old, reference, behaviour, coefficient } of compared) {
      const { c, clipFraction } = coefficients({
        logProbs: [logProb],
        old: [old],
        reference: [reference],
        behaviour: [behaviour],
        advantage,
        weight: scale,
        clip: "token",
        clipLow,
        clipHigh,
        beta,
        importanceCap: weightCap,
      });
      expect(clipFraction).toBe(wanted ? 1 : 0);
      expect(Math.abs((c[0] ?? Number.NaN) - coefficient)).toBeLessThanOrEqual(
        1e-5 * Math.max(1, Math.abs(coefficient)),
      );
    }
  });
});
