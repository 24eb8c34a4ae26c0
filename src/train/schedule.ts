import { ConfigError } from "../errors.ts";
import { checked, number, required } from "../options.ts";

/** Learning rate of a step, which counts from 0. */
export type Schedule = (step: number) => number;

export interface LinearScheduleOptions {
  /** Highest rate, reached at the end of the warm-up. */
  readonly peak: number;
  readonly steps: number;
  /** Steps of the warm-up, of which the first already learns. @default 0 */
  readonly warmUp?: number;
  /** Share of the peak that is left at the last step. @default 1 */
  readonly finalShare?: number;
}

/**
 * Linear warm-up, then linear to a share of the peak.
 *
 * @example
 * ```ts
 * import { linearSchedule } from "agentflow/train";
 *
 * const learningRate = linearSchedule({ peak: 3e-4, steps: 400, warmUp: 20 });
 * console.log(learningRate(0), learningRate(399));
 * ```
 */
export const linearSchedule = (options: LinearScheduleOptions): Schedule => {
  const {
    peak,
    steps,
    warmUp = 0,
    finalShare = 1,
  } = checked("linearSchedule", options, {
    peak: required(number()),
    steps: required(number()),
    warmUp: number(),
    finalShare: number(),
  });
  const decaySteps = Math.max(1, steps - 1 - warmUp);
  return (step) => {
    if (step < warmUp) return (peak * (step + 1)) / (warmUp + 1);
    return peak * (1 - (1 - finalShare) * Math.min(1, (step - warmUp) / decaySteps));
  };
};

/** A constant rate or a schedule, as a schedule that throws `ConfigError` for what is not a rate. */
export const scheduleOf = (learningRate: number | Schedule): Schedule => {
  if (typeof learningRate === "number") return () => learningRate;
  return (step) => {
    const rate = learningRate(step);
    if (Number.isFinite(rate) && rate >= 0) return rate;
    throw new ConfigError(`The learning rate of step ${step} is ${rate}: a schedule returns a number from 0 up.`);
  };
};
