import type { Chart } from "../review/index.ts";
import { type Interval, mean, standardDeviation } from "../train/index.ts";
import type { ArmResult, EvaluationResult, TrainingResult } from "./result.ts";

/** What a claim was measured to be: a difference with its interval, and by seed. */
export interface Measured {
  /** What was counted: questions, or turns. */
  readonly n: number;
  /** In [−1, 1] for shares; turns as they are. */
  readonly difference: number;
  /** 95 %. */
  readonly interval: Interval;
  readonly unit: "points" | "turns";
  /** The same of each seed. */
  readonly seeds: readonly { readonly seed: number; readonly difference: number }[];
  /** What stands behind it, in words. */
  readonly figures: readonly { readonly name: string; readonly text: string }[];
  readonly chart: Chart;
}

/** The results of a claim's arms: those of the seeds of which all are there. */
export interface ClaimResults {
  readonly seeds: readonly number[];
  /** One a seed. Throws where an arm is of another kind. */
  evaluations(arm: string): readonly EvaluationResult[];
  trainings(arm: string): readonly TrainingResult[];
  results(arm: string): readonly ArmResult[];
}

const z95 = 1.959963984540054;

/** A mean with its 95 % interval by the normal approximation; of less than two values all that is possible. */
export const meanWithInterval = (values: readonly number[]): { readonly mean: number; readonly interval: Interval } => {
  const centre = mean(values);
  if (values.length < 2) return { mean: centre, interval: [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] };
  const error = standardDeviation(values) / Math.sqrt(values.length - 1);
  return { mean: centre, interval: [centre - z95 * error, centre + z95 * error] };
};
