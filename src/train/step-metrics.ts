import type { Clock } from "../clock.ts";
import { EngineError } from "../errors.ts";
import { defined } from "../options.ts";
import type { Group } from "./roll-out.ts";
import {
  countsByTurns,
  distinctShare,
  type FamilyOf,
  familyCounts,
  type GroupCounts,
  groupCounts,
  type LengthCounts,
  rewardsOf,
} from "./rollout-counts.ts";
import { mean, standardDeviation } from "./statistics.ts";
import type { GuardState } from "./step-guard.ts";
import { average, type Tally } from "./tally.ts";
import { toolUse } from "./tool-use.ts";

/** What one step reports. All but `timings` is the same for the same seed; store `timings` apart. */
export interface StepMetrics {
  /** Counts from 0. */
  readonly index: number;
  readonly reward: { readonly mean: number; readonly standardDeviation: number };
  readonly groups: GroupCounts;
  /** The same by family, in alphabetical order; absent where tasks do not say theirs, and in runs of earlier versions. */
  readonly families?: Readonly<Record<string, GroupCounts>>;
  /** k3 estimate of D_KL(π_θ‖π_ref) a token, before the step's updates; absent when it was not measured. */
  readonly klReference?: number;
  /** Mean of behaviour − trainer log-probability: near 0 as long as the sampler computes what the trainer does. */
  readonly klSampler: number;
  /** k3 estimate of D_KL(π_old‖π_θ) a token: how far the step's updates moved the policy; absent without a guard. */
  readonly klStep?: number;
  /** The step moved the policy too far and was undone: the next ones are smaller. */
  readonly undone?: true;
  /** What the guard has come to; absent while every step went well. */
  readonly guard?: GuardState;
  /** Share of tokens clipped, over all updates of the batch but the first, whose ratio is 1. */
  readonly clipFraction: number;
  /** Nats a token: of the trained tokens' distributions, or, when nothing was trained, −log p of the sampled ones. */
  readonly entropy: number;
  /** Before clipping; 0 when nothing was trained. */
  readonly gradientNorm: number;
  readonly learningRate: number;
  /** Cross-entropy a token of the sequences that the first update replayed; absent without replay. */
  readonly replayLoss?: number;
  /** Sampled tokens and planner turns a trajectory. */
  readonly responseTokens: number;
  readonly turns: number;
  readonly toolShares: Readonly<Record<string, number>>;
  readonly toolErrorRate: number;
  /**
   * How much the rollouts of a group differ in what they did and answered: 0 where all are alike, 1 where no two are; the
   * mean of groups. Absent in runs of earlier versions, as the next ones are.
   */
  readonly distinct?: number;
  /** Turns → rollouts of that length that have a reward. */
  readonly byTurns?: Readonly<Record<string, LengthCounts>>;
  readonly trajectories: number;
  /** Trajectories without a reward: infrastructure failures. */
  readonly noSample: number;
  /** Those of them whose flow failed; the reward of the others was undefined. */
  readonly failed?: number;
  /** Trajectories that a budget or a tool's deadline cut short: a run with any may not repeat bit for bit. */
  readonly limitsHit: number;
  /** With rollouts ahead of training: mean age of the groups, in steps, and those that came too late to be trained on. */
  readonly staleness?: { readonly mean: number; readonly most: number; readonly tooLate: number };
  /** Tasks drawn since the start of the run. */
  readonly tasksDrawn: number;
  /** Policy → version that the next step samples. */
  readonly versions: Readonly<Record<string, string>>;
  readonly timings: StepTimings;
}

/** Wall time in seconds. */
export interface StepTimings {
  readonly rollOut: number;
  readonly train: number;
  readonly publish: number;
  readonly sampledTokensPerSecond: number;
  readonly trainedTokensPerSecond: number;
}

/** Puts a step's metrics together. Throws `EngineError` naming the step and the quantity that is not finite. */
export const stepMetrics = <Sealed>(
  groups: readonly Group<Sealed>[],
  tally: Tally,
  step: Pick<StepMetrics, "index" | "learningRate" | "tasksDrawn" | "versions"> & {
    readonly undone: boolean;
    readonly guard: GuardState;
    readonly staleness: readonly number[];
    readonly tooLate: number;
    readonly familyOf?: FamilyOf<Sealed> | undefined;
  },
  seconds: Pick<StepTimings, "rollOut" | "train" | "publish">,
): StepMetrics => {
  const rollouts = groups.flatMap(({ rollouts_G }) => rollouts_G);
  const trajectories = rollouts.map(({ trajectory }) => trajectory);
  const rewards = rewardsOf(rollouts);
  const logProbs = trajectories.flatMap(({ turns }) => turns.flatMap(({ behaviourLogProbs }) => behaviourLogProbs));
  const { averageTurns, toolShares, toolErrorRate } = toolUse(trajectories);
  const metrics: StepMetrics = {
    index: step.index,
    reward: { mean: mean(rewards), standardDeviation: standardDeviation(rewards) },
    groups: groupCounts(groups),
    ...defined({ families: familyCounts(groups, step.familyOf) }),
    ...(tally.klReference.count === 0 ? {} : { klReference: average(tally.klReference) }),
    klSampler: average(tally.klSampler),
    ...(tally.klStep.count === 0 ? {} : { klStep: average(tally.klStep) }),
    ...(step.undone ? { undone: true } : {}),
    ...(step.guard.stepScale === 1 ? {} : { guard: step.guard }),
    clipFraction: average(tally.clipped),
    entropy: tally.entropy.count === 0 ? -mean(logProbs) : average(tally.entropy),
    gradientNorm: Math.sqrt(tally.squaredNorm),
    learningRate: step.learningRate,
    ...(tally.replayLoss.count === 0 ? {} : { replayLoss: average(tally.replayLoss) }),
    responseTokens: logProbs.length / trajectories.length,
    turns: averageTurns,
    toolShares,
    toolErrorRate,
    distinct: distinctShare(groups),
    byTurns: countsByTurns(rollouts),
    trajectories: trajectories.length,
    noSample: trajectories.length - rewards.length,
    failed: trajectories.filter(({ status }) => status === "failed").length,
    limitsHit: trajectories.filter(hitLimit).length,
    ...(step.tooLate + Math.max(...step.staleness) === 0
      ? {}
      : {
          staleness: { mean: mean(step.staleness), most: Math.max(...step.staleness), tooLate: step.tooLate },
        }),
    tasksDrawn: step.tasksDrawn,
    versions: step.versions,
    timings: {
      ...seconds,
      sampledTokensPerSecond: perSecond(logProbs.length, seconds.rollOut),
      trainedTokensPerSecond: perSecond(tally.trainedTokens, seconds.train),
    },
  };
  requireFinite(step.index, metrics);
  return metrics;
};

const hitLimit = ({ stopReason, memory }: Group["rollouts_G"][number]["trajectory"]): boolean =>
  stopReason === "budget" ||
  memory.some(({ observation }) => observation.status === "failed" && observation.reason === "timeout");

const perSecond = (count: number, seconds: number): number => (seconds > 0 ? count / seconds : 0);

/** Throws `EngineError` for the first number in a value that is not finite. */
export const requireFinite = (step: number, value: unknown, name = ""): void => {
  if (typeof value === "number" && !Number.isFinite(value))
    throw new EngineError(
      `Step ${step}: ${name} is ${value}. Lower the learning rate, or look at the rewards and log-probabilities of this step.`,
    );
  if (typeof value === "object" && value !== null)
    for (const [key, part] of Object.entries(value)) requireFinite(step, part, name === "" ? key : `${name}.${key}`);
};

/** Seconds since the last lap. */
export const timerOf = (clock: Clock): { lap(): number } => {
  let last = clock.now();
  return {
    lap: () => {
      const now = clock.now();
      const seconds = (now - last) / 1000;
      last = now;
      return seconds;
    },
  };
};
