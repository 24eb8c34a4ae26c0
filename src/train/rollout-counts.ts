import type { Task } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import { hasSpread } from "./advantage.ts";
import type { Group, Rollout } from "./roll-out.ts";
import { mean } from "./statistics.ts";

/** Groups of a step. `mixed`: with different rewards; `allSolved`, `noneSolved`: every reward 1, every reward 0. */
export interface GroupCounts {
  readonly total: number;
  readonly mixed: number;
  readonly allSolved: number;
  readonly noneSolved: number;
}

/** Rollouts of one length: how many had a reward, and how many had one above ½. */
export interface LengthCounts {
  readonly tried: number;
  readonly earned: number;
}

/** The family of a task, where it has one. */
export type FamilyOf<Sealed> = (task: Task<Sealed>) => string | undefined;

export const rewardsOf = (rollouts_G: Group["rollouts_G"]): number[] =>
  rollouts_G.map(({ reward }) => reward).filter((reward) => reward !== undefined);

/** Counts groups by their rewards. One without any reward is counted in the total alone. */
export const groupCounts = (groups: readonly Group[]): GroupCounts => {
  const rewards_P_G = groups.map(({ rollouts_G }) => rewardsOf(rollouts_G));
  const alike = (value: number): number =>
    rewards_P_G.filter((all) => all.length > 0 && all.every((reward) => reward === value)).length;
  return {
    total: groups.length,
    mixed: rewards_P_G.filter(hasSpread).length,
    allSolved: alike(1),
    noneSolved: alike(0),
  };
};

/** The same counts by family, in alphabetical order; undefined where no task has one. */
export const familyCounts = <Sealed>(
  groups: readonly Group<Sealed>[],
  familyOf: FamilyOf<Sealed> = () => undefined,
): Readonly<Record<string, GroupCounts>> | undefined => {
  const byFamily = new Map<string, Group<Sealed>[]>();
  for (const group of groups) {
    const family = familyOf(group.task);
    if (family !== undefined) byFamily.set(family, [...(byFamily.get(family) ?? []), group]);
  }
  if (byFamily.size === 0) return undefined;
  const names = [...byFamily.keys()].sort();
  return Object.fromEntries(names.map((family) => [family, groupCounts(byFamily.get(family) ?? [])]));
};

/** How much the rollouts of a group differ: 0 where all did and answered the same, 1 where no two did; the mean of groups. */
export const distinctShare = (groups: readonly Group[]): number =>
  mean(
    groups.map(({ rollouts_G }) => {
      const kinds = new Set(rollouts_G.map(({ trajectory }) => conductOf(trajectory)));
      return (kinds.size - 1) / Math.max(1, rollouts_G.length - 1);
    }),
  );

const conductOf = ({ memory, answer }: Trajectory): string =>
  JSON.stringify([memory.map(({ step }) => step.raw), answer ?? null]);

/** Rollouts that have a reward by their number of turns, the shortest first. */
export const countsByTurns = (rollouts: readonly Rollout[]): Readonly<Record<string, LengthCounts>> => {
  const counts = new Map<number, LengthCounts>();
  for (const { trajectory, reward } of rollouts) {
    if (reward === undefined) continue;
    const { length } = trajectory.memory;
    const { tried, earned } = counts.get(length) ?? { tried: 0, earned: 0 };
    counts.set(length, { tried: tried + 1, earned: earned + (reward > 0.5 ? 1 : 0) });
  }
  return Object.fromEntries([...counts].sort(([a], [b]) => a - b));
};
