import { ConfigError, ModelError, messageOf } from "../errors.ts";
import { redactedReply } from "../metered.ts";
import {
  type ChatModel,
  type ChatReply,
  type ChatRequest,
  type Price,
  type PromptStyle,
  priceRule,
  promptStyleRule,
} from "../model.ts";
import { count as aCount, checked, defined, listOf, objectWith, type Rules, required, text } from "../options.ts";
import { type Redactor, redactor, redactors } from "../secrets/redact.ts";
import { keysOf, secretsGiven } from "../secrets/secrets.ts";
import { dollarsOf } from "./price.ts";

/** What is used of a language model of the AI SDK, whatever its specification version (v2, v3, v4). */
export interface AiSdkLanguageModel {
  readonly specificationVersion: string;
  readonly provider: string;
  readonly modelId: string;
  // Their option types differ by version in what is not used here.
  // biome-ignore lint/suspicious/noExplicitAny: three versions of one interface, checked where they are read
  doGenerate(options: any): PromiseLike<any>;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  doStream(options: any): PromiseLike<any>;
}

export interface AiSdkModelOptions {
  readonly price?: Price | undefined;
  /** @default "json" */
  readonly promptStyle?: PromptStyle | undefined;
  /** Of requests that name none. @default 1024 */
  readonly maxTokens?: number | undefined;
  /** Further secrets that are taken out of what the model says. @default none */
  readonly secrets?: readonly string[] | undefined;
}

const optionRules: Rules<AiSdkModelOptions> = {
  price: priceRule,
  promptStyle: promptStyleRule,
  maxTokens: aCount,
  secrets: listOf(text),
};

const versions = ["v2", "v3", "v4"];

/**
 * Any language model of the AI SDK as a ChatModel. Throws `ConfigError` for one of another specification version.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { aiSdkModel } from "agentflow/models";
 * import { MockLanguageModelV4 } from "ai/test";
 *
 * const model = aiSdkModel(new MockLanguageModelV4(), { maxTokens: 500 });
 * const flow = createFlow({ model, tools: {} });
 * ```
 */
export const aiSdkModel = (model: AiSdkLanguageModel, options: AiSdkModelOptions = {}): ChatModel => {
  required(objectWith("a model of the AI SDK", "doGenerate", "doStream"))(model, "aiSdkModel: the model");
  const { price, promptStyle = "json", maxTokens = 1024, secrets = [] } = checked("aiSdkModel", options, optionRules);
  const { specificationVersion, provider, modelId } = model;
  if (!versions.includes(specificationVersion))
    throw new ConfigError(
      `${provider} ${modelId} implements specification ${specificationVersion}; accepted are ${versions.join(", ")}: use a provider for AI SDK 5, 6 or 7.`,
    );
  const id = `${provider}:${modelId}`;
  let known: readonly string[] | undefined;
  const keys = (): readonly string[] => {
    known ??= [...secrets, ...keysOfModel(model)];
    return known;
  };
  let own: Redactor | undefined;
  return {
    id,
    promptStyle,
    secrets: keys,
    complete: async (request) => {
      own ??= redactor(keys());
      const redact = redactors(own, request.redact) ?? own;
      try {
        const options = optionsOf(request, maxTokens);
        const said =
          request.onText === undefined
            ? readResult(await model.doGenerate(options), id)
            : await readStream(await model.doStream(options), request.onText, id, redact);
        const reply = redactedReply(said, redact);
        const dollars = dollarsOf(reply, price);
        return dollars === undefined ? reply : { ...reply, dollars };
      } catch (error) {
        request.abortSignal?.throwIfAborted();
        throw redact.error(error instanceof ModelError ? error : failureOf(error, id));
      }
    },
  };
};

/** The keys of a provider, as far as its models show them: its settings hold headers, or a function that makes them. */
const keysOfModel = (model: AiSdkLanguageModel): readonly string[] => {
  const { config } = model as { readonly config?: { readonly headers?: unknown; readonly apiKey?: unknown } };
  const key = typeof config?.apiKey === "string" ? keysOf(config.apiKey) : [];
  try {
    const headers: unknown = typeof config?.headers === "function" ? config.headers() : config?.headers;
    if (typeof headers !== "object" || headers === null) return key;
    const texts = Object.entries(headers).filter((entry): entry is [string, string] => typeof entry[1] === "string");
    return [...key, ...secretsGiven(Object.fromEntries(texts))];
  } catch {
    // A provider without its key says so when it is asked.
    return key;
  }
};

const optionsOf = (request: ChatRequest, maxTokens: number): object => {
  const { messages, grammar, temperature, topP, stop, abortSignal, randomKey } = request;
  return {
    prompt: messages.map(({ role, content }) =>
      role === "system" ? { role, content } : { role, content: [{ type: "text", text: content }] },
    ),
    maxOutputTokens: request.maxTokens ?? maxTokens,
    ...defined({ temperature, topP }),
    ...(stop === undefined || stop.length === 0 ? {} : { stopSequences: [...stop] }),
    ...(randomKey === undefined ? {} : { seed: randomKey.low >>> 1 }),
    ...(grammar?.type === "json" ? { responseFormat: { type: "json", name: "reply", schema: grammar.schema } } : {}),
    ...defined({ abortSignal }),
  };
};

/** The parts of a result that are read; the versions differ in how they count and in how they name the end. */
interface Result {
  readonly content?: readonly { readonly type?: unknown; readonly text?: unknown }[];
  readonly finishReason?: unknown;
  readonly usage?: Readonly<Record<string, unknown>>;
  readonly response?: { readonly modelId?: unknown };
}

const readResult = (result: Result, id: string): ChatReply => {
  const parts = result.content ?? [];
  const text = parts.map((part) => (part.type === "text" && typeof part.text === "string" ? part.text : "")).join("");
  return replyOf(text, result, id);
};

interface StreamPart extends Result {
  readonly type?: unknown;
  readonly delta?: unknown;
  readonly error?: unknown;
}

const readStream = async (
  { stream }: { readonly stream: ReadableStream<StreamPart> },
  onText: (delta: string) => void,
  id: string,
  redact: Redactor,
): Promise<ChatReply> => {
  let text = "";
  let end: Result | undefined;
  const clean = redact.stream();
  const tell = (delta: string): void => {
    if (delta !== "") onText(delta);
  };
  const reader = stream.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const { type, delta, error } = part.value;
      if (type === "error") throw failureOf(error, id);
      if (type === "finish") end = part.value;
      if (type !== "text-delta" || typeof delta !== "string") continue;
      text += delta;
      tell(clean.push(delta));
    }
    tell(clean.end());
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  if (end === undefined) throw new ModelError(`${id} broke off in the middle of a reply.`, { retryable: true });
  return replyOf(text, end, id);
};

const replyOf = (text: string, { finishReason, usage, response }: Result, id: string): ChatReply => {
  // v3 and v4 give the unified reason beside the provider's own.
  const unified =
    typeof finishReason === "object" ? (finishReason as { unified?: unknown } | null)?.unified : finishReason;
  if (unified === "error") throw new ModelError(`${id} ended with an error.`, { retryable: true });
  if (text.trim() === "") throw new ModelError(`${id} sent an empty reply (${String(unified)}).`, { retryable: true });
  const input = usage?.inputTokens;
  const cached = partOf(input, "cacheRead") ?? count(usage?.cachedInputTokens);
  return {
    text,
    promptTokens: partOf(input, "total") ?? count(input) ?? 0,
    sampledTokens: partOf(usage?.outputTokens, "total") ?? count(usage?.outputTokens) ?? Math.ceil(text.length / 4),
    finish: unified === "length" ? "length" : "stop",
    ...defined({ cachedTokens: cached }),
    ...(typeof response?.modelId === "string" ? { model: response.modelId } : {}),
  };
};

const partOf = (tokens: unknown, name: string): number | undefined =>
  typeof tokens === "object" && tokens !== null ? count((tokens as Record<string, unknown>)[name]) : undefined;

const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;

/** The SDK's errors say whether a later call may succeed, and carry the reply's status and headers. */
const failureOf = (error: unknown, id: string): ModelError => {
  const { isRetryable, statusCode, responseHeaders } = (error ?? {}) as {
    readonly isRetryable?: unknown;
    readonly statusCode?: unknown;
    readonly responseHeaders?: Readonly<Record<string, string>>;
  };
  const seconds = Number(responseHeaders?.["retry-after"]);
  return new ModelError(`${id} failed: ${messageOf(error)}`, {
    cause: error,
    // What does not say so is a failure of the network as a rule.
    retryable: typeof isRetryable === "boolean" ? isRetryable : statusCode === undefined,
    ...(typeof statusCode === "number" ? { status: statusCode } : {}),
    ...(Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {}),
  });
};
