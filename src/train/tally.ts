import type { ForwardResult } from "../engine.ts";
import type { LossOutput } from "./loss.ts";

/** Sums over tokens that updates add to. */
export interface Tally {
  klReference: { sum: number; count: number };
  klSampler: { sum: number; count: number };
  clipped: { sum: number; count: number };
  entropy: { sum: number; count: number };
  replayLoss: { sum: number; count: number };
  klStep: { sum: number; count: number };
  squaredNorm: number;
  /** Tokens of all sequences that went through a backward. */
  trainedTokens: number;
}

const nothing = (): { sum: number; count: number } => ({ sum: 0, count: 0 });

/** A tally before anything was counted. */
export const newTally = (): Tally => ({
  klReference: nothing(),
  klSampler: nothing(),
  clipped: nothing(),
  entropy: nothing(),
  replayLoss: nothing(),
  klStep: nothing(),
  squaredNorm: 0,
  trainedTokens: 0,
});

/** Adds `count` values with this sum. */
export const add = (total: { sum: number; count: number }, sum: number, count: number): void => {
  total.sum += sum;
  total.count += count;
};

export const average = ({ sum, count }: { readonly sum: number; readonly count: number }): number =>
  count === 0 ? 0 : sum / count;

/**
 * Counts the losses of an update, which counts from 0. The first one's ratio is 1: it clips nothing, and its KL to the
 * reference is that of the weights that sampled.
 */
export const countLosses = (tally: Tally, losses: readonly LossOutput[], update: number, beta: number): void => {
  for (const { c, clipFraction, klReference } of losses) {
    if (update > 0) add(tally.clipped, clipFraction * c.length, c.length);
    else if (beta > 0) add(tally.klReference, klReference * c.length, c.length);
  }
};

/**
 * Counts what the first backward of a batch says of the weights that sampled it: of each sequence that was drawn, with
 * the log-probabilities it was drawn by, and of those that are imitated after them.
 */
export const countFirstBackward = (
  tally: Tally,
  { logProbs, entropies }: ForwardResult,
  behaviour: readonly ArrayLike<number>[],
): void => {
  for (const [i, { length }] of behaviour.entries()) {
    // What tools returned may stand behind what was drawn.
    const drawn = (values: ArrayLike<number> = []): number =>
      total(Array.from({ length }, (_, at) => values[at] ?? Number.NaN));
    add(tally.klSampler, drawn(behaviour[i]) - drawn(logProbs[i]), length);
    add(tally.entropy, drawn(entropies[i]), length);
  }
  for (const imitated of logProbs.slice(behaviour.length)) add(tally.replayLoss, -total(imitated), imitated.length);
};

export const total = (values: ArrayLike<number>): number => Array.from(values).reduce((sum, value) => sum + value, 0);
