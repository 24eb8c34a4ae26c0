import type { Policy } from "../../engine.ts";
import type { ChatModel } from "../../model.ts";
import type { FlowState, Judgement, ModuleContext, Verifier } from "../../module.ts";
import { checked, count, either, number, objectWith, oneOf, type Rules, required } from "../../options.ts";
import type { Observation, Step } from "../../trajectory.ts";
import { admit } from "../gate.ts";
import { chatPrompts } from "./chat-prompt.ts";
import { chatVerifier } from "./chat-verifier.ts";
import { policyTurns } from "./policy-turns.ts";
import {
  readVerdict,
  VERDICT_PATTERN,
  type VerdictForm,
  verdictText,
  verifierSystem,
  verifierTurn,
} from "./verifier-prompt.ts";

export interface ModelVerifierOptions {
  /** @default "word" for a policy, which is trained on what it writes; "lines" for a chat model */
  readonly form?: VerdictForm;
  /** Most tokens of a verdict. @default 8 for a word, 160 for lines */
  readonly maxTokens?: number;
  /** @default 1 for a policy, 0 for a chat model */
  readonly temperature?: number;
  /** Characters that earlier turns may take with a chat model; the oldest are left out. @default 16000 */
  readonly room?: number;
}

const optionRules: Rules<ModelVerifierOptions> = {
  form: oneOf("word", "lines"),
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

const policyVerifier = (policy: Policy, { form = "word", ...options }: ModelVerifierOptions): Verifier => {
  const { maxTokens = form === "word" ? 8 : 160, temperature = 1 } = options;
  const prompts = chatPrompts(policy.engine);
  const turns = policyTurns(policy, "verifier", (history) => `${history}/verifier`);

  const judge = async (
    step: Step,
    observation: Observation,
    state: FlowState,
    context: ModuleContext,
  ): Promise<Judgement> => {
    const sampled = new Map(turns.earlier(context).map(({ turn, ids }) => [turn, ids]));
    const shown = [...state.memory, { index: state.turn, step, observation }].map((turn) => verifierTurn(state, turn));
    const prompt = prompts.prompt(
      {
        system: verifierSystem(form),
        opening: shown[0] ?? "",
        exchanges: state.memory.map((entry, i) => ({
          reply: sampled.get(entry.index) ?? verdictText(entry.verdict, form),
          user: shown[i + 1] ?? "",
        })),
      },
      policy.engine.contextLength - maxTokens,
    );
    if (prompt === undefined)
      return { verdict: { decision: "continue", reason: "The question does not fit the verifier's context." } };
    const turn = await turns.sample(
      state.turn,
      prompt,
      {
        maxTokens,
        stopIds: prompts.endIds,
        temperature,
        ...(form === "word" && { grammar: { type: "pattern", pattern: VERDICT_PATTERN } }),
      },
      context,
    );
    return { verdict: readVerdict(turn.text), sampled: turn.sampled, tokens: turn.tokens };
  };
  return { admit, judge, release: turns.release };
};
