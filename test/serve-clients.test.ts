import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import type { ListeningServer } from "agentflow/server";
import { generateText, streamText } from "ai";
import OpenAI from "openai";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { ask, chatBody, cityFlow, cityModel, closeServers, QUESTION, serveForTest, TOKEN } from "./serve-double.ts";

let server: ListeningServer;
let client: OpenAI;
const model = cityModel();
beforeAll(async () => {
  server = await serveForTest({
    flows: { research: { flow: cityFlow(model) }, deaf: { flow: cityFlow(), conversation: false } },
  });
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: TOKEN, maxRetries: 0 });
}, 120_000);
afterAll(closeServers);

const messages = [{ role: "user" as const, content: QUESTION }];

describe("the client of OpenAI", () => {
  it("lists the models", async () => {
    const found = [];
    for await (const { id, object } of client.models.list()) found.push([id, object]);
    expect(found).toEqual([
      ["research", "model"],
      ["deaf", "model"],
    ]);
  });

  it("chats", async () => {
    const { data, response } = await client.chat.completions
      .create({ model: "research", messages, temperature: 0 })
      .withResponse();
    expect(data.choices[0]).toMatchObject({
      finish_reason: "stop",
      message: { role: "assistant", content: "15 million" },
    });
    expect(data.choices[0]?.message).toHaveProperty("reasoning_content", expect.stringMatching(/^Turn 1: look q1\n/));
    expect(data.usage?.total_tokens).toBe((data.usage?.prompt_tokens ?? 0) + (data.usage?.completion_tokens ?? 0));
    const facts = (data as unknown as { agentflow: { trajectory: string } }).agentflow;
    expect(facts).toMatchObject({ status: "solved", answer: "15 million", turns: 1, ignored: ["temperature"] });
    expect(response.headers.get("x-agentflow-trajectory")).toBe(facts.trajectory);
    expect(data.id).toBe(`chatcmpl-${facts.trajectory}`);
  });

  it("streams, turns as reasoning and the answer as content", async () => {
    const stream = await client.chat.completions.create({
      model: "research",
      messages,
      stream: true,
      stream_options: { include_usage: true },
    });
    let [content, reasoning, usage, finish] = ["", "", 0, ""];
    for await (const { choices, usage: used } of stream) {
      const { delta, finish_reason: reason } = choices[0] ?? {};
      content += delta?.content ?? "";
      reasoning += (delta as { reasoning_content?: string } | undefined)?.reasoning_content ?? "";
      finish += reason ?? "";
      usage += used?.total_tokens ?? 0;
    }
    expect([content, finish]).toEqual(["15 million", "stop"]);
    expect(reasoning).toBe('Turn 1: look q1\n  look({"query":"Lagos"})\n  = Lagos\n  stop: it is there\n');
    expect(usage).toBeGreaterThan(0);
  });

  it("asks for responses, streamed or not, and continues a conversation", async () => {
    const first = await client.responses.create({ model: "research", input: QUESTION, instructions: "Be brief." });
    expect(first.output_text).toBe("15 million");
    expect(first.output.map(({ type }) => type)).toEqual(["reasoning", "message"]);
    const stream = client.responses.stream({
      model: "research",
      input: 'And in "Accra"?',
      previous_response_id: first.id,
    });
    const types = new Set<string>();
    for await (const { type } of stream) types.add(type);
    const last = await stream.finalResponse();
    expect(last.output_text).toBe("15 million");
    expect([...types]).toContain("response.reasoning_summary_text.delta");
    expect([...types].at(-1)).toBe("response.completed");
    const plan = model.requests.findLast(({ messages: [system] }) => system?.content.startsWith("You plan"));
    expect(plan?.messages[1]?.content).toMatch(
      /^Earlier in this conversation .*:\nSetting: Be brief\.\nUser: How many .*\nAssistant: 15 million\n\nQuestion: And in/s,
    );
    await expect(
      client.responses.create({ model: "research", input: "x", previous_response_id: "resp_1" }),
    ).rejects.toThrow(/not kept/);
  });

  it("gives earlier messages to the planner, where it can read them", async () => {
    const conversation = [
      { role: "system" as const, content: "You are a geographer." },
      { role: "user" as const, content: "Where is Lagos?" },
      { role: "assistant" as const, content: "In Nigeria." },
      ...messages,
    ];
    for (const [name, state] of [
      ["research", "given"],
      ["deaf", "left out"],
    ] as const) {
      const answer = await client.chat.completions.create({ model: name, messages: conversation });
      expect(answer).toMatchObject({ agentflow: { conversation: state } });
    }
  });

  it.each([
    ["unknown models", { model: "gpt-5" }, 404, /There is no model "gpt-5": accepted are research, deaf/],
    [
      "tools, by name",
      { tools: [{ type: "function" as const, function: { name: "get_weather", parameters: {} } }] },
      400,
      /get_weather/,
    ],
    ["several answers", { n: 2 }, 400, /n is 2/],
    ["answers as JSON", { response_format: { type: "json_object" as const } }, 400, /json_object/],
    ["no question", { messages: [{ role: "assistant" as const, content: "Hi" }] }, 400, /last message/],
    [
      "pictures",
      {
        messages: [{ role: "user" as const, content: [{ type: "image_url" as const, image_url: { url: "data:," } }] }],
      },
      400,
      /image_url/,
    ],
    [
      "results of tools",
      { messages: [{ role: "tool" as const, content: "x", tool_call_id: "1" }, ...messages] },
      400,
      /role tool/,
    ],
  ])("is refused %s", async (_, changes, status, words) => {
    const refusal = await client.chat.completions
      .create({ model: "research", messages, ...changes })
      .catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(OpenAI.APIError);
    expect(refusal).toMatchObject({ status, message: expect.stringMatching(words) });
  });
});

describe("the AI SDK", () => {
  const provider = () => createOpenAICompatible({ name: "agentflow", baseURL: `${server.url}/v1`, apiKey: TOKEN });

  it("generates and streams text, with the turns as reasoning", async () => {
    const { text, reasoningText } = await generateText({ model: provider()("research"), prompt: QUESTION });
    expect([text, reasoningText?.startsWith("Turn 1: look q1")]).toEqual(["15 million", true]);
    const stream = streamText({ model: provider()("research"), prompt: QUESTION });
    let streamed = "";
    for await (const part of stream.textStream) streamed += part;
    expect(streamed).toBe("15 million");
    expect(await stream.reasoningText).toContain("stop: it is there");
  });
});

describe("a client without a library", () => {
  it("is refused what is not JSON, too large, or does not fit, in OpenAI's words", async () => {
    const cases: readonly (readonly [RequestInit, number, RegExp])[] = [
      [{ body: "{", method: "POST" }, 400, /not JSON/],
      [{ body: JSON.stringify({ ...chatBody, pad: "x".repeat(2 ** 20) }), method: "POST" }, 413, /1048576 bytes/],
      [{ body: "[".repeat(100), method: "POST" }, 400, /nests/],
      [{ body: JSON.stringify({ model: "research" }), method: "POST" }, 400, /messages/],
      [{ body: JSON.stringify({ ...chatBody, messages: [] }), method: "POST" }, 400, /messages/],
      [{ body: "model=research", method: "POST", headers: { "content-type": "text/plain" } }, 415, /application\/json/],
    ];
    for (const [init, status, words] of cases) {
      const response = await ask(server, "/v1/chat/completions", {}, init);
      const { error } = (await response.json()) as { error: { message: string; type: string } };
      expect([response.status, error.type]).toEqual([status, "invalid_request_error"]);
      expect(error.message).toMatch(words);
    }
  });

  it("reads of itself what it sends: the description is made of the schemas", async () => {
    const description = (await (await ask(server, "/openapi.json")).json()) as { paths: Record<string, object> };
    expect(Object.keys(description.paths)).toEqual(
      expect.arrayContaining(["/v1/chat/completions", "/v1/responses", "/v1/models", "/api/feedback", "/healthz"]),
    );
    expect(description.paths["/v1/chat/completions"]).toHaveProperty(
      ["post", "requestBody", "content", "application/json", "schema", "required"],
      ["model", "messages"],
    );
  });
});
