import { type Clock, systemClock } from "../clock.ts";
import type { Policy, TrainingSequence } from "../engine.ts";
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
  type Rules,
  required,
  seconds,
  seed,
  truth,
  withDefaults,
} from "../options.ts";
import { random, randomKey } from "../random.ts";
import type { Reward, Task } from "../task.ts";
import { type Diagnosis, diagnosing } from "./diagnosis.ts";
import { type GrpoOptions, grpoDefaults, grpoRules } from "./grpo-options.ts";
import type { Group, RollOutOptions, Rollout } from "./roll-out.ts";
import type { FamilyOf } from "./rollout-counts.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** What is trained, on what, and for how long; the algorithm's own options are `GrpoOptions`. */
export interface FlowGrpoOptions<Sealed = unknown> extends GrpoOptions {
  readonly flow: Pick<Flow, "solve">;
  /** Policies that learn from the reward, each from the turns that it sampled. */
  readonly train: readonly Policy[];
  /** A list, gone through in a new random order each time, or the task of an index that counts from 0. */
  readonly tasks: readonly Task<Sealed>[] | ((index: number, step: number) => Task<Sealed>);
  readonly reward: Reward<Sealed>;
  /** The family of a task, by which groups are counted apart (`families` in the metrics). @default none is known */
  readonly familyOf?: FamilyOf<Sealed> | undefined;
  readonly steps: number;
  /** @default 0 */
  readonly seed?: number | undefined;
  /**
   * Train on rollouts that are at most this many versions old, and keep rolling out while a step is trained; tokens of
   * older versions weigh π_old/π_behaviour. 0 is strictly on-policy, and the only mode that repeats. With 1 and tools that
   * take a while a run takes three quarters of the time or less; five of six whole runs in LOG.md ended where on-policy
   * ones do or above, one far below.
   * @default 0
   */
  readonly maxStaleness?: number | undefined;
  /** With `maxStaleness`: a rollout that takes longer is ended and is not a sample. @default 300 */
  readonly rollOutSeconds?: number | undefined;
  /** Where to resume: after the step whose metrics these are. The policies hold their state at that point. @default at step 0 */
  readonly after?: Pick<StepMetrics, "index" | "tasksDrawn" | "guard"> | undefined;
  /** Rollouts under way at once; changes nothing but time. @default 64 */
  readonly concurrency?: number | undefined;
  /**
   * Supervised sequences for the first policy in `train`, in the same gradient, from one source or several; `weight` is that
   * of a source's mean −logp. With several updates a batch, each imitates its part of them, which counts for all.
   * @default none
   */
  readonly replay?: ReplayOptions<Sealed> | readonly ReplayOptions<Sealed>[] | undefined;
  /** Turns from which all rollouts of a task continue, where there are any: nobody learns from them. @default none */
  readonly begun?: RollOutOptions<Sealed>["begun"];
  /** The control: rewards are dealt out at random among the trajectories of a round. @default false */
  readonly permuteRewards?: boolean | undefined;
  /** Called for each trajectory with its true reward, in (task, rollout) order. */
  readonly onTrajectory?:
    | ((rollout: Rollout & { readonly step: number; readonly task: Task<Sealed> }) => void)
    | undefined;
  /** Gets what keeps the run from learning, once when it begins: see `diagnose`. @default a warning of the process */
  readonly onDiagnosis?: ((diagnosis: Diagnosis) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

/** What is imitated beside the reward, by step. */
export interface ReplayOptions<Sealed> {
  readonly sequences: (step: number, groups: readonly Group<Sealed>[]) => readonly TrainingSequence[];
  /** Of all sequences of a step together, given how many there are. */
  readonly weight: (step: number, sequences: number) => number;
}

const source = objectWith("replay", "sequences", "weight");

/** What each option accepts; how they go together is looked at in `settingsOf`. */
export const flowGrpoRules: Rules<FlowGrpoOptions> = {
  ...grpoRules,
  flow: required(objectWith("a flow", "solve")),
  train: required(listOf(objectWith("a policy", "sample", "backward", "optimStep"))),
  tasks: required(either(callback, listOf(objectWith("a task")))),
  reward: required(callback),
  familyOf: callback,
  steps: required(number({ whole: true })),
  seed,
  maxStaleness: number({ whole: true }),
  rollOutSeconds: seconds,
  after: objectWith("the metrics of a step"),
  concurrency: count,
  replay: either(source, listOf(source)),
  begun: callback,
  permuteRewards: truth,
  onTrajectory: callback,
  onDiagnosis: callback,
  abortSignal,
  clock: objectWith("a clock", "now", "after"),
};

/** Options with the defaults filled in. */
export type Settings<Sealed> = Omit<FlowGrpoOptions<Sealed>, "replay"> &
  typeof defaults & {
    readonly replay: readonly ReplayOptions<Sealed>[];
    readonly diagnosed: (metrics: StepMetrics) => StepMetrics;
  };

const defaults = {
  ...grpoDefaults,
  seed: 0,
  maxStaleness: 0,
  rollOutSeconds: 300,
  concurrency: 64,
  clock: systemClock as Clock,
};

/** Fills the defaults in. Throws `ConfigError` for what cannot work. */
export const settingsOf = <Sealed>(options: FlowGrpoOptions<Sealed>): Settings<Sealed> => {
  checked("flowGrpo", options, flowGrpoRules);
  const settings = {
    ...withDefaults(defaults, options),
    replay: [options.replay ?? []].flat(),
    diagnosed: diagnosing(options.onDiagnosis),
  };
  const { train, tasks, tasksPerStep } = settings;
  if (settings.forks >= settings.groupSize)
    throw new ConfigError(
      `forks is ${settings.forks}: of ${settings.groupSize} rollouts in a group at most ${settings.groupSize - 1} can fork from another one.`,
    );
  if (train.length === 0) throw new ConfigError("Nothing to train: `train` needs at least one policy.");
  if (new Set(train.map(({ name }) => name)).size < train.length)
    throw new ConfigError("Policies that learn together need different names.");
  if (typeof tasks !== "function" && tasks.length < tasksPerStep)
    throw new ConfigError(
      `Cannot train on ${tasks.length} tasks: a step takes ${tasksPerStep}. Add tasks, or lower tasksPerStep.`,
    );
  return settings;
};

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
