import type { Analyst } from "../../module.ts";
import { onDemand } from "../../on-demand.ts";

/**
 * Query analysis by rules of English: entities in order of appearance, the template, the unit or kind of the answer.
 *
 * @example
 * ```ts
 * import { createFlow, ruleAnalyst } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, analyst: ruleAnalyst(), tools: {} });
 * ```
 */
export const ruleAnalyst = (): Analyst => {
  const rules = onDemand(() => import("./analyse.ts"));
  return ({ question }) => rules(({ analyse }) => analyse(question));
};
