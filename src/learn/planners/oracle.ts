import type { Planner } from "../../module.ts";
import { stepOf } from "../../trajectory.ts";

/** A planner that knows the plan of each query: what the tools and the turn limit allow at best. */
export const oraclePlanner =
  (planOf: (queryId: string) => readonly string[]): Planner =>
  ({ query, turn }) => {
    const action = planOf(query.id)[turn - 1];
    return action === undefined
      ? { step: { tool: "", subGoal: "", raw: "" }, error: "The plan has no further action." }
      : { step: stepOf(action) };
  };
