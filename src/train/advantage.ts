import { mean, standardDeviation } from "./statistics.ts";

/** Keeps the division finite; it is the published value. */
const EPSILON = 1e-6;

/**
 * How a rollout's reward is compared with its group's, of rewards R with mean m, standard deviation s and number n:
 * - `paper`: (R − m) / (s + 1e-6), as Flow-GRPO publishes it (eq. 7).
 * - `no-std`: R − m (Dr. GRPO): groups of which nearly all or nearly none is solved weigh less.
 * - `leave-one-out`: R less the mean of the others, n/(n − 1) · (R − m) (RLOO).
 * - `max-rl`: (R − m) / m, and 0 where m is 0 (MaxRL, arXiv 2602.02710): the rarer a success, the more it weighs.
 */
export type AdvantageKind = "paper" | "no-std" | "leave-one-out" | "max-rl";

/** What the differences to the mean of a group are multiplied by. */
const scaleOf: Readonly<Record<AdvantageKind, (known: readonly number[], centre: number) => number>> = {
  paper: (known) => 1 / (standardDeviation(known) + EPSILON),
  "no-std": () => 1,
  "leave-one-out": ({ length }) => length / (length - 1),
  "max-rl": (_, centre) => 1 / centre,
};

/**
 * Group-relative advantages of one task's rollouts, with mean and population standard deviation over the trajectories
 * that have a reward. A trajectory without a reward is not a sample and stays undefined. In a group without spread every
 * advantage is exactly 0.
 *
 * @example
 * ```ts
 * import { advantages } from "agentflow/train";
 *
 * const [first] = advantages([1, 0, 0, undefined]);
 * console.log(first, advantages([1, 0, 0], "leave-one-out"));
 * ```
 */
export const advantages = (
  rewards_G: readonly (number | undefined)[],
  kind: AdvantageKind = "paper",
): (number | undefined)[] => {
  const known = rewards_G.filter((reward) => reward !== undefined);
  // Rounding of the mean must not turn equal rewards into tiny advantages, which Adam would blow up.
  if (!hasSpread(rewards_G)) return rewards_G.map((reward) => (reward === undefined ? undefined : 0));
  const centre = mean(known);
  const scale = scaleOf[kind](known, centre);
  return rewards_G.map((reward) => (reward === undefined ? undefined : (reward - centre) * scale));
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
