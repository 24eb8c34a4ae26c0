import type { Measured } from "./measured.ts";

/** What became of a claim; `not run` where something that it needs is not there. */
export type Verdict = "holds" | "does not" | "unclear" | "not run";

/**
 * A claim says that a difference is above 0. It *holds* when the whole 95 % interval is, and the difference is above 0 for
 * each seed. It *does not* when the interval leaves no room for the smallest effect that would matter (`least`): the effect
 * is not there, or the opposite is. Anything else is *unclear*.
 */
export const verdictOf = (
  { interval: [low, high], seeds }: Pick<Measured, "interval" | "seeds">,
  least: number,
): Exclude<Verdict, "not run"> => {
  if (low > 0 && seeds.every(({ difference }) => difference > 0)) return "holds";
  return high < least ? "does not" : "unclear";
};
