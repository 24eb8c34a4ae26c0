import type { Policy } from "../engine.ts";
import { ConfigError, ModelError } from "../errors.ts";
import type { ChatModel } from "../model.ts";
import { checked, objectWith, required } from "../options.ts";
import { randomKey } from "../random.ts";
import { chatModel, chatModelRules } from "./chat-model.ts";

export interface EngineModelOptions {
  /** @default the name of the engine's model */
  readonly id?: string;
  /** Most tokens of a reply when a request does not say. @default 32, 256 for a chat model */
  readonly maxTokens?: number;
  /** A published version to stay on. @default the newest */
  readonly version?: string;
}

/** The engine's own weights as a ChatModel: in its chat template where it has one, else as a completion model. */
export const engineModel = (policy: Policy, options: EngineModelOptions = {}): ChatModel => {
  required(objectWith("a policy", "sample"))(policy, "engineModel: the policy");
  checked("engineModel", options, chatModelRules);
  return policy.engine.chat === undefined ? completionModel(policy, options) : chatModel(policy, options);
};

/**
 * A small completion model as a ChatModel: the prompt is the last user message and the token `<answer>`, the reply
 * ends at `<end>`. It has no chat template, so system messages and earlier turns are not read.
 */
const completionModel = (policy: Policy, { id, maxTokens = 32, version }: EngineModelOptions = {}): ChatModel => {
  const { tokenizer, contextLength, model } = policy.engine;
  const answerId = tokenizer.idOf("<answer>");
  const endId = tokenizer.idOf("<end>");
  if (answerId === undefined || endId === undefined) {
    throw new ConfigError("The model's vocabulary lacks <answer> or <end>: it was not made to complete questions.");
  }
  return {
    id: id ?? model,
    complete: async (request) => {
      const question = request.messages.findLast(({ role }) => role === "user")?.content;
      if (question === undefined) throw new ModelError("The request has no user message to complete.");
      const limit = Math.min(request.maxTokens ?? maxTokens, contextLength - 2);
      // The end of a long question is kept: it says what is asked.
      const ids = [...tokenizer.encode(question).slice(-(contextLength - 1 - limit)), answerId];
      // Several models may complete on one policy at once: each call has a cache of its own.
      const history = `completion-${crypto.randomUUID()}`;
      try {
        const sample = await policy.sample({
          prompt: [{ ids, sampled: false }],
          history,
          randomKey: request.randomKey ?? randomKey("completion", question),
          maxTokens: limit,
          stopIds: [endId],
          temperature: request.temperature ?? 0,
          ...(version === undefined ? {} : { version }),
          ...(request.abortSignal === undefined ? {} : { abortSignal: request.abortSignal }),
        });
        const text = sample.ids.at(-1) === endId ? sample.ids.slice(0, -1) : sample.ids;
        return { text: tokenizer.decode(text).trim(), promptTokens: ids.length, sampledTokens: sample.ids.length };
      } finally {
        policy.release(history);
      }
    },
  };
};
