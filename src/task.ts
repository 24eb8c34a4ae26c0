import { defined, objectWith } from "./options.ts";

/** A message that came before the question. */
export interface Utterance {
  readonly role: "system" | "user" | "assistant";
  readonly text: string;
}

/** What the modules of a flow get to see of a task. Nothing else of it ever reaches them. */
export interface Query {
  readonly id: string;
  readonly question: string;
  /**
   * Earlier messages of the same conversation, oldest first: for an analyst and a planner by a model, in a bounded slot of
   * their prompts. Rules, and planners with compact prompts such as the built-in one, do not read it. @default none
   */
  readonly conversation?: readonly Utterance[];
  /** Most planner turns for this question; the flow's own limit when absent. */
  readonly turnLimit?: number;
}

/**
 * A task: a query and a sealed part (expected answer, family, pages needed, oracle plan). Only rewards, scorers and
 * reports read `sealed`; the flow takes a `Query` and gets a copy without it (`queryOf`).
 */
export interface Task<Sealed = unknown> extends Query {
  readonly sealed: Sealed;
}

const aQuery = objectWith("a query with id and question");

/**
 * The query of a task, with the sealed part left behind.
 *
 * @example
 * ```ts
 * import { queryOf, type Task } from "agentflow";
 *
 * const task: Task<{ answer: string }> = { id: "t1", question: "Which site is nearer?", sealed: { answer: "Lagos" } };
 * const query = queryOf(task);
 * ```
 */
export const queryOf = (query: Query): Query => {
  aQuery(query, "The query");
  const { id, question, turnLimit, conversation } = query;
  return { id, question, ...defined({ turnLimit, conversation }) };
};

/** What an answer took: a reward may be less for a wasteful plan. */
export interface RolloutCost {
  readonly turns: number;
  /** Calls that reached a tool, the failed ones included. */
  readonly calls: number;
}

/**
 * A pure function of task and answer, in [0, 1]. `undefined` means "no sample" (an infrastructure failure), never 0.
 * `answer` is undefined when the flow ended without one: that is a 0 for most rewards. `cost` is there in training alone:
 * evaluations measure the answer.
 */
export type Reward<Sealed = unknown> = (
  task: Task<Sealed>,
  answer: string | undefined,
  cost?: RolloutCost,
) => number | undefined | Promise<number | undefined>;
