import type { Plan } from "../../module.ts";
import type { Step } from "../../trajectory.ts";

/** The plan of a text that is an action, or why it is not one. */
export const planOf = (text: string, parsed: Step | { readonly error: string }): Pick<Plan, "step" | "error"> =>
  "error" in parsed ? malformed(text, parsed.error) : { step: parsed };

/** A plan that says nothing: the flow refuses it with this error, which the planner sees. */
export const malformed = (text: string, error: string): Pick<Plan, "step" | "error"> => ({
  step: { tool: "", subGoal: "", raw: text },
  error,
});
