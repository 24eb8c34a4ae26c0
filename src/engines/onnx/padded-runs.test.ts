import { expect, it } from "vitest";
import { random, randomKey } from "../../random.ts";
import { cheapestRuns, type RunCosts } from "./padded-runs.ts";

const costs: RunCosts = { most: 1024, run: 100, pair: 0 };
const costOf = (lengths: readonly number[], runs: readonly number[], { run, pair }: RunCosts): number => {
  let at = 0;
  return runs.reduce((sum, rows) => {
    at += rows;
    const length = lengths[at - 1] ?? Number.NaN;
    return sum + run + rows * (length + pair * length ** 2);
  }, 0);
};

/** All ways to deal `rows` rows to runs. */
const waysOf = (rows: number): number[][] =>
  rows === 0
    ? [[]]
    : Array.from({ length: rows }, (_, i) => waysOf(rows - i - 1).map((rest) => [i + 1, ...rest])).flat();

it("pads where a run of its own would cost more, and not beyond", () => {
  expect(cheapestRuns([], costs)).toEqual([]);
  expect(cheapestRuns([7], costs)).toEqual([1]);
  expect(cheapestRuns([10, 12, 90], costs)).toEqual([2, 1]);
  expect(cheapestRuns([80, 85, 90], costs)).toEqual([3]);
  expect(cheapestRuns([2000, 2000], costs)).toEqual([1, 1]);
  expect(cheapestRuns(Array(24).fill(100), costs).every((rows) => rows <= 10)).toBe(true);
});

it("finds the cheapest of all ways", () => {
  const draws = random(randomKey("runs"));
  for (let trial = 0; trial < 50; trial += 1) {
    const lengths = Array.from({ length: 1 + draws.below(8) }, () => 1 + draws.below(400)).sort((a, b) => a - b);
    const allowed = waysOf(lengths.length).filter((runs) => {
      let at = 0;
      return runs.every((rows) => {
        at += rows;
        return rows === 1 || rows * (lengths[at - 1] ?? 0) <= 1024;
      });
    });
    for (const own of [costs, { most: 1024, run: 60, pair: 1 / 256 }]) {
      const least = Math.min(...allowed.map((runs) => costOf(lengths, runs, own)));
      expect(costOf(lengths, cheapestRuns(lengths, own), own), lengths.join()).toBe(least);
    }
  }
});
