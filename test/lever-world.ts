import type { Policy } from "../src/engine.ts";
import { createFlow, type Flow } from "../src/flow/flow.ts";
import { modelPlanner } from "../src/flow/model/planner.ts";
import type { Reward, Task } from "../src/task.ts";
import { leverTools } from "../src/testing/index.ts";

export { leverPolicy } from "../src/testing/index.ts";

const leverOf = { red: "left", green: "right", blue: "up" };

/** Each colour has its lever; nothing but the reward tells which. */
export const leverTasks: readonly Task<{ readonly answer: string }>[] = Object.entries(leverOf).map(
  ([colour, answer]) => ({ id: colour, question: `which lever opens ${colour}`, turnLimit: 2, sealed: { answer } }),
);

export const leverReward: Reward<{ readonly answer: string }> = ({ sealed }, answer) =>
  sealed.answer === answer ? 1 : 0;

/** `press` ends the flow with the lever as its answer, `look` costs a turn. */
export const leverFlow = (policy: Policy): Flow =>
  createFlow({
    planner: modelPlanner(policy),
    analyst: ({ question }) => ({ entities: [], template: question }),
    tools: leverTools,
  });
