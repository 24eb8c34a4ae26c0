import type { ChatTemplate, Policy, PromptSegment } from "../engine.ts";
import { ConfigError, ModelError } from "../errors.ts";
import { MARKED } from "../metered.ts";
import type { ChatMessage, ChatModel, ChatReply } from "../model.ts";
import { checked, count, defined, name, objectWith, type Rules, required } from "../options.ts";
import { plainText } from "../plain-text.ts";
import { randomKey } from "../random.ts";
import { asking } from "./asking.ts";
import { Starved } from "./starved.ts";

export interface EngineModelOptions {
  /** @default the name of the engine's model */
  readonly id?: string;
  /** Most tokens of a reply when a request does not say. @default 32, 256 for a chat model */
  readonly maxTokens?: number;
  /** A published version to stay on. @default the newest */
  readonly version?: string;
}

const engineModelRules: Rules<EngineModelOptions> = { id: name, maxTokens: count, version: name };

/**
 * The chat model of an engine: a policy of it, in the model's own chat template where it has one, else as a model that
 * completes a question. Throws `ConfigError` for a model that was made for neither.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openEngine } from "agentflow/engines/onnx";
 * import { engineModel } from "agentflow/models";
 *
 * const engine = await openEngine("./SmolLM2-135M-Instruct");
 * const flow = createFlow({ model: engineModel(engine.policy("planner")), tools: {} });
 * ```
 */
export const engineModel = (policy: Policy, options: EngineModelOptions = {}): ChatModel => {
  required(objectWith("a policy", "sample"))(policy, "engineModel: the policy");
  checked("engineModel", options, engineModelRules);
  const { chat } = policy.engine;
  return chat === undefined ? completionModel(policy, options) : templateModel(policy, chat, options);
};

/**
 * A policy of a chat model as a ChatModel, in the model's own template. The system's part of a prompt is a segment of its
 * own, so that all requests with the same one share its place in the cache. Requests run in the engine's common batches.
 */
const templateModel = (
  policy: Policy,
  chat: ChatTemplate,
  { id, maxTokens = 256, version }: EngineModelOptions,
): ChatModel => {
  const { tokenizer, contextLength, endIds, model } = policy.engine;
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
    // It runs here.
    priced: true,
    complete: asking({ model, maxTokens }, async (request, _, most) => {
      const prompt = await segments(request.messages, request.abortSignal);
      const promptTokens = prompt.reduce((sum, { ids }) => sum + ids.length, 0);
      if (promptTokens >= contextLength)
        throw new ModelError(`The conversation has ${promptTokens} tokens; ${model} holds ${contextLength}.`);
      const limit = Math.min(most, contextLength - promptTokens);
      // Several models may complete on one policy at once: each call has a cache of its own.
      const history = `chat-${crypto.randomUUID()}`;
      try {
        const { ids } = await policy.sample({
          prompt,
          history,
          randomKey: request.randomKey ?? randomKey("chat", JSON.stringify(request.messages)),
          maxTokens: limit,
          stopIds: endIds,
          temperature: request.temperature ?? 0,
          ...defined({ grammar: request.grammar, version, abortSignal: request.abortSignal }),
        });
        const ended = endIds.includes(ids.at(-1) ?? -1);
        const text = tokenizer.decode(ended ? ids.slice(0, -1) : ids).trim();
        const reply = { text, promptTokens, sampledTokens: ids.length };
        return MARKED.test(text) ? await thoughtless(reply, { model, limit, most, ended }) : reply;
      } finally {
        policy.release(history);
      }
    }),
  };
};

/** A reply without its thoughts. Throws `Starved` where there was no room for anything else, but might be. */
const thoughtless = async (
  reply: ChatReply,
  {
    model,
    limit,
    most,
    ended,
  }: { readonly model: string; readonly limit: number; readonly most: number; readonly ended: boolean },
): Promise<ChatReply> => {
  const { withoutThoughts } = await import("../thoughts.ts");
  const { text } = withoutThoughts(reply.text);
  if (text.trim() !== "") return { ...reply, text: text.trim() };
  const usage = { promptTokens: reply.promptTokens, sampledTokens: reply.sampledTokens };
  if (ended) throw new ModelError(`${model} thought, and wrote no answer.`, { usage });
  if (limit === most) throw new Starved(model, limit, { usage });
  throw new ModelError(`${model} used all of the ${limit} tokens that its context leaves for its thoughts.`, { usage });
};

/**
 * A small completion model as a ChatModel: the prompt is the last user message and the token `<answer>`, the reply
 * ends at `<end>`. It has no chat template, so system messages and earlier turns are not read.
 */
const completionModel = (policy: Policy, { id, maxTokens = 32, version }: EngineModelOptions): ChatModel => {
  const { tokenizer, contextLength, model } = policy.engine;
  const answerId = tokenizer.idOf("<answer>");
  const endId = tokenizer.idOf("<end>");
  if (answerId === undefined || endId === undefined) {
    throw new ConfigError("The model's vocabulary lacks <answer> or <end>: it was not made to complete questions.");
  }
  return {
    id: id ?? model,
    // It runs here.
    priced: true,
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
          ...defined({ version, abortSignal: request.abortSignal }),
        });
        const text = sample.ids.at(-1) === endId ? sample.ids.slice(0, -1) : sample.ids;
        return { text: tokenizer.decode(text).trim(), promptTokens: ids.length, sampledTokens: sample.ids.length };
      } finally {
        policy.release(history);
      }
    },
  };
};
