import type { ChatModel } from "../../model.ts";
import type { Executor, FlowState, ModuleContext, Refusal } from "../../module.ts";
import { checked, count, objectWith, required } from "../../options.ts";
import type { Step, ToolCall } from "../../trajectory.ts";
import { callRunner } from "../run-call.ts";
import { jsonSchemaOf, parseInput } from "../schema.ts";
import { holding } from "./holding.ts";

export interface ModelExecutorOptions {
  /** Most tokens of a call. @default 256 */
  readonly maxTokens?: number;
  /** Longest result of a tool that is kept, in characters. @default that of the rules */
  readonly outputLimit?: number;
}

/**
 * An executor by a model, as published: it writes the call from the tool's schema and the sub-goal, unless the sub-goal is
 * an input that fits, as a planner writes it that calls tools natively. What does not parse
 * or fit is coerced, then repaired once by the model, then refused. Calls are run as the rules run them.
 *
 * @example
 * ```ts
 * import { createFlow, modelExecutor } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, executor: modelExecutor(model), tools: {} });
 * ```
 */
export const modelExecutor = (model: ChatModel, options: ModelExecutorOptions = {}): Executor => {
  required(objectWith("a chat model", "complete"))(model, "modelExecutor: the model");
  const { maxTokens = 256, outputLimit } = checked("modelExecutor", options, { maxTokens: count, outputLimit: count });
  return holding(model, {
    run: callRunner(outputLimit),
    write: async (step: Step, state: FlowState, context: ModuleContext): Promise<ToolCall | Refusal> => {
      const tool = Object.hasOwn(state.tools, step.tool) ? state.tools[step.tool] : undefined;
      // The verifier's first gate refuses it, with the list of tools.
      if (tool === undefined) return { tool: step.tool, input: {} };
      const schema = jsonSchemaOf(tool.inputSchema);
      if (step.subGoal.startsWith("{")) {
        const { writtenInput } = await import("./written-call.ts");
        const whole = writtenInput(step.subGoal, schema, state, tool.metadata);
        if (whole !== undefined && !("problem" in (await parseInput(tool.inputSchema, whole))))
          return { tool: step.tool, input: whole };
      }
      const { askedCall } = await import("./asked-call.ts");
      return askedCall(model, maxTokens, { step, tool, schema }, state, context);
    },
  });
};
