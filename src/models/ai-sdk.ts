import { ConfigError, ModelError, messageOf } from "../errors.ts";
import { redactedReply } from "../metered.ts";
import {
  type ChatMessage,
  type ChatModel,
  type ChatRequest,
  type Price,
  type PromptStyle,
  priceRule,
  promptStyleRule,
} from "../model.ts";
import { count as aCount, checked, defined, listOf, objectWith, type Rules, required, text } from "../options.ts";
import { type Redactor, redactor, redactors } from "../secrets/redact.ts";
import { keysOf, secretsGiven } from "../secrets/secrets.ts";
import { thoughtReader } from "../thoughts.ts";
import type { Spent } from "../usage.ts";
import { type Asked, replyIn, usageOf } from "./any-reply.ts";
import { type Ask, asking } from "./asking.ts";
import { EndpointRefusal } from "./endpoint-refusal.ts";
import { complaintIn } from "./openai-refusal.ts";
import type { RequestBody } from "./openai-request.ts";
import type { Said } from "./said.ts";

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
  /** @default "tools", which is JSON where a provider lacks them */
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
  const { price, promptStyle = "tools", maxTokens = 1024, secrets = [] } = checked("aiSdkModel", options, optionRules);
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
  const ask: Ask = async (request, body, limit) => {
    own ??= redactor(keys());
    const redact = redactors(own, request.redact) ?? own;
    const calls = body.tools !== undefined;
    const asked: Asked = { model: id, messages: request.messages, limit, price, calls, redact };
    try {
      const settings = settingsOf(request, body, limit);
      const said =
        request.onText === undefined
          ? saidIn(await model.doGenerate(settings))
          : await readStream(await model.doStream(settings), request.onText, asked);
      return redactedReply(replyIn(said, asked), redact);
    } catch (error) {
      request.abortSignal?.throwIfAborted();
      throw redact.error(error instanceof ModelError ? error : failureOf(error, id));
    }
  };
  return {
    id,
    promptStyle,
    priced: price !== undefined,
    secrets: keys,
    complete: asking({ model: id, maxTokens }, ask),
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

/** A request in the SDK's terms: what was left out of the body is left out here. */
const settingsOf = ({ grammar, tools, abortSignal }: ChatRequest, body: RequestBody, limit: number): object => {
  const { messages, temperature, top_p: topP, stop: stopSequences, seed, response_format: format } = body;
  const hasSchema = (format as { readonly type?: unknown } | undefined)?.type === "json_schema";
  return {
    prompt: (messages as readonly ChatMessage[]).map(({ role, content }) =>
      role === "system" ? { role, content } : { role, content: [{ type: "text", text: content }] },
    ),
    ...defined({
      maxOutputTokens: "max_tokens" in body || "max_completion_tokens" in body ? limit : undefined,
      temperature,
      topP,
      stopSequences,
      seed,
      abortSignal,
    }),
    ...(tools !== undefined && body.tools !== undefined
      ? {
          tools: tools.map(({ name, description, parameters }) => ({
            type: "function",
            name,
            description,
            inputSchema: parameters,
          })),
          ...(body.tool_choice === undefined ? {} : { toolChoice: { type: "required" } }),
        }
      : {}),
    ...(format !== undefined && grammar?.type === "json"
      ? { responseFormat: { type: "json", ...(hasSchema ? { name: "reply", schema: grammar.schema } : {}) } }
      : {}),
  };
};

/** The parts of a result that are read; the versions differ in how they count and in how they name the end. */
interface Result {
  readonly content?: readonly Part[];
  readonly finishReason?: unknown;
  readonly usage?: Readonly<Record<string, unknown>>;
  readonly response?: { readonly modelId?: unknown };
}

interface Part {
  readonly type?: unknown;
  readonly text?: unknown;
  readonly toolName?: unknown;
  readonly input?: unknown;
}

const saidIn = (result: Result): Said => {
  const parts = result.content ?? [];
  const call = parts.find(({ type }) => type === "tool-call");
  return saidAtEnd(result, {
    text: parts.map((part) => (part.type === "text" && typeof part.text === "string" ? part.text : "")).join(""),
    thought: parts.some(({ type }) => type === "reasoning"),
    ...defined({ call: call === undefined ? undefined : callOf(call) }),
  });
};

const callOf = ({ toolName, input }: Part): NonNullable<Said["call"]> => ({
  name: String(toolName),
  input: typeof input === "string" ? input : JSON.stringify(input ?? {}),
});

interface StreamPart extends Result, Part {
  readonly delta?: unknown;
  readonly error?: unknown;
}

const readStream = async (
  { stream }: { readonly stream: ReadableStream<StreamPart> },
  onText: (delta: string) => void,
  asked: Asked,
): Promise<Said> => {
  let [text, thought] = ["", false];
  let end: Result | undefined;
  let call: Said["call"];
  const thoughts = thoughtReader();
  const clean = asked.redact?.stream();
  const tell = (delta: string): void => {
    const shown = delta === "" ? "" : (clean?.push(delta) ?? delta);
    if (shown !== "") onText(shown);
  };
  const reader = stream.getReader();
  const paid = (): Spent | undefined => usageOf({ text, thought, counts: {} }, asked);
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      const { type, delta, error } = part.value;
      if (type === "error") throw failureOf(error, asked.model, paid());
      if (type === "finish") end = part.value;
      if (type === "tool-call") call = callOf(part.value);
      thought ||= String(type).startsWith("reasoning");
      if (type !== "text-delta" || typeof delta !== "string") continue;
      text += delta;
      tell(thoughts.push(delta));
    }
    tell(thoughts.end());
    const last = clean?.end() ?? "";
    if (last !== "") onText(last);
  } finally {
    await reader.cancel().catch(() => undefined);
  }
  if (end === undefined)
    throw new ModelError(`${asked.model} broke off in the middle of a reply.`, {
      retryable: true,
      ...defined({ usage: paid() }),
    });
  return saidAtEnd(end, { text, thought, ...defined({ call }) });
};

const saidAtEnd = ({ finishReason, usage, response }: Result, said: Pick<Said, "text" | "thought" | "call">): Said => {
  // v3 and v4 give the unified reason beside the provider's own.
  const unified =
    typeof finishReason === "object" ? (finishReason as { unified?: unknown } | null)?.unified : finishReason;
  const input = usage?.inputTokens;
  return {
    ...said,
    counts: defined({
      prompt: partOf(input, "total") ?? count(input),
      sampled: partOf(usage?.outputTokens, "total") ?? count(usage?.outputTokens),
      cached: partOf(input, "cacheRead") ?? count(usage?.cachedInputTokens),
    }),
    ...defined({
      finish: typeof unified === "string" ? unified : undefined,
      model: typeof response?.modelId === "string" ? response.modelId : undefined,
    }),
  };
};

const partOf = (tokens: unknown, name: string): number | undefined =>
  typeof tokens === "object" && tokens !== null ? count((tokens as Record<string, unknown>)[name]) : undefined;

const count = (value: unknown): number | undefined =>
  typeof value === "number" && Number.isFinite(value) && value >= 0 ? value : undefined;

/** The SDK's errors say whether a later call may succeed, and carry the reply's status, headers and body. */
const failureOf = (error: unknown, id: string, usage?: Spent): ModelError => {
  const { isRetryable, statusCode, responseHeaders, responseBody } = (error ?? {}) as {
    readonly isRetryable?: unknown;
    readonly statusCode?: unknown;
    readonly responseHeaders?: Readonly<Record<string, string>>;
    readonly responseBody?: unknown;
  };
  const status = typeof statusCode === "number" ? statusCode : undefined;
  const said = typeof responseBody === "string" ? complaintIn(responseBody, status ?? 500) : undefined;
  const message = messageOf(error);
  const words =
    said === undefined || said.words.includes(message) ? (said?.words ?? message) : `${message} ${said.words}`;
  const seconds = Number(responseHeaders?.["retry-after"]);
  return new EndpointRefusal(`${id} failed`, words, {
    cause: error,
    // What does not say so is a failure of the network as a rule.
    retryable: typeof isRetryable === "boolean" ? isRetryable && said?.final !== true : status === undefined,
    ...defined({ status, usage, retryAfterSeconds: Number.isFinite(seconds) ? seconds : undefined }),
  });
};
