import type { ImportanceWeights } from "../../../engine.ts";
import type { PackedTarget } from "./packing.ts";

/** What targets weigh in a backward pass. */
export interface TargetWeights {
  /** One array a sequence, one number a target. */
  readonly coefficients: readonly Float32Array[];
  readonly importance: ImportanceWeights | undefined;
}

/** The targets that go through the head: what two sequences share was drawn twice, with an importance weight each time. */
export const targetsOf = (targets: readonly PackedTarget[], weights?: TargetWeights): readonly PackedTarget[] =>
  weights?.importance ? targets.flatMap((target) => target.uses.map((use) => ({ ...target, uses: [use] }))) : targets;

export const coefficientOf = ({ uses }: PackedTarget, weights?: TargetWeights): number =>
  uses.reduce((sum, { sequence, index }) => sum + (weights?.coefficients[sequence]?.[index] ?? 0), 0);

/** Min(exp(logp − behaviour), cap) of a token that nobody drew is 1, whatever its logp. */
const NOT_DRAWN = { behaviour: Number.NEGATIVE_INFINITY, cap: 1 };

/** What the graph makes the importance weight of a target from. */
export const importanceOf = (
  target: PackedTarget | undefined,
  weights?: TargetWeights,
): { readonly behaviour: number; readonly cap: number } => {
  const [use] = target?.uses ?? [];
  const behaviour = use && weights?.importance?.behaviour[use.sequence]?.[use.index];
  return weights?.importance === undefined || behaviour === undefined
    ? NOT_DRAWN
    : { behaviour, cap: weights.importance.cap };
};
