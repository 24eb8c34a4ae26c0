import { expect, it } from "vitest";
import { diagnosisOf } from "./diagnosis.ts";

const step = (index: number, groups: object = {}, others: object = {}) => ({
  index,
  reward: { mean: 0, standardDeviation: 0 },
  groups: { total: 4, mixed: 0, allSolved: 0, noneSolved: 4, ...groups },
  toolErrorRate: 0.2,
  noSample: 0,
  trajectories: 16,
  ...others,
});

const said = (...steps: readonly ReturnType<typeof step>[]): string[] => {
  const words: string[] = [];
  const diagnosed = diagnosisOf((message) => words.push(message));
  for (const metrics of steps) expect(diagnosed(metrics)).toBe(metrics);
  return words;
};

it("says once, after three steps, why rewards teach nothing", () => {
  expect(said(step(0), step(1))).toEqual([]);
  expect(said(step(0), step(1), step(2), step(3))).toEqual([expect.stringMatching(/every rollout earned 0\. Begin/)]);
  const unknown = { toolErrorRate: 1 };
  expect(said(step(0, {}, unknown), step(1, {}, unknown), step(2, {}, unknown))[0]).toMatch(
    /does not know these tools/,
  );
  const solved = { allSolved: 4, noneSolved: 0 };
  expect(said(step(0, solved), step(1, solved), step(2, solved))[0]).toMatch(/every rollout earned 1/);
  const half = { allSolved: 2, noneSolved: 2 };
  expect(said(step(0, half), step(1, half), step(2, half))[0]).toMatch(/hardly differ/);
  const none = { noneSolved: 0 };
  const failed = { noSample: 16 };
  expect(said(step(0, none, failed), step(1, none, failed), step(2, none, failed))[0]).toMatch(
    /no rollout got a reward/,
  );
});

it("is silent while some group is mixed", () => {
  const mixed = { mixed: 1, noneSolved: 3 };
  expect(said(step(0), step(1), step(2, mixed), step(3), step(4))).toEqual([]);
});
