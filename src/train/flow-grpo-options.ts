import { type Clock, systemClock } from "../clock.ts";
import type { OptimStepOptions, Policy, TrainingSequence } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import {
  abortSignal,
  callback,
  checked,
  count,
  either,
  listOf,
  number,
  objectWith,
  oneOf,
  type Rules,
  required,
  ruleOf,
  seconds,
  seed,
  truth,
  withDefaults,
} from "../options.ts";
import { random, randomKey } from "../random.ts";
import type { Reward, Task } from "../task.ts";
import type { Aggregation } from "./batch.ts";
import type { Group, Rollout } from "./roll-out.ts";
import type { Schedule } from "./schedule.ts";
import { guardRule, type StepGuardOptions } from "./step-guard.ts";
import type { StepMetrics } from "./step-metrics.ts";

export interface FlowGrpoOptions<Sealed = unknown> {
  readonly flow: Pick<Flow, "solve">;
  /** Policies that learn from the reward, each from the turns that it sampled. */
  readonly train: readonly Policy[];
  /** A list, gone through in a new random order each time, or the task of an index that counts from 0. */
  readonly tasks: readonly Task<Sealed>[] | ((index: number, step: number) => Task<Sealed>);
  readonly reward: Reward<Sealed>;
  readonly steps: number;
  /** @default 0 */
  readonly seed?: number | undefined;
  /** Rollouts of a task. @default 8 */
  readonly groupSize?: number | undefined;
  /** @default 8 */
  readonly tasksPerStep?: number | undefined;
  /** A rate or a schedule over steps. @default 5e-4 */
  readonly learningRate?: number | Schedule | undefined;
  /** Everything else of AdamW. */
  readonly optimiser?: Omit<OptimStepOptions, "learningRate"> | undefined;
  /** Weight of the KL to the reference policy. At 0 the KL is only measured. @default 0.001 */
  readonly beta?: number | undefined;
  /** With `beta` 0: steps from one measurement of the KL to the next; 0 never measures. @default 1 */
  readonly klEvery?: number | undefined;
  /** @default 0.2 */
  readonly clipLow?: number | undefined;
  /** @default 0.3 */
  readonly clipHigh?: number | undefined;
  /** @default 2 */
  readonly importanceCap?: number | undefined;
  /** Optimiser steps on one batch; from the second on the ratio is not 1. @default 1 */
  readonly updatesPerBatch?: number | undefined;
  /** @default "turn-mean", the paper's */
  readonly aggregation?: Aggregation | undefined;
  /** Further tasks are rolled out, by the same version, until so many groups are mixed. @default 1 */
  readonly minimumMixedGroups?: number | undefined;
  /** Most rounds of further tasks in a step. @default 2 */
  readonly maxRefills?: number | undefined;
  /** With fewer mixed groups the learning rate shrinks in proportion; 0 turns this off. @default 0 */
  readonly fullStepGroups?: number | undefined;
  /** Takes back a step that moved a policy too far; false leaves every step as it is. @default {} */
  readonly guard?: StepGuardOptions | false | undefined;
  /**
   * Rollouts go on while a step is trained, by versions at most so many steps old; their tokens are weighted by
   * π_old/π_behaviour. 0 is strictly on-policy, and the only mode that repeats.
   * With 1 and tools that take a while a run takes three quarters of the time or less; five of six whole runs in LOG.md
   * ended where on-policy ones do or above, one far below.
   * @default 0
   */
  readonly maxStaleness?: number | undefined;
  /** With `maxStaleness`: a rollout that takes longer is ended and is no sample. @default 300 */
  readonly rollOutSeconds?: number | undefined;
  /** Where to go on: after the step whose metrics these are. The policies hold their state of then. @default at step 0 */
  readonly after?: Pick<StepMetrics, "index" | "tasksDrawn" | "guard"> | undefined;
  /** Rollouts under way at once; changes nothing but time. @default 64 */
  readonly concurrency?: number | undefined;
  /** Supervised sequences for the first policy in `train`, in the same gradient; `weight` is that of their mean −logp. */
  readonly replay?:
    | {
        readonly sequences: (step: number, groups: readonly Group<Sealed>[]) => readonly TrainingSequence[];
        readonly weight: (step: number) => number;
      }
    | undefined;
  /** The control: rewards are dealt out at random among the trajectories of a round. @default false */
  readonly permuteRewards?: boolean | undefined;
  /** Called for each trajectory with its true reward, in (task, rollout) order. */
  readonly onTrajectory?:
    | ((rollout: Rollout & { readonly step: number; readonly task: Task<Sealed> }) => void)
    | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** What each option accepts; how they go together is looked at in `settingsOf`. */
export const flowGrpoRules: Rules<FlowGrpoOptions> = {
  flow: required(objectWith("a flow", "solve")),
  train: required(listOf(objectWith("a policy", "sample", "backward", "optimStep"))),
  tasks: required(either(callback, listOf(objectWith("a task")))),
  reward: required(callback),
  steps: required(number({ whole: true })),
  seed,
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
  beta: number(),
  klEvery: number({ whole: true }),
  clipLow: number({ most: 1 }),
  clipHigh: number(),
  importanceCap: number({ least: 1 }),
  updatesPerBatch: count,
  aggregation: oneOf("turn-mean", "trajectory-mean", "token-mean"),
  minimumMixedGroups: number({ whole: true }),
  maxRefills: number({ whole: true }),
  fullStepGroups: number({ whole: true }),
  guard: either(oneOf(false), guardRule),
  maxStaleness: number({ whole: true }),
  rollOutSeconds: seconds,
  after: objectWith("the metrics of a step"),
  concurrency: count,
  replay: objectWith("replay", "sequences", "weight"),
  permuteRewards: truth,
  onTrajectory: callback,
  abortSignal,
  clock: objectWith("a clock", "now", "after"),
};

/** Options with the defaults filled in. */
export type Settings<Sealed> = FlowGrpoOptions<Sealed> & typeof defaults;

const defaults = {
  seed: 0,
  groupSize: 8,
  tasksPerStep: 8,
  learningRate: 5e-4 as number | Schedule,
  beta: 0.001,
  klEvery: 1,
  clipLow: 0.2,
  clipHigh: 0.3,
  importanceCap: 2,
  updatesPerBatch: 1,
  aggregation: "turn-mean" as Aggregation,
  minimumMixedGroups: 1,
  maxRefills: 2,
  fullStepGroups: 0,
  guard: {} as StepGuardOptions | false,
  maxStaleness: 0,
  rollOutSeconds: 300,
  concurrency: 64,
  clock: systemClock as Clock,
};

/** Fills the defaults in. Throws `ConfigError` for what cannot work. */
export const settingsOf = <Sealed>(options: FlowGrpoOptions<Sealed>): Settings<Sealed> => {
  checked("flowGrpo", options, flowGrpoRules);
  const settings = withDefaults(defaults, options);
  const { train, tasks, tasksPerStep } = settings;
  if (train.length === 0) throw new ConfigError("Nothing to train: `train` needs at least one policy.");
  if (new Set(train.map(({ name }) => name)).size < train.length)
    throw new ConfigError("Policies that learn together need different names.");
  if (typeof tasks !== "function" && tasks.length < tasksPerStep)
    throw new ConfigError(
      `Cannot train on ${tasks.length} tasks: a step takes ${tasksPerStep}. Add tasks, or lower tasksPerStep.`,
    );
  for (const [name, least] of Object.entries(atLeast)) {
    const value = settings[name as keyof typeof atLeast];
    if (!Number.isInteger(value) || value < least)
      throw new ConfigError(`${name} is ${value}: it must be a whole number from ${least} up.`);
  }
  if (!(settings.beta >= 0)) throw new ConfigError(`beta is ${settings.beta}: it must be a number from 0 up.`);
  return settings;
};

const atLeast = {
  steps: 0,
  groupSize: 2,
  tasksPerStep: 1,
  klEvery: 0,
  updatesPerBatch: 1,
  minimumMixedGroups: 0,
  maxRefills: 0,
  fullStepGroups: 0,
  maxStaleness: 0,
  concurrency: 1,
} as const;

/** The task of an index that counts from 0: a list is gone through in a new random order each time. */
export const taskSource = <Sealed>({
  tasks,
  seed,
}: Pick<Settings<Sealed>, "tasks" | "seed">): ((index: number, step: number) => Task<Sealed>) => {
  if (typeof tasks === "function") return tasks;
  let shuffled: { readonly pass: number; readonly order: readonly Task<Sealed>[] } | undefined;
  return (index) => {
    const pass = Math.floor(index / tasks.length);
    if (shuffled?.pass !== pass) shuffled = { pass, order: random(randomKey(seed, "tasks", pass)).shuffle(tasks) };
    const task = shuffled.order[index % tasks.length];
    if (task === undefined) throw new ConfigError("The list of tasks changed while it was trained on.");
    return task;
  };
};
