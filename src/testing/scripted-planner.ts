import type { FlowState, ModuleContext, Planner } from "../module.ts";
import { type Step, stepOf } from "../trajectory.ts";

/** An action as text, such as `web_search q1`, or as a step. */
export type ScriptedAction = string | Step;

/** Decides on the next action; undefined repeats nothing and plans nothing, which the flow refuses as malformed. */
export type ScriptedPlan = (state: FlowState, context: ModuleContext) => ScriptedAction | undefined;

/**
 * A planner that follows a list of actions, turn by turn, or a function of the state.
 *
 * @example
 * ```ts
 * import { createFlow, ruleExecutor, ruleGenerator, ruleVerifier } from "agentflow";
 * import { scriptedPlanner } from "agentflow/testing";
 * import { calculate } from "agentflow/tools";
 *
 * const rules = { executor: ruleExecutor(), verifier: ruleVerifier(), generator: ruleGenerator() };
 * const flow = createFlow({ planner: scriptedPlanner(["calculate 6 * 7"]), ...rules, tools: { calculate } });
 * ```
 */
export const scriptedPlanner = (script: readonly ScriptedAction[] | ScriptedPlan): Planner => {
  const next: ScriptedPlan = typeof script === "function" ? script : ({ turn }) => script[turn - 1];
  return (state, context) => {
    const action = next(state, context);
    if (action === undefined)
      return { step: { tool: "", subGoal: "", raw: "" }, error: "The script has no further action." };
    return { step: typeof action === "string" ? stepOf(action) : action };
  };
};
