import type { Executor } from "../module.ts";
import { deriveKey, uniform } from "../random.ts";

/**
 * An executor whose calls of one tool fail at a rate, with a message as a service gives it. Which ones is drawn from the
 * solve's key and the turn, so that two planners on one task meet the same failures, whatever runs beside them.
 *
 * @example
 * ```ts
 * import { createFlow, ruleExecutor } from "agentflow";
 * import { failingExecutor, scriptedModel } from "agentflow/testing";
 *
 * const executor = failingExecutor(ruleExecutor(), "stock", 0.3);
 * const flow = createFlow({ model: scriptedModel(() => "stock q1"), executor, tools: {} });
 * ```
 */
export const failingExecutor = (
  executor: Executor,
  tool: string,
  rate: number,
  message = "503 Service Unavailable",
): Executor => ({
  write: executor.write,
  run: async (call, state, context) =>
    call.tool === tool && uniform(deriveKey(context.randomKey, "failing", tool), state.turn) < rate
      ? { status: "failed", reason: "unavailable", error: message }
      : executor.run(call, state, context),
});
