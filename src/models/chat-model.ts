import type { Policy, PromptSegment } from "../engine.ts";
import { ConfigError, ModelError } from "../errors.ts";
import type { ChatMessage, ChatModel } from "../model.ts";
import { checked, count, name, objectWith, type Rules, required } from "../options.ts";
import { plainText } from "../plain-text.ts";
import { randomKey } from "../random.ts";

export interface ChatModelOptions {
  /** @default the name of the engine's model */
  readonly id?: string;
  /** Most tokens of a reply when a request does not say. @default 256 */
  readonly maxTokens?: number;
  /** A published version to stay on. @default the newest */
  readonly version?: string;
}

export const chatModelRules: Rules<ChatModelOptions> = { id: name, maxTokens: count, version: name };

/**
 * A policy of a chat model as a ChatModel, in the model's own template. The system's part of a prompt is a segment of its
 * own, so that all requests with the same one share its place in the cache. Requests run in the engine's common batches.
 */
export const chatModel = (policy: Policy, options: ChatModelOptions = {}): ChatModel => {
  required(objectWith("a policy", "sample"))(policy, "chatModel: the policy");
  const { id, maxTokens = 256, version } = checked("chatModel", options, chatModelRules);
  const { chat, tokenizer, contextLength, endIds, model } = policy.engine;
  if (chat === undefined) throw new ConfigError(`${model} has no chat template: it cannot be used as a chat model.`);
  const plain = ({ role, content }: ChatMessage): ChatMessage => ({
    role,
    content: plainText(tokenizer, content),
  });
  const segments = async (
    messages: readonly ChatMessage[],
    abortSignal: AbortSignal | undefined,
  ): Promise<PromptSegment[]> => {
    const said = messages.map(plain);
    const text = await chat.render(said, { addGenerationPrompt: true, abortSignal });
    const [first] = said;
    const end =
      first?.role === "system" && first.content !== "" ? text.indexOf(first.content) + first.content.length : 0;
    return [text.slice(0, end), text.slice(end)]
      .filter((part) => part !== "")
      .map((part) => ({ ids: tokenizer.encode(part), sampled: false }));
  };
  return {
    id: id ?? model,
    complete: async (request) => {
      if (request.messages.length === 0) throw new ModelError("The request has no message to reply to.");
      const limit = request.maxTokens ?? maxTokens;
      const prompt = await segments(request.messages, request.abortSignal);
      const promptTokens = prompt.reduce((sum, { ids }) => sum + ids.length, 0);
      if (promptTokens >= contextLength)
        throw new ModelError(`The conversation has ${promptTokens} tokens; ${model} holds ${contextLength}.`);
      // Several models may complete on one policy at once: each call has a cache of its own.
      const history = `chat-${crypto.randomUUID()}`;
      try {
        const { ids } = await policy.sample({
          prompt,
          history,
          randomKey: request.randomKey ?? randomKey("chat", JSON.stringify(request.messages)),
          maxTokens: Math.min(limit, contextLength - promptTokens),
          stopIds: endIds,
          temperature: request.temperature ?? 0,
          ...(request.grammar === undefined ? {} : { grammar: request.grammar }),
          ...(version === undefined ? {} : { version }),
          ...(request.abortSignal === undefined ? {} : { abortSignal: request.abortSignal }),
        });
        const ended = endIds.includes(ids.at(-1) ?? -1);
        const text = tokenizer.decode(ended ? ids.slice(0, -1) : ids).trim();
        return { text, promptTokens, sampledTokens: ids.length };
      } finally {
        policy.release(history);
      }
    },
  };
};
