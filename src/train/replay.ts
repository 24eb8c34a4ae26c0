import type { TrainingSequence } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { ReplayOptions } from "./flow-grpo-options.ts";
import type { Group } from "./roll-out.ts";

/** What is imitated beside the reward, dealt to the updates of a step. */
export interface Replay {
  readonly sequences: readonly TrainingSequence[];
  readonly coefficients: readonly Float32Array[];
}

export const nothingToReplay: Replay = { sequences: [], coefficients: [] };

/** What update `u` of `updates` imitates: a part, which counts for the whole. */
export const partOf = ({ sequences, coefficients }: Replay, u: number, updates: number): Replay => {
  const isOwn = (_: unknown, i: number): boolean => i % updates === u;
  return {
    sequences: sequences.filter(isOwn),
    coefficients: coefficients.filter(isOwn).map((values) => values.map((value) => value * updates)),
  };
};

/** The sequences of a step. Of one source each target weighs the same, all of them together `weight`. Throws `ConfigError`. */
export const replayOf = <Sealed>(
  sources: readonly ReplayOptions<Sealed>[],
  step: number,
  groups: readonly Group<Sealed>[],
): Replay => {
  const drawn = sources.map((source) => replayOfOne(source, step, groups));
  return {
    sequences: drawn.flatMap(({ sequences }) => sequences),
    coefficients: drawn.flatMap(({ coefficients }) => coefficients),
  };
};

const replayOfOne = <Sealed>(replay: ReplayOptions<Sealed>, step: number, groups: readonly Group<Sealed>[]): Replay => {
  const sequences = replay.sequences(step, groups);
  const weight = replay.weight(step, sequences.length);
  if (!(Number.isFinite(weight) && weight >= 0))
    throw new ConfigError(`The weight of the replay in step ${step} is ${weight}: it must be a number from 0 up.`);
  if (weight === 0) return nothingToReplay;
  const tokens = sequences.reduce((sum, { targets }) => sum + targets.length, 0);
  return {
    sequences,
    coefficients: sequences.map(({ targets }) => new Float32Array(targets.length).fill(weight / tokens)),
  };
};
