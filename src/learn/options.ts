import type { ModuleName, TrainableName } from "./cast.ts";

/** What `agentflow learn` was asked to do. */
export interface LearnOptions {
  readonly seed: number;
  /** Training steps; the recipe's own number when absent. */
  readonly steps?: number | undefined;
  /** Where the run's folder is made. */
  readonly out: string;
  /** The built-in model, a model folder, or a run, which stands for its weights. @default the built-in one; of a project a small planner made for its tools */
  readonly model?: string | undefined;
  /** A project's `agentflow.config.ts`: its own tasks, tools and reward. */
  readonly config?: string | undefined;
  /** Steps of imitation of a planner that has never seen the tools; the recipe's own number when absent. */
  readonly coldStart?: number | undefined;
  /** Only check the project. */
  readonly check?: boolean | undefined;
  /** Questions under way at once; the recipe's own number when absent. */
  readonly concurrency?: number | undefined;
  /** Tasks of each evaluation set; the sets' own sizes when absent. */
  readonly evalTasks?: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
  /** Evaluate on the validation split, for choosing settings. */
  readonly validation: boolean;
  /** Imitate random valid plans beside the reward. */
  readonly replay: boolean;
  /** Modules that a chat model plays. */
  readonly modules?: readonly ModuleName[] | undefined;
  /** Modules that learn. */
  readonly train?: readonly TrainableName[] | undefined;
  /** Of adapters. */
  readonly rank?: number | undefined;
  /** Longest sequence of a published model. */
  readonly context?: number | undefined;
  /** How a published model samples. */
  readonly quantisation?: "int8" | "int4" | "none" | undefined;
  /** Peak learning rate; the recipe's own when absent. */
  readonly learningRate?: number | undefined;
  /** Rollouts go on while a step is trained, by versions at most so many steps old; such a run is not repeatable. @default 0 */
  readonly maxStaleness?: number | undefined;
  /** Steps from one checkpoint to the next; the recipe's own number when absent. */
  readonly checkpointEvery?: number | undefined;
  /** Take back steps that go too far, and keep the best version by validation. */
  readonly guard: boolean;
  /** End after so many validations without a better one. */
  readonly patience?: number | undefined;
  /** Training ends after the step in which so many minutes have passed: such a run is not repeatable to the bit. */
  readonly minutes?: number | undefined;
  /** Show the built-in planner the verdict of each turn. */
  readonly verdicts?: boolean | undefined;
  /** The control: rewards are dealt out at random. */
  readonly permuteRewards: boolean;
}
