import type { ImportanceWeights, TrainingSequence } from "../../../engine.ts";
import { EngineError } from "../../../errors.ts";
import type { ModelConfig } from "../model-config.ts";

/** Throws `EngineError` for a sequence that the model or the context cannot take, or a target outside its sequence. */
export const checkSequences = (
  config: ModelConfig,
  contextLength: number,
  sequences: readonly TrainingSequence[],
): void => {
  for (const { ids, targets } of sequences) {
    if (ids.length > contextLength)
      throw new EngineError(`A sequence of ${ids.length} tokens does not fit the model's context of ${contextLength}.`);
    for (const target of targets) {
      if (!Number.isInteger(target) || target < 1 || target >= ids.length)
        throw new EngineError(`Target position ${target} is not inside 1…${ids.length - 1} of its sequence.`);
    }
    for (const id of ids) {
      if (!Number.isInteger(id) || id < 0 || id >= config.vocab_size)
        throw new EngineError(`Token id ${id} is not inside the vocabulary of ${config.vocab_size}.`);
    }
  }
};

/** Throws `EngineError` unless there is one coefficient a target, and of what was drawn one behaviour log-probability. */
export const checkCoefficients = (
  sequences: readonly TrainingSequence[],
  coefficients: readonly Float32Array[],
  importance?: ImportanceWeights,
): void => {
  sequences.forEach(({ targets }, i) => {
    if (coefficients[i]?.length !== targets.length)
      throw new EngineError(
        `Sequence ${i} has ${targets.length} targets but ${coefficients[i]?.length ?? 0} coefficients.`,
      );
    const drawn = importance?.behaviour[i];
    if (drawn !== undefined && drawn.length !== targets.length)
      throw new EngineError(
        `Sequence ${i} has ${targets.length} targets but ${drawn.length} behaviour log-probabilities.`,
      );
  });
};

/** Throws `EngineError` for a log-probability that is not a number. */
export const checkFinite = (logProbs: readonly Float32Array[]): void => {
  for (const values of logProbs)
    for (const value of values)
      if (!Number.isFinite(value))
        throw new EngineError(
          `A log-probability is not finite (${value}): the weights are damaged or training diverged.`,
        );
};
