import type { OptimStepOptions } from "../engine.ts";
import { callback, count, either, number, oneOf, type Rules, ruleOf } from "../options.ts";
import type { AdvantageKind } from "./advantage.ts";
import type { Aggregation } from "./batch.ts";
import type { ClipKind } from "./loss.ts";
import type { Schedule } from "./schedule.ts";
import type { StepCredit } from "./step-credit.ts";
import { guardDefaults, guardRule, type StepGuardOptions } from "./step-guard.ts";

/** The options of the algorithm: what `flowGrpo`, `onlineLearner` and a recipe of `learn` have in common. */
export interface GrpoOptions {
  /** Rollouts of a task, among which rewards are compared. @default 8 */
  readonly groupSize?: number | undefined;
  /** @default 8 */
  readonly tasksPerStep?: number | undefined;
  /** A rate or a schedule over steps. @default 5e-4 */
  readonly learningRate?: number | Schedule | undefined;
  /** Everything else of AdamW. @default {} */
  readonly optimiser?: Omit<OptimStepOptions, "learningRate"> | undefined;
  /** How a rollout's reward is compared with its group's. @default "paper" */
  readonly advantage?: AdvantageKind | undefined;
  /** What a turn's own step adds to the advantage of its rollout. @default "none", as in the paper */
  readonly stepCredit?: StepCredit | undefined;
  /** Weight of that credit beside the rollout's advantage. @default 1 */
  readonly stepWeight?: number | undefined;
  /** Of "same-state" credit: what a turn more between a step and the outcome multiplies its return by. @default 0.95 */
  readonly stepDiscount?: number | undefined;
  /** Weight of the cross-entropy, a token, of what tools returned; 0 leaves it out (ECHO: 0.05 to 0.1). @default 0 */
  readonly observationWeight?: number | undefined;
  /** Weight of the KL to the reference policy in the loss. At 0 the KL is only measured. @default 0.001 */
  readonly beta?: number | undefined;
  /** With `beta` 0: steps from one measurement of the KL to the next; 0 never measures. @default 1 */
  readonly klEvery?: number | undefined;
  /** How an update keeps its steps small. @default "token", the paper's */
  readonly clip?: ClipKind | undefined;
  /** ε_low: a ratio below 1 − ε_low is clipped where the advantage is negative. @default 0.2 */
  readonly clipLow?: number | undefined;
  /** ε_high: a ratio above 1 + ε_high is clipped where the advantage is positive. @default 0.3 */
  readonly clipHigh?: number | undefined;
  /** Most that a token weighs for π_old/π_behaviour, where its log-probability is not exactly the trainer's. @default 2 */
  readonly importanceCap?: number | undefined;
  /** Optimiser steps on one batch; from the second on the ratio is not 1. @default 1 */
  readonly updatesPerBatch?: number | undefined;
  /** @default "turn-mean", the paper's */
  readonly aggregation?: Aggregation | undefined;
  /** Of a group's rollouts, how many fork from a turn of another one instead of starting from the question. @default 0 */
  readonly forks?: number | undefined;
  /** Roll out further tasks, by the same version, until this many groups are mixed. @default 1 */
  readonly minimumMixedGroups?: number | undefined;
  /** Most rounds of further tasks in a step. @default 2 */
  readonly maxRefills?: number | undefined;
  /** With fewer mixed groups the learning rate shrinks in proportion; 0 turns this off. @default 0 */
  readonly fullStepGroups?: number | undefined;
  /** Undoes a step that moved a policy too far; false leaves every step as it is. @default all of its defaults */
  readonly guard?: StepGuardOptions | false | undefined;
}

/** The options of the algorithm with a value for each: what a run was trained by. */
export type GrpoSettings = {
  readonly [Name in keyof GrpoOptions]-?: Exclude<GrpoOptions[Name], undefined>;
};

/** The one place where the algorithm's defaults stand. */
export const grpoDefaults: GrpoSettings = {
  groupSize: 8,
  tasksPerStep: 8,
  learningRate: 5e-4,
  optimiser: {},
  advantage: "paper",
  stepCredit: "none",
  stepWeight: 1,
  stepDiscount: 0.95,
  observationWeight: 0,
  beta: 0.001,
  klEvery: 1,
  clip: "token",
  clipLow: 0.2,
  clipHigh: 0.3,
  importanceCap: 2,
  updatesPerBatch: 1,
  aggregation: "turn-mean",
  forks: 0,
  minimumMixedGroups: 1,
  maxRefills: 2,
  fullStepGroups: 0,
  guard: guardDefaults,
};

/** What each option of the algorithm accepts. */
export const grpoRules: Rules<GrpoOptions> = {
  groupSize: number({ least: 2, whole: true }),
  tasksPerStep: count,
  learningRate: either(callback, number()),
  optimiser: ruleOf<Omit<OptimStepOptions, "learningRate">>({
    beta1: number({ below: 1 }),
    beta2: number({ below: 1 }),
    epsilon: number({ above: 0 }),
    weightDecay: number(),
    gradientClip: number(),
  }),
  advantage: oneOf("paper", "no-std", "leave-one-out", "max-rl"),
  stepCredit: oneOf("none", "same-state", "progress", "discovery", "last-turn"),
  stepWeight: number(),
  stepDiscount: number({ most: 1 }),
  observationWeight: number(),
  clip: oneOf("token", "sequence", "weight"),
  beta: number(),
  klEvery: number({ whole: true }),
  clipLow: number({ most: 1 }),
  clipHigh: number(),
  importanceCap: number({ least: 1 }),
  updatesPerBatch: count,
  aggregation: oneOf("turn-mean", "trajectory-mean", "token-mean"),
  forks: number({ whole: true }),
  minimumMixedGroups: number({ whole: true }),
  maxRefills: number({ whole: true }),
  fullStepGroups: number({ whole: true }),
  guard: either(oneOf(false), guardRule),
};
