import type { Planner } from "../../module.ts";
import { stepOf } from "../../trajectory.ts";

/**
 * A planner that knows the plan of each query: what the tools and the turn limit allow at best.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { oraclePlanner } from "agentflow/learn";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const plans: Record<string, string[]> = { t1: ["search q1", "calculate value(@1.population)"] };
 * const flow = createFlow({ model, planner: oraclePlanner((id) => plans[id] ?? []), tools: {} });
 * ```
 */
export const oraclePlanner =
  (planOf: (queryId: string) => readonly string[]): Planner =>
  ({ query, turn }) => {
    const action = planOf(query.id)[turn - 1];
    return action === undefined
      ? { step: { tool: "", subGoal: "", raw: "" }, error: "The plan has no further action." }
      : { step: stepOf(action) };
  };
