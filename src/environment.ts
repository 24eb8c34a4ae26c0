import type { FlowOptions } from "./flow/flow.ts";
import type { ChatModel } from "./model.ts";
import type { Planner } from "./module.ts";
import type { Random } from "./random.ts";
import type { Reward, Task } from "./task.ts";
import type { Toolset } from "./tool.ts";

/** Names of the sets that a planner is measured on, in the order in which people read them. A world may leave some empty. */
export const setNames = ["heldOutPages", "heldOutFamily", "heldOutParaphrase", "deep"] as const;
export type SetName = (typeof setNames)[number];

/** What rewards, reports and scripted planners read of a task, whatever world it is from. */
export interface WorldSealed {
  readonly family: string;
  readonly role: "trained" | "heldOut" | "deep";
  /** For people. */
  readonly answer: string;
}

export type WorldTask = Task<WorldSealed>;
export type WorldSets = Readonly<Record<SetName, readonly WorldTask[]>>;
export type TaskOf = (id: string) => WorldTask | undefined;

/** What `learn` trains on: tasks by family, tools, a reward, and planners that know the tools but learn nothing. */
export interface World {
  /** Of all its data. */
  readonly hash: string;
  /** What a report calls the sets. */
  readonly titles: Readonly<Record<SetName, string>>;
  /** Families that training draws from. */
  readonly families: readonly string[];
  /** The `index`-th training task of a family; a world with few of them goes round. */
  train(family: string, index: number): WorldTask;
  evaluation(split: "validation" | "test", sizes?: Partial<Readonly<Record<SetName, number>>>): WorldSets;
  readonly reward: Reward<WorldSealed>;
  /** `model` is behind tools that ask one. */
  tools(model: ChatModel): Toolset;
  /** Budget and instructions of its flows, who makes its calls, and who keeps what its tools reply. */
  readonly flow: Pick<FlowOptions, "budget" | "instructions" | "replies" | "secrets" | "executor">;
  /** Random but valid calls. `reading`: how often a calculation whose operands can be in memory is the asked one. */
  randomValid(reading: number, taskOf: TaskOf): Planner;
  /** Whether a tool computes with what is in memory, and looks nothing up. */
  isCalculator(tool: string): boolean;
  /** An exercise in reading: brings what a question needs into memory, in a random order, and then calculates. */
  exercise(task: WorldTask, draws: Random): Planner;
  readonly fixedOrder: {
    readonly tools: readonly string[];
    /** Orders from which the search for the best one climbs. */
    readonly starts: readonly (readonly string[])[];
    planner(order: readonly string[], taskOf: TaskOf): Planner;
  };
  /** Knows the plan of each task, in a world that does. */
  oracle?(taskOf: TaskOf): Planner;
  /** A question to try the trained planner on. */
  readonly question: string;
}
