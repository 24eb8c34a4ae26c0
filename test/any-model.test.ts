import { MockLanguageModelV4 } from "ai/test";
import { afterAll, describe, expect, it } from "vitest";
import { fourModules } from "../scripts/check-faults.ts";
import { type ChatModel, ConfigError, createFlow, ModelError, tool } from "../src/index.ts";
import { type AiSdkLanguageModel, aiSdkModel, openaiCompatible, resilient } from "../src/models/index.ts";
import { openaiServer, scriptedModel } from "../src/testing/index.ts";

const server = await openaiServer({ reply: fourModules });
afterAll(() => server.close());

const tools = {
  look: tool<{ query: string }>({
    description: "Looks something up.",
    inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
    execute: ({ query }) => ({ text: query, fields: { value: { kind: "text", value: query } } }),
  }),
};

type Prompt = readonly { readonly role: string; readonly content: unknown }[];
const said = (prompt: Prompt): string =>
  fourModules({
    path: "",
    headers: {},
    body: {
      messages: prompt.map(({ role, content }) => ({
        role: role as "user",
        content: typeof content === "string" ? content : "",
      })),
    },
  });

/** A language model of the AI SDK, as each version of its specification has it. */
const languageModel = (specificationVersion: string): AiSdkLanguageModel & { readonly asked: unknown[] } => {
  const asked: unknown[] = [];
  const v2 = specificationVersion === "v2";
  const usage = v2
    ? { inputTokens: 12, outputTokens: 3, totalTokens: 15, cachedInputTokens: 4 }
    : {
        inputTokens: { total: 12, noCache: 8, cacheRead: 4, cacheWrite: 0 },
        outputTokens: { total: 3, text: 3, reasoning: 0 },
      };
  const finishReason = v2 ? "stop" : { unified: "stop", raw: "stop" };
  return {
    specificationVersion,
    provider: "mock",
    modelId: "small",
    asked,
    doGenerate: async (options: { prompt: Prompt }) => {
      asked.push(options);
      return {
        content: [
          { type: "reasoning", text: "hm" },
          { type: "text", text: said(options.prompt) },
        ],
        finishReason,
        usage,
        warnings: [],
      };
    },
    doStream: async (options: { prompt: Prompt }) => ({
      stream: new ReadableStream({
        start: (controller) => {
          const text = said(options.prompt);
          controller.enqueue({ type: "stream-start", warnings: [] });
          for (const delta of [text.slice(0, 2), text.slice(2)])
            controller.enqueue({ type: "text-delta", id: "1", delta });
          controller.enqueue({ type: "finish", finishReason, usage });
          controller.close();
        },
      }),
    }),
  };
};

const models: readonly (readonly [string, ChatModel])[] = [
  ["an OpenAI-compatible server", resilient(openaiCompatible({ baseURL: server.baseURL, model: "double" }))],
  ...["v2", "v3", "v4"].map(
    (version) => [`a model of the AI SDK, ${version}`, aiSdkModel(languageModel(version))] as const,
  ),
  ["a script", scriptedModel(({ messages }) => said(messages))],
];

describe.each(models)("all four modules on %s", (_, model) => {
  it("solve the same question by the same flow, streamed or not", async () => {
    const flow = createFlow({ model, tools });
    const result = await flow.solve("Capital of Ghana?");
    expect(result).toMatchObject({ status: "solved", answer: "Accra" });
    expect(result.usage.promptTokens).toBeGreaterThan(0);
    const deltas: string[] = [];
    for await (const event of flow.stream("Capital of Ghana?"))
      if (event.type === "plan-delta") deltas.push(event.text);
    expect(deltas.join("")).toBe("look Accra");
  });
});

describe("a model of the AI SDK", () => {
  it("is the SDK's own mock as well", async () => {
    const mock = new MockLanguageModelV4({
      doGenerate: {
        content: [{ type: "text", text: "Accra" }],
        finishReason: { unified: "stop", raw: undefined },
        usage: {
          inputTokens: { total: 5, noCache: 5, cacheRead: 0, cacheWrite: 0 },
          outputTokens: { total: 1, text: 1, reasoning: 0 },
        },
        warnings: [],
      },
    });
    const reply = await aiSdkModel(mock).complete({ messages: [{ role: "user", content: "Capital of Ghana?" }] });
    expect(reply).toMatchObject({ text: "Accra", promptTokens: 5, sampledTokens: 1 });
  });

  it("gets what was asked in its own terms, and its counts and prices are read", async () => {
    const inner = languageModel("v3");
    const model = aiSdkModel(inner, { price: { prompt: 1, cached: 0.5, sampled: 2 } });
    const schema = { type: "object" };
    const reply = await model.complete({
      messages: [
        { role: "system", content: "Be brief." },
        { role: "user", content: "Hello?" },
      ],
      maxTokens: 9,
      stop: ["."],
      grammar: { type: "json", schema },
    });
    expect(reply).toMatchObject({ promptTokens: 12, sampledTokens: 3, cachedTokens: 4 });
    expect(reply.dollars).toBeCloseTo(16e-6, 12);
    expect(inner.asked[0]).toEqual({
      prompt: [
        { role: "system", content: "Be brief." },
        { role: "user", content: [{ type: "text", text: "Hello?" }] },
      ],
      maxOutputTokens: 9,
      stopSequences: ["."],
      responseFormat: { type: "json", name: "reply", schema },
    });
  });

  it("of another version is refused, and its failures say whether to try again", async () => {
    expect(() => aiSdkModel(languageModel("v1"))).toThrow(ConfigError);
    const failing = (error: object): AiSdkLanguageModel => ({
      ...languageModel("v4"),
      doGenerate: async () => {
        throw Object.assign(new Error("no"), error);
      },
    });
    const ask = (error: object): Promise<unknown> =>
      aiSdkModel(failing(error))
        .complete({ messages: [{ role: "user", content: "?" }] })
        .catch((thrown: unknown) => thrown);
    expect(await ask({ statusCode: 429, isRetryable: true, responseHeaders: { "retry-after": "3" } })).toMatchObject({
      retryable: true,
      status: 429,
      retryAfterSeconds: 3,
    });
    expect(await ask({ statusCode: 401, isRetryable: false })).toMatchObject({ retryable: false, status: 401 });
    expect(await ask({})).toBeInstanceOf(ModelError);
  });
});
