import type { Executor } from "../../module.ts";
import { onDemand } from "../../on-demand.ts";
import { checked, count } from "../../options.ts";
import { callRunner } from "../run-call.ts";

/**
 * The executor by rules. A tool with one required string argument gets it from the sub-goal, in which every reference
 * (`q1`, `@2.country`) is replaced by its value; one that computes gets terms (`135 ft`, `45 "km/h"`) and
 * `days @2.date @4.born` is written as `days("…", "…")`. A tool with several required arguments, or one that is no
 * string, gets them in order, one word for each (`stock q1 @2.site`), further words are its optional ones; one without any
 * gets none. A sub-goal that is a JSON object is the whole input.
 *
 * @example
 * ```ts
 * import { createFlow, ruleExecutor } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, executor: ruleExecutor({ outputLimit: 2000 }), tools: {} });
 * ```
 */
export const ruleExecutor = (options: { readonly outputLimit?: number } = {}): Executor => {
  const { outputLimit } = checked("ruleExecutor", options, { outputLimit: count });
  const writer = onDemand(async () => (await import("./write-call.ts")).callWriter());
  return {
    write: (step, state) => writer((write) => write(step, state)),
    run: callRunner(outputLimit),
  };
};
