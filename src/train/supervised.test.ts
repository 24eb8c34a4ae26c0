import { describe, expect, it } from "vitest";
import { EngineError } from "../errors.ts";
import { scriptedPolicy, tabularPolicy, wordTokenizer } from "../testing/index.ts";
import { linearSchedule } from "./schedule.ts";
import { type SupervisedStep, supervised, validationLoss } from "./supervised.ts";

const sequences = [
  { ids: [2, 3, 1], targets: [1, 2] },
  { ids: [3, 2, 4, 1], targets: [2] },
];

describe("supervised", () => {
  it("brings the loss down and publishes at the end", async () => {
    const policy = tabularPolicy({ tokenizer: wordTokenizer(["a", "b"]) });
    const before = policy.version;
    const steps: SupervisedStep[] = [];
    const seen: number[] = [];
    for await (const step of supervised({
      policy,
      sequences: () => sequences,
      steps: 40,
      learningRate: linearSchedule({ peak: 0.2, steps: 40, warmUp: 4, finalShare: 0.1 }),
      onStep: ({ step: index }) => seen.push(index),
    }))
      steps.push(step);
    expect(steps[0]).toMatchObject({ step: 0, targets: 3, tokens: 7, learningRate: 0.04 });
    expect(steps[0]?.loss).toBeCloseTo(Math.log(5), 6);
    expect(steps[0]?.entropy).toBeCloseTo(Math.log(5), 6);
    expect(steps.at(-1)?.loss).toBeLessThan(0.1);
    expect(await validationLoss(policy, sequences)).toBeLessThan(steps.at(-1)?.loss ?? 0);
    expect(policy.version).not.toBe(before);
    expect(seen).toEqual(steps.map(({ step }) => step));
  });

  it("publishes what was learnt when it is left early", async () => {
    const policy = scriptedPolicy(() => "");
    for await (const _ of supervised({ policy, sequences: () => sequences, steps: 9 })) break;
    expect(policy.version).toBe("version-1");
    expect(policy.log.steps).toHaveLength(1);
    expect([...(policy.log.backward[0]?.coefficients[0] ?? [])]).toEqual([...Float32Array.of(1 / 3, 1 / 3)]);
  });

  it("stops at a loss that is not finite, before it reaches the weights", async () => {
    const policy = scriptedPolicy(() => "", { logProb: Number.NaN });
    await expect(supervised({ policy, sequences: () => sequences, steps: 9 }).next()).rejects.toThrow(EngineError);
    expect(policy.log.steps).toHaveLength(0);
  });
});

describe("linearSchedule", () => {
  it("warms up, peaks and falls to its share", () => {
    const rate = linearSchedule({ peak: 1, steps: 12, warmUp: 1, finalShare: 0.5 });
    expect([0, 1, 6, 11, 99].map(rate)).toEqual([0.5, 1, 0.75, 0.5, 0.5]);
  });
});
