import type { Budget } from "./budget.ts";
import type { ChatModel } from "./model.ts";
import type { Analyst, Executor, Generator, Planner, Verifier } from "./module.ts";
import type { Random } from "./random.ts";
import type { ReplyLog } from "./reply-log.ts";
import type { RolloutCost, Task } from "./task.ts";
import type { Toolset } from "./tool.ts";
import type { Trajectory } from "./trajectory.ts";

/** Evaluation sets, in the order in which people read them. An environment may leave some empty. */
export const setNames = ["heldOutPages", "heldOutFamily", "heldOutParaphrase", "deep"] as const;
export type SetName = (typeof setNames)[number];

/** What reports and the task sampler read of a task, whatever its environment. */
export interface EnvironmentSealed {
  readonly family: string;
  readonly role: "trained" | "heldOut" | "deep";
  /** The expected answer, for people. */
  readonly answer: string;
  /** In training: how many calls of a known route were made before its rollouts begin. @default 0 */
  readonly begun?: number | undefined;
}

export type EnvironmentTask<Sealed extends EnvironmentSealed = EnvironmentSealed> = Task<Sealed>;
export type TaskSets<Sealed extends EnvironmentSealed = EnvironmentSealed> = Readonly<
  Record<SetName, readonly EnvironmentTask<Sealed>[]>
>;
/** Finds a task by the id of its query. */
export type TaskOf<Sealed extends EnvironmentSealed = EnvironmentSealed> = (
  id: string,
) => EnvironmentTask<Sealed> | undefined;

/** What a check of an environment found. An error means that training on it would be in vain. */
export interface Finding {
  readonly check: "tasks" | "tools" | "reward" | "spread" | "leaks" | "duplicates" | "questions" | "families";
  readonly level: "ok" | "warning" | "error";
  readonly message: string;
}

/**
 * Where tasks come from: training tasks by family, evaluation sets, tools, a reward, and planners that know the tools but
 * learn nothing. A run of learning knows nothing else of its world. Its methods only get tasks that it gave.
 */
export interface Environment<Sealed extends EnvironmentSealed = EnvironmentSealed> {
  readonly name: string;
  /** Of all its data. */
  readonly hash: string;
  /** What identifies it in a run's `config.json`. */
  readonly record: Readonly<Record<string, unknown>>;
  /** What a report calls the sets. */
  readonly titles: Readonly<Record<SetName, string>>;
  /** Families that training draws from. */
  readonly families: readonly string[];
  /** A model that knows these tools. @default a small planner is made for them */
  readonly builtInModel?: string | undefined;
  /** What a check of it found, where it was checked. */
  readonly findings: readonly Finding[];
  /** The `index`-th training task of a family; an environment with few of them starts over. */
  train(family: string, index: number): EnvironmentTask<Sealed>;
  evaluation(split: "validation" | "test", sizes?: Partial<Readonly<Record<SetName, number>>>): TaskSets<Sealed>;
  /** In [0, 1]; undefined is not a sample. `cost` is there in training alone. */
  reward(
    task: EnvironmentTask<Sealed>,
    answer: string | undefined,
    cost?: RolloutCost,
  ): number | undefined | Promise<number | undefined>;
  /** `model` is behind tools that ask one. */
  tools(model: ChatModel): Toolset;
  readonly flow: EnvironmentFlow;
  /** Random but valid calls. `reading`: how often a calculation whose operands can be in memory is the asked one. */
  randomValid(reading: number, taskOf: TaskOf<Sealed>): Planner;
  /** Whether a tool computes with what is in memory and looks nothing up. */
  isCalculator(tool: string): boolean;
  /** Families whose questions make exercises. @default all that are trained */
  readonly exercised?: readonly string[] | undefined;
  /** An exercise in reading: brings what a question needs into memory, in a random order, and then calculates. */
  exercise(task: EnvironmentTask<Sealed>, draws: Random): Planner;
  /**
   * Training tasks with calls that came to their answers when tools were tried at random: in training some rollouts begin
   * part of the way along them. @default none is known
   */
  readonly routes?: readonly { readonly task: EnvironmentTask<Sealed>; readonly plan: readonly string[] }[] | undefined;
  /** Whether an exercise came to what is asked. @default all that calculated did */
  isRight?(task: EnvironmentTask<Sealed>, trajectory: Trajectory): boolean | Promise<boolean>;
  readonly fixedOrder: {
    readonly tools: readonly string[];
    /** Orders from which the search for the best one climbs. */
    readonly starts: readonly (readonly string[])[];
    planner(order: readonly string[], taskOf: TaskOf<Sealed>): Planner;
  };
  /** Knows the plan of each task; absent where nobody does. */
  oracle?(taskOf: TaskOf<Sealed>): Planner;
  /** A question to try the trained planner on. */
  readonly question: string;
}

/**
 * The limits of an environment's flows, who reads their questions, their instructions, who makes the calls, who judges and
 * answers where no model does, and who keeps the replies.
 */
export interface EnvironmentFlow {
  readonly budget?: Budget;
  readonly analyst?: Analyst;
  readonly instructions?: string;
  readonly replies?: ReplyLog;
  readonly secrets?: readonly string[];
  readonly executor?: Executor;
  readonly verifier?: Verifier;
  readonly generator?: Generator;
}

/** What a run of learning gives an environment when it opens it. */
export interface EnvironmentOpening {
  /** Decides which tasks there are. */
  readonly seed: number;
  /** Keeps what tools reply, so that a resumed run gets the same replies; absent where a run does not repeat anyway. */
  readonly replies?: ReplyLog | undefined;
  /** Told what is being done, for people. */
  readonly onStage?: ((stage: string) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** An environment that is opened by each run, with the run's seed: what `almanac()` and `project()` return. */
export interface EnvironmentSource<Sealed extends EnvironmentSealed = EnvironmentSealed> {
  readonly name: string;
  /** Throws `ConfigError` and `TaskError` for data that nothing can be learnt from. */
  open(opening: EnvironmentOpening): Promise<Environment<Sealed>>;
}
