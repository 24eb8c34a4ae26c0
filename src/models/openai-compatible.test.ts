import { afterEach, describe, expect, it } from "vitest";
import { ConfigError, ModelError } from "../errors.ts";
import { type Fault, type OpenAIServer, type OpenAIServerOptions, openaiServer } from "../testing/index.ts";
import { fetchTransport, type OpenAICompatibleOptions, openaiCompatible } from "./index.ts";

const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const setUp = async (server: Partial<OpenAIServerOptions> = {}, options: Partial<OpenAICompatibleOptions> = {}) => {
  const running = await openaiServer({ reply: () => "the capital is Accra", ...server });
  servers.push(running);
  return { ...running, model: openaiCompatible({ baseURL: running.baseURL, model: "small", ...options }) };
};
const question = { messages: [{ role: "user" as const, content: "Capital of Ghana?" }] };
const schema = { type: "object", properties: { city: { type: "string" } } };

describe("an OpenAI-compatible endpoint", () => {
  it("is asked for a completion, and what it used is counted and priced", async () => {
    const { model, requests } = await setUp({}, { apiKey: "secret", price: { prompt: 1, sampled: 2 } });
    const reply = await model.complete({ ...question, maxTokens: 9, temperature: 0.5, stop: ["."] });
    expect(reply).toMatchObject({ text: "the capital is Accra", promptTokens: 5, sampledTokens: 5, finish: "stop" });
    expect(reply.dollars).toBeCloseTo(15e-6, 12);
    expect(requests[0]?.body).toEqual({
      model: "small",
      messages: question.messages,
      max_tokens: 9,
      temperature: 0.5,
      stop: ["."],
    });
    expect(requests[0]?.headers.authorization).toBe("Bearer secret");
    expect(requests[0]?.path).toBe("/v1/chat/completions");
  });

  it("streams, over its own pool and over fetch", async () => {
    for (const transport of [undefined, fetchTransport]) {
      const { model } = await setUp({}, transport === undefined ? {} : { transport });
      const parts: string[] = [];
      const reply = await model.complete({ ...question, onText: (part) => parts.push(part) });
      expect(parts.join("")).toBe("the capital is Accra");
      expect(parts.length).toBeGreaterThan(3);
      expect(reply).toMatchObject({ text: parts.join(""), promptTokens: 5, sampledTokens: 5 });
    }
  });

  it("gives log-probabilities and token ids where they are offered, and does without where they are not", async () => {
    const offered = await (await setUp()).model.complete({ ...question, logProbs: true });
    expect(offered.tokens).toEqual({ ids: [0, 1, 2, 3, 4], logProbs: [-0.5, -0.5, -0.5, -0.5, -0.5] });
    const { model, requests } = await setUp({ unknownFields: ["logprobs"] });
    expect((await model.complete({ ...question, logProbs: true })).tokens).toBeUndefined();
    await model.complete({ ...question, logProbs: true });
    expect(requests.map(({ body }) => body.logprobs)).toEqual([true, undefined, undefined]);
  });

  it("asks for structured output, for any JSON where a schema is refused, and for neither where that is", async () => {
    const { model, requests } = await setUp({ reply: () => '{"city":"Accra"}', unknownFields: ["response_format"] });
    await model.complete({ ...question, grammar: { type: "json", schema } });
    await model.complete({ ...question, grammar: { type: "json", schema } });
    const asked = requests.map(({ body }) => (body.response_format as { type?: string } | undefined)?.type);
    expect(asked).toEqual(["json_schema", "json_object", undefined, undefined]);
  });

  it("learns the other name of the token limit, and asks by it from then on", async () => {
    const { model, requests } = await setUp({ unknownFields: ["max_tokens"] });
    await model.complete({ ...question, maxTokens: 7 });
    await model.complete({ ...question, maxTokens: 8 });
    expect(requests.map(({ body }) => [body.max_tokens, body.max_completion_tokens])).toEqual([
      [7, undefined],
      [undefined, 7],
      [undefined, 8],
    ]);
  });

  it.each<[Fault, RegExp, boolean]>([
    [{ kind: "status", status: 503 }, /503/, true],
    [{ kind: "status", status: 429, retryAfter: 7 }, /429/, true],
    [{ kind: "status", status: 401 }, /401/, false],
    [{ kind: "reset" }, /cannot be reached/, true],
    [{ kind: "truncate" }, /not JSON|broke off/, true],
    [{ kind: "body", body: "" }, /empty body/, true],
    [{ kind: "body", body: "[1]" }, /not a completion/, true],
    [{ kind: "body", body: '{"choices":[{"message":{"content":""}}]}' }, /empty reply/, true],
    [{ kind: "huge" }, /more than/, true],
    [{ kind: "hang" }, /within 0.2 seconds/, true],
    [{ kind: "drip", milliseconds: 20 }, /within 0.2 seconds/, true],
  ])("says of %o what happened and whether to try again", async (fault, message, retryable) => {
    // Five megabytes take their time.
    const timeoutSeconds = fault.kind === "huge" ? 20 : 0.2;
    const { model } = await setUp({ fault: () => fault }, { timeoutSeconds, apiKey: "secret" });
    const error = await model.complete(question).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ModelError);
    expect((error as ModelError).message).toMatch(message);
    expect((error as ModelError).message).not.toContain("secret");
    expect((error as ModelError).retryable).toBe(retryable);
    if (fault.kind === "status" && fault.retryAfter !== undefined)
      expect((error as ModelError).retryAfterSeconds).toBe(7);
  });

  it.each<Fault>([{ kind: "truncate" }, { kind: "duplicate" }])(
    "does not take a stream with %o for whole",
    async (fault) => {
      const { model } = await setUp({ fault: () => fault });
      const streamed = model.complete({ ...question, onText: () => undefined });
      await expect(streamed).rejects.toMatchObject({ name: "ModelError", retryable: true });
    },
  );

  it("ends at once when it is aborted, with the caller's reason", async () => {
    const { model } = await setUp({ fault: () => ({ kind: "hang" }) });
    const caller = new AbortController();
    const asking = model.complete({ ...question, abortSignal: caller.signal });
    setTimeout(() => caller.abort(new Error("enough")), 20);
    await expect(asking).rejects.toThrow("enough");
  });

  it("refuses an address that is none, or that holds a key", () => {
    for (const baseURL of ["localhost:8000", "ftp://127.0.0.1/v1", "http://user:key@127.0.0.1/v1"])
      expect(() => openaiCompatible({ baseURL, model: "small" })).toThrow(ConfigError);
  });
});
