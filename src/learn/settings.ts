import type { PromptForm } from "../flow/model/prompt-form.ts";
import type { AlgorithmName } from "./algorithms.ts";
import type { ModuleName, TrainableName } from "./modules.ts";
import type { ToolFailures } from "./tool-failures.ts";

/** What a run is asked for, as data: its `options.json`. What is absent is as the recipe says. */
export interface LearnSettings {
  readonly seed: number;
  /** Training steps. */
  readonly steps?: number | undefined;
  /** Steps of imitation before the first rollout, of a planner that is new to the environment. @default as the recipe says */
  readonly coldStart?: number | undefined;
  /** Questions in flight at once; changes time, not results. */
  readonly concurrency?: number | undefined;
  /** Tasks of each evaluation set. @default the sets' own sizes */
  readonly evalTasks?: number | undefined;
  /** Evaluate on the validation split, for choosing settings. */
  readonly validation: boolean;
  /** Imitate routes, random valid plans and rare successes beside the reward. */
  readonly replay: boolean;
  /** Modules that a chat model plays. @default all */
  readonly modules?: readonly ModuleName[] | undefined;
  /** Modules that learn. @default the planner */
  readonly train?: readonly TrainableName[] | undefined;
  /** Rank of adapters. @default 16 */
  readonly rank?: number | undefined;
  /** How rewards become gradients, by name. @default as the recipe says */
  readonly algorithm?: AlgorithmName | undefined;
  /** Peak learning rate. */
  readonly learningRate?: number | undefined;
  /** Use rollouts that are at most this many versions old; such a run does not repeat. @default 0 */
  readonly maxStaleness?: number | undefined;
  /** Steps between checkpoints. */
  readonly checkpointEvery?: number | undefined;
  /** Undo steps that go too far, and keep the version that did best on validation. */
  readonly guard: boolean;
  /** Stop after this many validations without a better one. */
  readonly patience?: number | undefined;
  /** Stop after the step in which this many minutes have passed; such a run does not repeat to the bit. */
  readonly minutes?: number | undefined;
  /** Let calls of tools fail in training, as those of a service that is unavailable for now: this share of them. */
  readonly toolFailures?: ToolFailures | undefined;
  /** How the prompts of a chat model that learns are written. @default compact, at a server in chat */
  readonly prompt?: PromptForm | undefined;
  /** Show a planner with compact prompts the verdict of each turn. */
  readonly verdicts?: boolean | undefined;
  /** The control: deal the rewards out at random. */
  readonly permuteRewards: boolean;
}

/** Settings as they are asked for: those left out, or undefined, have defaults. */
export type AskedSettings = { readonly [Name in keyof LearnSettings]?: LearnSettings[Name] | undefined };

const defaults = { seed: 7, validation: false, replay: true, guard: true, permuteRewards: false } as const;

/** The settings of a run, with defaults filled in. */
export const settingsOf = (options: AskedSettings): LearnSettings => ({
  seed: options.seed ?? defaults.seed,
  steps: options.steps,
  coldStart: options.coldStart,
  concurrency: options.concurrency,
  evalTasks: options.evalTasks,
  validation: options.validation ?? defaults.validation,
  replay: options.replay ?? defaults.replay,
  modules: options.modules,
  train: options.train,
  rank: options.rank,
  algorithm: options.algorithm,
  learningRate: options.learningRate,
  maxStaleness: options.maxStaleness,
  checkpointEvery: options.checkpointEvery,
  guard: options.guard ?? defaults.guard,
  patience: options.patience,
  minutes: options.minutes,
  toolFailures: options.toolFailures,
  prompt: options.prompt,
  verdicts: options.verdicts,
  permuteRewards: options.permuteRewards ?? defaults.permuteRewards,
});
