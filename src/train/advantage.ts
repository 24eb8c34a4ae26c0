import { mean, standardDeviation } from "./statistics.ts";

/** Keeps the division finite; it is the published value. */
const EPSILON = 1e-6;

/**
 * Group-normalised advantages of one task's rollouts: A_i = (R_i − mean R) / (std R + 1e-6), with the population
 * standard deviation over the trajectories that have a reward (Flow-GRPO, eq. 7). A trajectory without a reward is
 * not a sample and stays undefined. In a group without spread every advantage is exactly 0.
 *
 * @example
 * ```ts
 * import { advantages } from "agentflow/train";
 *
 * const [first] = advantages([1, 0, 0, undefined]);
 * console.log(first);
 * ```
 */
export const advantages = (rewards_G: readonly (number | undefined)[]): (number | undefined)[] => {
  const known = rewards_G.filter((reward) => reward !== undefined);
  const centre = mean(known);
  const scale = standardDeviation(known) + EPSILON;
  // Rounding of the mean must not turn equal rewards into tiny advantages, which Adam would blow up.
  const spread = hasSpread(rewards_G);
  return rewards_G.map((reward) => {
    if (reward === undefined) return undefined;
    return spread ? (reward - centre) / scale : 0;
  });
};

/**
 * Whether the rewards of a group differ: only then does it teach anything. Such a group is called mixed.
 *
 * @example
 * ```ts
 * import { hasSpread } from "agentflow/train";
 *
 * console.log(hasSpread([1, 0, 1]), hasSpread([1, 1, undefined]));
 * ```
 */
export const hasSpread = (rewards_G: readonly (number | undefined)[]): boolean => {
  const known = rewards_G.filter((reward) => reward !== undefined);
  return known.some((reward) => reward !== known[0]);
};
