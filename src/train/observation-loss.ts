import type { TrainingSequence } from "../engine.ts";
import type { BatchSequence } from "./batch.ts";

/**
 * Positions of the tokens that tools returned in a sequence: everything between the first sampled token and the last that
 * was not sampled. The question and the instructions before it do not count.
 */
const observed = ({ targets }: BatchSequence): number[] => {
  const sampled = new Set(targets);
  const [first = 0] = targets;
  return Array.from({ length: (targets.at(-1) ?? 0) - first }, (_, i) => first + i).filter((at) => !sampled.has(at));
};

/** Adds what tools returned to sequences as targets behind the sampled ones, all of them together of a weight (ECHO, arXiv 2605.24517). */
export const withObservations = (
  sequences: readonly BatchSequence[],
  coefficients: readonly Float32Array[],
  weight: number,
): { readonly sequences: readonly TrainingSequence[]; readonly coefficients: readonly Float32Array[] } => {
  if (weight === 0) return { sequences, coefficients };
  const positions = sequences.map(observed);
  const each =
    weight /
    Math.max(
      1,
      positions.reduce((sum, { length }) => sum + length, 0),
    );
  return {
    sequences: sequences.map(({ ids, targets }, i) => ({ ids, targets: [...targets, ...(positions[i] ?? [])] })),
    coefficients: coefficients.map((c, i) => Float32Array.from([...c, ...(positions[i] ?? []).map(() => each)])),
  };
};
