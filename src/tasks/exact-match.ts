import { objectWith, required } from "../options.ts";
import type { Reward } from "../task.ts";
import { scoreAnswer } from "./score.ts";

const aTask = required(objectWith("a task"));
const aKey = required(objectWith("a sealed part with an answer"));

/** What a sealed part must hold to be scored by equality. */
export interface ExactAnswer {
  readonly answer: string;
  readonly kind: "number" | "date" | "text";
  /** Of a number: what it is in, when the answer names no unit. */
  readonly unit?: string;
}

/**
 * 1 when the final answer equals the expected one, else 0, by the rules of `scoreAnswer`. An absent answer is a 0.
 *
 * @example
 * ```ts
 * import { exactMatch } from "agentflow/tasks";
 *
 * const task = { id: "t1", question: "How many days has June?", sealed: { kind: "number", answer: "30" } as const };
 * console.log(await exactMatch(task, "30 days"));
 * ```
 */
export const exactMatch: Reward<ExactAnswer> = (task, answer) => {
  aTask(task, "exactMatch: the task");
  aKey(task.sealed, "exactMatch: the task's sealed part");
  const { kind, answer: expected, unit } = task.sealed;
  const key = { kind: kind === "number" ? kind : "text", answers: [expected], unit } as const;
  return scoreAnswer(key, answer).correct ? 1 : 0;
};
