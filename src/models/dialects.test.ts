import { afterEach, describe, expect, it } from "vitest";
import { BudgetError, ModelError } from "../errors.ts";
import { randomKey } from "../random.ts";
import { type OpenAIRequest, type OpenAIServer, openaiServer, plainChat, scriptedPolicy } from "../testing/index.ts";
import type { Spent } from "../usage.ts";
import { type AiSdkLanguageModel, aiSdkModel, engineModel, openaiCompatible, resilient } from "./index.ts";

// One row a dialect stands in scripts/checks/endpoints: here is what one row does not show.
const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});
const serve = async (
  body: (request: OpenAIRequest, n: number) => object,
  unknownFields: readonly string[] = [],
): Promise<OpenAIServer> => {
  const server = await openaiServer({
    reply: () => "",
    fault: (n, request) => ({ kind: "body", body: JSON.stringify(body(request, n)) }),
    unknownFields,
  });
  servers.push(server);
  return server;
};
const said = (content: string | null, finish = "stop", more: object = {}): object => ({
  choices: [{ message: { content, ...more }, finish_reason: finish }],
  usage: { prompt_tokens: 1000, completion_tokens: 256 },
});
const question = { messages: [{ role: "user" as const, content: "Capital of Ghana?" }] };
/** A meter that allows a number of tokens. */
const meterOf = (most: number) => {
  const spent: Spent[] = [];
  return {
    spent,
    charge: (one: Spent) => void spent.push(one),
    check: () => {
      const tokens = spent.reduce(
        (sum, { promptTokens = 0, sampledTokens = 0 }) => sum + promptTokens + sampledTokens,
        0,
      );
      if (tokens >= most) throw new BudgetError("enough");
    },
  };
};
const quick = { backOffSeconds: 0.001 };

describe("what an endpoint does not know", () => {
  it("is learnt once, for all requests, also those that are under way", async () => {
    const server = await openaiServer({ reply: () => "Accra", unknownFields: ["seed", "stop"], delay: 5 });
    servers.push(server);
    const model = openaiCompatible({ baseURL: server.baseURL, model: "seed" });
    const request = { ...question, randomKey: randomKey("x"), stop: ["."] };
    await Promise.all(Array.from({ length: 8 }, () => model.complete(request)));
    const first = server.requests.length;
    expect(first).toBeLessThanOrEqual(8 * 3);
    await model.complete(request);
    expect(server.requests.slice(first).map(({ body }) => [body.seed, body.stop])).toEqual([[undefined, undefined]]);
  });

  it("is not what its own name says", async () => {
    const server = await openaiServer({ reply: () => "", fault: () => ({ kind: "status", status: 400 }) });
    servers.push(server);
    const model = openaiCompatible({ baseURL: server.baseURL, model: "seed temperature" });
    await expect(model.complete({ ...question, temperature: 0, randomKey: randomKey("x") })).rejects.toThrow(
      ModelError,
    );
    expect(server.requests).toHaveLength(1);
  });

  it("leaves the system's words in the user's message, and nobody speaks twice", async () => {
    const server = await openaiServer({
      reply: () => "Accra",
      fault: (_, { body }) =>
        body.messages?.some(({ role }) => role === "system") === true
          ? { kind: "body", body: JSON.stringify({ error: { code: 400, message: "System role not supported" } }) }
          : undefined,
    });
    servers.push(server);
    const model = openaiCompatible({ baseURL: server.baseURL, model: "small" });
    await model.complete({ messages: [{ role: "system", content: "Be brief." }, ...question.messages] });
    expect(server.requests.at(-1)?.body.messages).toEqual([
      { role: "user", content: "Be brief.\n\nCapital of Ghana?" },
    ]);
  });
});

describe("a model that thinks", () => {
  it("gets more room once, and has it from then on", async () => {
    const server = await serve(({ body }) =>
      Number(body.max_tokens) < 4000 ? said("<think>Ghana", "length") : said("<think>Ghana</think>Accra"),
    );
    const model = openaiCompatible({ baseURL: server.baseURL, model: "small" });
    const meter = meterOf(1e9);
    expect((await model.complete({ ...question, maxTokens: 64, meter })).text).toBe("Accra");
    expect(meter.spent).toEqual([{ promptTokens: 1000, sampledTokens: 256 }]);
    await model.complete({ ...question, maxTokens: 160 });
    expect(server.requests.map(({ body }) => body.max_tokens)).toEqual([64, 8192, 8192]);
  });

  it("is freed of its thoughts wherever it runs", async () => {
    const open = "<think>Ghana";
    const policy = scriptedPolicy(() => `${open}</think> Accra`, { chat: plainChat, contextLength: 16_384 });
    expect((await engineModel(policy).complete(question)).text).toBe("Accra");
    const cut = scriptedPolicy((_, { maxTokens }) => (maxTokens < 4000 ? open : `${open}</think> Accra`), {
      chat: plainChat,
      contextLength: 16_384,
    });
    const meter = meterOf(1e9);
    expect((await engineModel(cut).complete({ ...question, maxTokens: open.length, meter })).text).toBe("Accra");
    expect(meter.spent).toMatchObject([{ sampledTokens: open.length }]);
  });
});

describe("a reply that is thrown away", () => {
  it("is paid for: errors carry what it used, with its price", async () => {
    const server = await serve(() => said(""));
    const model = openaiCompatible({ baseURL: server.baseURL, model: "small", price: { prompt: 1, sampled: 2 } });
    await expect(model.complete(question)).rejects.toMatchObject({
      usage: { promptTokens: 1000, sampledTokens: 256, dollars: 1512e-6 },
    });
  });

  it("is counted before the next try, which a budget may forbid", async () => {
    const server = await serve(() => said(""));
    const meter = meterOf(3000);
    const model = resilient(openaiCompatible({ baseURL: server.baseURL, model: "small" }), quick);
    await expect(model.complete({ ...question, meter })).rejects.toThrow(BudgetError);
    expect([server.requests.length, meter.spent.length]).toEqual([3, 3]);
  });

  it("is counted once", async () => {
    const server = await serve(() => said(""));
    const meter = meterOf(1e9);
    const model = resilient(openaiCompatible({ baseURL: server.baseURL, model: "small" }), { ...quick, attempts: 3 });
    const error = await model.complete({ ...question, meter }).catch((thrown: unknown) => thrown);
    expect(meter.spent).toHaveLength(2);
    expect(error).toMatchObject({ usage: { promptTokens: 1000, sampledTokens: 256 } });
  });
});

/** A model of the AI SDK that gives these results in order. */
const sdkModel = (...results: readonly (object | Error)[]): AiSdkLanguageModel & { readonly asked: object[] } => {
  const asked: object[] = [];
  const next = async (options: object): Promise<object> => {
    const result = results[Math.min(asked.length, results.length - 1)];
    asked.push(options);
    if (result instanceof Error) throw result;
    return result ?? {};
  };
  return { specificationVersion: "v3", provider: "mock", modelId: "small", asked, doGenerate: next, doStream: next };
};
const result = (text: string, unified = "stop", parts: readonly object[] = []): object => ({
  content: [...parts, { type: "text", text }],
  finishReason: { unified, raw: unified },
  usage: { inputTokens: { total: 12 }, outputTokens: { total: 3 } },
});

describe("a model of the AI SDK", () => {
  it("is read by the same reader", async () => {
    const meter = meterOf(1e9);
    const inner = sdkModel(
      result("", "length", [{ type: "reasoning", text: "Ghana" }]),
      result("<think>a</think>Accra"),
    );
    const reply = await aiSdkModel(inner).complete({ ...question, maxTokens: 64, meter });
    expect(reply).toMatchObject({ text: "Accra", promptTokens: 12, sampledTokens: 3 });
    expect(inner.asked).toMatchObject([{ maxOutputTokens: 64 }, { maxOutputTokens: 8192 }]);
    expect(meter.spent).toEqual([{ promptTokens: 12, sampledTokens: 3 }]);
    await expect(aiSdkModel(sdkModel(result(""))).complete(question)).rejects.toMatchObject({
      message: /empty reply/,
      usage: { promptTokens: 12, sampledTokens: 3 },
    });
    await expect(aiSdkModel(sdkModel(result("", "content-filter"))).complete(question)).rejects.toMatchObject({
      message: /withheld/,
      retryable: false,
    });
  });

  it("is asked again without what its provider names", async () => {
    const refused = Object.assign(new Error("Bad Request"), {
      statusCode: 400,
      isRetryable: false,
      responseBody: '{"detail":[{"loc":["body","seed"],"msg":"Extra inputs are not permitted"}]}',
    });
    const inner = sdkModel(refused, result("Accra"));
    const reply = await aiSdkModel(inner).complete({ ...question, randomKey: randomKey("x") });
    expect(reply.text).toBe("Accra");
    expect(inner.asked.map((one) => "seed" in one)).toEqual([true, false]);
  });

  it("says of a stream that broke off what was paid for", async () => {
    const stream = new ReadableStream({
      start: (controller) => {
        controller.enqueue({ type: "text-delta", id: "1", delta: "Accra is" });
        controller.close();
      },
    });
    await expect(
      aiSdkModel(sdkModel({ stream })).complete({ ...question, onText: () => undefined }),
    ).rejects.toMatchObject({ retryable: true, usage: { sampledTokens: 2 } });
  });
});
