import type { ImportanceWeights } from "../../../engine.ts";

/** Min(exp(logp − behaviour), cap) of a token that nobody drew is 1, whatever its logp. */
const NOT_DRAWN = { behaviour: Number.NEGATIVE_INFINITY, cap: 1 };

/** What the graph makes the importance weight of a target from. */
export const importanceAt = (
  importance: ImportanceWeights | undefined,
  sequence: number,
  index: number,
): { readonly behaviour: number; readonly cap: number } => {
  const behaviour = importance?.behaviour[sequence]?.[index];
  return importance === undefined || behaviour === undefined ? NOT_DRAWN : { behaviour, cap: importance.cap };
};
