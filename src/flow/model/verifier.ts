import type { Policy } from "../../engine.ts";
import type { ChatModel } from "../../model.ts";
import type { FlowState, Judgement, ModuleContext, Verifier } from "../../module.ts";
import { checked, count, either, number, objectWith, oneOf, type Rules, required } from "../../options.ts";
import type { Observation, Step } from "../../trajectory.ts";
import { admit } from "../gate.ts";
import { chatVerifier } from "./chat-verifier.ts";
import { policyTurns } from "./policy-turns.ts";
import type { PromptForm } from "./prompt-form.ts";
import { verifierPrompts } from "./verifier-form.ts";
import { readVerdict, type VerdictForm } from "./verifier-prompt.ts";

export interface ModelVerifierOptions {
  /** @default "word" for a policy, which is trained on what it writes; "lines" for a chat model */
  readonly form?: VerdictForm;
  /** Of a policy: `compact` is made for small models, and a verdict is one token. @default "chat" where its engine has a chat template, else "compact" */
  readonly prompt?: PromptForm;
  /** Most tokens of a verdict. @default 8 for a word, 160 for lines */
  readonly maxTokens?: number;
  /** @default 1 for a policy, 0 for a chat model */
  readonly temperature?: number;
  /** Characters that earlier turns may take with a chat model; the oldest are left out. @default 16000 */
  readonly room?: number;
}

const optionRules: Rules<ModelVerifierOptions> = {
  form: oneOf("word", "lines"),
  prompt: oneOf("compact", "chat"),
  maxTokens: count,
  temperature: number(),
  room: count,
};

/**
 * A verifier by a model. Its first gate is the rules'; after a call the model says whether memory answers the question.
 * With a policy it is a trained module: its turns are in the trajectory, and extend each other as the planner's do.
 *
 * @example
 * ```ts
 * import { createFlow, modelVerifier } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, verifier: modelVerifier(model), tools: {} });
 * ```
 */
export const modelVerifier = (model: ChatModel | Policy, options: ModelVerifierOptions = {}): Verifier => {
  required(either(objectWith("a policy", "sample"), objectWith("a chat model or a policy", "complete")))(
    model,
    "modelVerifier: the model",
  );
  checked("modelVerifier", options, optionRules);
  return "sample" in model ? policyVerifier(model, options) : chatVerifier(model, options);
};

const policyVerifier = (
  policy: Policy,
  { form, prompt: written, temperature = 1, ...options }: ModelVerifierOptions,
): Verifier => {
  const { contextLength } = policy.engine;
  const prompts = verifierPrompts(policy.engine, { form, prompt: written });
  const { maxTokens = prompts.maxTokens } = options;
  const { stopIds, grammar } = prompts;
  const turns = policyTurns(policy, "verifier", (history) => `${history}/verifier`);

  const judge = async (
    step: Step,
    observation: Observation,
    state: FlowState,
    context: ModuleContext,
  ): Promise<Judgement> => {
    const sampled = new Map(turns.earlier(context).map(({ turn, ids }) => [turn, ids]));
    const prompt = prompts.prompt(state, [...state.memory, { index: state.turn, step, observation }], {
      room: contextLength - maxTokens,
      sampled: (index) => sampled.get(index),
    });
    if (prompt === undefined)
      return { verdict: { decision: "continue", reason: "The question does not fit the verifier's context." } };
    const request = { maxTokens, stopIds, temperature, ...(grammar && { grammar }) };
    const turn = await turns.sample(state.turn, prompt, request, context);
    return { verdict: readVerdict(turn.text, prompts.read), sampled: turn.sampled, tokens: turn.tokens };
  };
  return { admit, judge, release: turns.release };
};
