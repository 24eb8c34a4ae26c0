import { describe, expect, it } from "vitest";
import { random, randomKey } from "../random.ts";
import {
  decisionOn,
  noEvidence,
  noTrialEvidence,
  strengthOf,
  withDifference,
  withFeedback,
  withGate,
} from "./evidence.ts";
import { startTrial, type TrialOptions } from "./trial.ts";

const rates = { promotion: 0.01, rejection: 0.05 };
const options: TrialOptions = { share: 0.1, tolerance: 0.05, rates, batch: 16, mostPairs: 512, seconds: 0 };

/** Chances of a serving version and of a candidate: on the gate, and in the eyes of people. */
interface World {
  readonly gate: readonly [serving: number, candidate: number];
  readonly feedback: readonly [serving: number, candidate: number];
}

/** A whole trial in a world: the gate is drawn, and people judge answers of both versions while that goes on. */
const outcomeOf = async (world: World, seed: number): Promise<string> => {
  const draws = random(randomKey("trial", seed));
  const trial = startTrial(
    { planner: "candidate" },
    async (_, n) => {
      await undefined;
      // Ten requests for each one of the candidate; half of them are judged.
      for (let i = 0; i < 20; i += 1) {
        const arm = draws.next() < options.share ? "candidate" : "serving";
        const chance = world.feedback[arm === "serving" ? 0 : 1];
        if (draws.next() < 0.5) trial.judge(arm, Number(draws.next() < chance));
      }
      return Array.from({ length: n }, () => {
        // The same task: both meet the same difficulty, in part.
        const shared = draws.next();
        const of = (chance: number): number => Number((draws.next() < 0.5 ? shared : draws.next()) < chance);
        return { serving: of(world.gate[0]), candidate: of(world.gate[1]) };
      });
    },
    async () => undefined,
    options,
  );
  return trial.ended;
};

const outcomesOf = async (worlds: readonly World[]): Promise<Record<string, number>> => {
  const counts: Record<string, number> = {};
  for (const [seed, world] of worlds.entries()) {
    const end = await outcomeOf(world, seed);
    counts[end] = (counts[end] ?? 0) + 1;
  }
  return counts;
};

const drawn = (n: number, make: (uniform: () => number) => World): World[] => {
  const draws = random(randomKey("worlds", n));
  return Array.from({ length: n }, () => make(() => draws.next()));
};

describe("evidence", () => {
  it("begins at 1, grows with what speaks for a claim's opposite, and shrinks with the rest", () => {
    expect(strengthOf(noEvidence)).toBeCloseTo(1);
    const better = withDifference(noEvidence, 1);
    expect(strengthOf(better)).toBeGreaterThan(1);
    expect(strengthOf(withDifference(withDifference(better, -1), -1))).toBeLessThan(1);
    // Pairs that agree say nothing of which one is better, and something of whether one is much worse.
    expect(strengthOf(withDifference(noEvidence, 0))).toBe(1);
    expect(strengthOf(withDifference(noEvidence, 0, 0.05))).toBeGreaterThan(1);
  });

  it("reaches 1/α at most as often as α while its claim is true, however often it is looked at", () => {
    const alpha = 0.05;
    let reached = 0;
    let naive = 0;
    const cases = 1000;
    for (let seed = 0; seed < cases; seed += 1) {
      const draws = random(randomKey("null", seed));
      let evidence = noEvidence;
      let discordant = 0;
      let [isReached, isNaive] = [false, false];
      for (let i = 0; i < 400; i += 1) {
        const difference = Number(draws.next() < 0.6) - Number(draws.next() < 0.6);
        evidence = withDifference(evidence, difference);
        discordant += difference ** 2;
        isReached ||= strengthOf(evidence) >= 1 / alpha;
        // A one-sided test at the same rate, which is valid once, looked at after each pair.
        isNaive ||= discordant > 4 && evidence.sum / Math.sqrt(discordant) > 1.645;
      }
      reached += Number(isReached);
      naive += Number(isNaive);
    }
    expect(reached / cases).toBeLessThanOrEqual(alpha);
    expect(reached).toBeGreaterThan(0);
    expect(naive / cases).toBeGreaterThan(4 * alpha);
  });

  it("needs both: better in something, and no worse on the gate", () => {
    let judged = noTrialEvidence;
    for (let i = 0; i < 40; i += 1) judged = withFeedback(judged, 1);
    expect(decisionOn(judged, rates)).toBe("continue");
    let agreed = judged;
    for (let i = 0; i < 200; i += 1) agreed = withGate(agreed, 0, 0.05);
    expect(decisionOn(agreed, rates)).toBe("promote");
    let worse = judged;
    for (let i = 0; i < 40; i += 1) worse = withGate(worse, -1, 0.05);
    expect(decisionOn(worse, rates)).toBe("reject");
  });
});

describe("a trial", () => {
  it("never promotes a worse version, in 200 cases", async () => {
    const worlds = drawn(200, (uniform) => {
      const [gate, feedback] = [0.3 + 0.6 * uniform(), 0.3 + 0.6 * uniform()];
      // From barely worse to much worse, on the gate, by feedback, or in both; never better in either.
      const where = uniform();
      const lost = 0.01 + 0.29 * uniform() ** 2;
      return {
        gate: [gate, gate - (where < 0.67 ? lost : 0)],
        feedback: [feedback, feedback - (where > 0.33 ? lost : 0)],
      };
    });
    const { promote = 0, ...others } = await outcomesOf(worlds);
    expect(promote).toBe(0);
    expect(Object.values(others).reduce((sum, n) => sum + n, 0)).toBe(200);
  });

  it("promotes an equal version at most as often as it says", async () => {
    const worlds = drawn(200, (uniform) => {
      const [gate, feedback] = [0.3 + 0.6 * uniform(), 0.3 + 0.6 * uniform()];
      return { gate: [gate, gate], feedback: [feedback, feedback] };
    });
    const { promote = 0 } = await outcomesOf(worlds);
    // Four of 200 lie within what a rate of 1 % makes likely (99 %).
    expect(promote).toBeLessThanOrEqual(4);
  });

  it("promotes a version that is clearly better, mostly", async () => {
    const worlds = drawn(100, (uniform) => {
      const gate = 0.3 + 0.4 * uniform();
      return { gate: [gate, gate + 0.2], feedback: [0.5, 0.6] };
    });
    const { promote = 0, reject = 0 } = await outcomesOf(worlds);
    expect(promote).toBeGreaterThanOrEqual(90);
    expect(reject).toBe(0);
  });

  it("rejects a version that is much worse, before it has drawn all", async () => {
    const worlds = drawn(50, () => ({ gate: [0.7, 0.4], feedback: [0.7, 0.4] }));
    const { reject = 0 } = await outcomesOf(worlds);
    expect(reject).toBeGreaterThanOrEqual(48);
  });

  it("ends when it is stopped", async () => {
    const trial = startTrial(
      {},
      () => new Promise(() => undefined),
      async () => undefined,
      options,
    );
    trial.stop();
    expect(await trial.ended).toBe("stopped");
  });
});
