import type { Policy } from "../engine.ts";
import type { BatchSequence } from "./batch.ts";
import { referenceKl } from "./loss.ts";
import { add, type Tally, total } from "./tally.ts";

/** Whether the sampler's log-probabilities are the trainer's own, for all of a batch. */
export const isExact = (batch: readonly BatchSequence[]): boolean => batch.every(({ exact }) => exact);

/** KL of a policy to its reference on each group's first rollout, for a loss that has no KL term. */
export const measureReferenceKl = async (
  policy: Policy,
  batch: readonly BatchSequence[],
  groupSize: number,
  tally: Tally,
): Promise<void> => {
  const sequences = batch.filter(({ trajectory }) => trajectory % groupSize === 0);
  const reference = (await policy.forward(sequences, { reference: true })).logProbs;
  const own: readonly ArrayLike<number>[] = isExact(batch)
    ? sequences.map(({ behaviour }) => behaviour)
    : (await policy.forward(sequences)).logProbs;
  for (const [i, logProbs] of own.entries())
    add(tally.klReference, referenceKl(logProbs, reference[i] ?? []) * logProbs.length, logProbs.length);
};

/** Sequences on which the guard looks at a step. */
const MEASURED = 16;

/** How far the updates moved a policy: k3 estimate of D_KL(π_old‖π_θ), on some of the sequences. */
export const measureStepKl = async (
  policy: Policy,
  sequences: readonly BatchSequence[],
  old: readonly ArrayLike<number>[],
  tally: Tally,
): Promise<void> => {
  const every = Math.max(1, Math.floor(sequences.length / MEASURED));
  const chosen = sequences.map((_, i) => i).filter((i) => i % every === 0);
  const { logProbs } = await policy.forward(chosen.flatMap((i) => sequences[i] ?? []));
  for (const [place, i] of chosen.entries()) {
    const before = old[i] ?? [];
    const moved = Array.from(logProbs[place] ?? [], (now, t) => k3(now - (before[t] ?? Number.NaN)));
    add(tally.klStep, total(moved), moved.length);
  }
};

const FAR = 100;
/** k3 of log(π_θ/π_old) for a token that π_old drew, up to where it says "far too much" anyway, as does NaN. */
const k3 = (logRatio: number): number => {
  const value = Math.exp(logRatio) - 1 - logRatio;
  return Number.isNaN(value) ? FAR : Math.min(value, FAR);
};
