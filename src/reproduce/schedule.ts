import { type Arm, neededBy } from "./arm.ts";
import type { Claim } from "./claim.ts";

/** An arm that is to be run for a seed. */
export interface Job {
  readonly arm: Arm;
  readonly seed: number;
}

/**
 * What claims need, each arm once a seed: first everything for the first seed, so that there is a figure for each claim
 * before there is a second one for any. An arm comes after those that it needs; an evaluation, which is quick, as soon as it
 * can; what was shown is searched last.
 */
export const jobsOf = (
  arms: Readonly<Record<string, Arm>>,
  claims: readonly Claim[],
  seeds: readonly number[],
): readonly Job[] => {
  const ordered: Arm[] = [];
  const add = (name: string): void => {
    const arm = arms[name];
    if (arm === undefined) throw new RangeError(`There is no arm ${name}.`);
    if (ordered.includes(arm)) return;
    for (const needed of neededBy(arm)) add(needed);
    ordered.push(arm);
  };
  for (const claim of claims) for (const name of claim.arms) add(name);
  const placed: Arm[] = [];
  while (placed.length < ordered.length) {
    const ready = ordered.filter(
      (arm) => !placed.includes(arm) && neededBy(arm).every((name) => placed.some((earlier) => earlier.name === name)),
    );
    const next =
      ready.find(({ kind }) => kind === "evaluation") ?? ready.find(({ kind }) => kind !== "cold start") ?? ready[0];
    if (next === undefined) throw new RangeError("Some arms need each other.");
    placed.push(next);
  }
  return seeds.flatMap((seed) => placed.map((arm) => ({ arm, seed })));
};

/** Seconds that an arm takes on two quiet cores, roughly: only their proportions matter once some have been run. */
const roughly = (arm: Arm, steps: number): number => {
  if (arm.kind === "training") return 30 + 1.5 * steps * (arm.effort ?? 1);
  if (arm.kind === "imitation") return 25 + 0.5 * arm.steps;
  return arm.kind === "evaluation" ? 15 : 300;
};

/** Forecasts how long arms take, by how long earlier ones took. */
export const forecaster = (
  steps: number,
): { took(job: Job, seconds: number): void; of(jobs: readonly Job[]): number } => {
  let expected = 0;
  let spent = 0;
  return {
    took: ({ arm }, seconds) => {
      expected += roughly(arm, steps);
      spent += seconds;
    },
    of: (jobs) => {
      const pace = expected === 0 ? 1 : spent / expected;
      return pace * jobs.reduce((sum, { arm }) => sum + roughly(arm, steps), 0);
    },
  };
};
