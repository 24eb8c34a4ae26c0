import type { Policy } from "../../engine.ts";
import type { ChatModel } from "../../model.ts";
import type { FlowState, ModuleContext, Plan, Planner } from "../../module.ts";
import { checked, count, either, number, objectWith, oneOf, type Rules, required, truth } from "../../options.ts";
import { chatPlanner } from "./chat-planner.ts";
import { malformed, planOf } from "./plan.ts";
import { actionPattern } from "./planner-prompt.ts";
import { policyTurns } from "./policy-turns.ts";
import { lengthOf, type PromptOptions, plannerPrompts } from "./prompt-form.ts";

/** `prompt`, `detail`, `verdicts`, `turnsLeft`, `marked`, `references` and `grammar` are a policy's, whose prompts are token ids; `room` is a chat model's. */
export interface ModelPlannerOptions extends PromptOptions {
  /** Most tokens of an action. @default 24, 40 in the chat form, 256 for a chat model */
  readonly maxTokens?: number;
  /**
   * 0 is greedy. What is drawn at another one than 1 is trained with importance weights.
   * @default 1 for a policy, 0 for a chat model
   */
  readonly temperature?: number;
  /** Hold what a policy samples to the form of an action. @default true in the chat form */
  readonly grammar?: boolean;
  /** Characters that question and memory may take with a chat model; the oldest turns are left out. @default 24000 */
  readonly room?: number;
}

const modelPlannerRules: Rules<ModelPlannerOptions> = {
  prompt: oneOf("compact", "chat"),
  detail: oneOf("values", "names"),
  verdicts: truth,
  turnsLeft: truth,
  marked: truth,
  references: oneOf("entries", "things"),
  maxTokens: count,
  temperature: number(),
  grammar: truth,
  room: count,
};

/**
 * A planner by a model. A chat model is frozen: it writes an action in words, which is repaired once. A policy is trained:
 * each turn's prompt is the last one, what was sampled then and what came of it, by their ids, so that nothing that was
 * sampled is encoded again. A solve stays on the version it began with.
 *
 * @example
 * ```ts
 * import { createFlow, modelPlanner, ruleExecutor, ruleGenerator, ruleVerifier } from "agentflow";
 * import { openEngine } from "agentflow/engines/onnx";
 * import { calculate } from "agentflow/tools";
 *
 * const engine = await openEngine("agentflow-tiny");
 * const planner = modelPlanner(engine.policy("planner"));
 * const rules = { executor: ruleExecutor(), verifier: ruleVerifier(), generator: ruleGenerator() };
 * const flow = createFlow({ planner, ...rules, tools: { calculate } });
 * ```
 */
export const modelPlanner = (model: ChatModel | Policy, options: ModelPlannerOptions = {}): Planner => {
  required(either(objectWith("a policy", "sample"), objectWith("a chat model or a policy", "complete")))(
    model,
    "modelPlanner: the model",
  );
  checked("modelPlanner", options, modelPlannerRules);
  return "sample" in model ? policyPlanner(model, options) : chatPlanner(model, options);
};

const policyPlanner = (policy: Policy, options: ModelPlannerOptions): Planner => {
  const { contextLength, chat } = policy.engine;
  const form = options.prompt ?? (chat === undefined ? "compact" : "chat");
  const { maxTokens = form === "chat" ? 40 : 24, temperature = 1, grammar = form === "chat" } = options;
  const prompts = plannerPrompts(policy.engine, options);
  const turns = policyTurns(policy, "planner");

  const plan = async (state: FlowState, context: ModuleContext): Promise<Plan> => {
    const earlier = new Map(turns.earlier(context).map(({ turn, ids }) => [turn, ids]));
    const prompt = prompts.prompt(state, {
      tools: state.tools,
      instructions: context.instructions,
      turnLimit: state.turn - 1 + state.turnsLeft,
      room: contextLength - (form === "chat" ? maxTokens : 1),
      sampled: ({ index }) => earlier.get(index),
    });
    if (prompt === undefined)
      return malformed("", `Question and memory take more tokens than the model's ${contextLength}.`);
    const { text, ended, sampled, tokens } = await turns.sample(
      state.turn,
      prompt,
      {
        maxTokens: Math.min(maxTokens, contextLength - lengthOf(prompt)),
        stopIds: prompts.stopIds,
        temperature,
        ...(grammar && { grammar: { type: "pattern", pattern: actionPattern(state.tools) } }),
      },
      context,
    );
    context.onText?.(text);
    return {
      ...(ended
        ? planOf(text, prompts.parse(text, state.tools))
        : malformed(text, `An action ends within ${maxTokens} tokens.`)),
      sampled,
      tokens,
    };
  };
  return Object.assign(plan, { release: turns.release });
};
