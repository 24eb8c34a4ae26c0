import { afterEach, expect, it } from "vitest";
import { openaiCompatible } from "../../models/index.ts";
import { type OpenAIRequest, type OpenAIServer, openaiServer } from "../../testing/index.ts";
import { type AnyTool, type Toolset, tool } from "../../tool.ts";
import { createFlow } from "../flow.ts";

const servers: OpenAIServer[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) await server.close();
});

const inputs: unknown[] = [];
const look = tool<{ query: string; limit?: number }>({
  description: "Looks something up.",
  inputSchema: {
    type: "object",
    properties: {
      query: { type: "string", description: "what to look for" },
      limit: { type: "integer" },
      kind: { enum: ["city", "river"] },
    },
    required: ["query"],
  },
  execute: (input) => {
    inputs.push(input);
    return { text: input.query, fields: { value: { kind: "text", value: input.query } } };
  },
}) as AnyTool;

const call = (name: string, input: unknown, content: string | null = null): string =>
  JSON.stringify({
    choices: [
      {
        message: { content, tool_calls: [{ function: { name, arguments: JSON.stringify(input) } }] },
        finish_reason: "tool_calls",
      },
    ],
    usage: { prompt_tokens: 10, completion_tokens: 5 },
  });
const systemOf = ({ body }: OpenAIRequest): string => String(body.messages?.[0]?.content);
const verdictOrAnswer = (request: OpenAIRequest): string =>
  /decision/i.test(systemOf(request))
    ? "Decision: stop"
    : /input of a tool/i.test(systemOf(request))
      ? '{"query":"Accra"}'
      : "Accra";

/** A flow over a server whose planner replies so, and what was asked. */
const solve = async (
  plan: (request: OpenAIRequest) => string,
  unknownFields: readonly string[] = [],
  tools: Toolset = { look },
) => {
  inputs.length = 0;
  const server = await openaiServer({
    reply: verdictOrAnswer,
    fault: (_, request) =>
      /You plan how/.test(systemOf(request)) && !unknownFields.some((one) => one in request.body)
        ? { kind: "body", body: plan(request) }
        : undefined,
    unknownFields,
  });
  servers.push(server);
  const model = openaiCompatible({ baseURL: server.baseURL, model: "small" });
  return { result: await createFlow({ model, tools }).solve("Capital of Ghana?"), requests: server.requests };
};

it("a planner that calls tools writes the call too: three requests a question instead of four", async () => {
  const { result, requests } = await solve(() => call("look", { query: "Accra", limit: 3 }, "I look it up."));
  expect(result).toMatchObject({ status: "solved", answer: "Accra" });
  expect(inputs).toEqual([{ query: "Accra", limit: 3 }]);
  expect(requests).toHaveLength(3);
  expect(requests[0]?.body).toMatchObject({ tool_choice: "required", tools: [{ function: { name: "look" } }] });
  expect(requests[0]?.body.response_format).toBeUndefined();
  expect(systemOf(requests[0] as OpenAIRequest)).toContain(
    'look(query: string (what to look for), limit?: integer, kind?: "city" | "river"): Looks something up.',
  );
});

it("references in a call stand for what they name, and a call that does not fit is written by the executor", async () => {
  await solve(() => call("look", { query: "@7.name" }));
  expect(inputs).toEqual([{ query: "Accra" }]);
  const { result, requests } = await solve(() => call("look", { query: "q1, and q1 by area", limit: "3" }));
  expect(result.trajectory.analysis.entities).toEqual(["Capital of Ghana"]);
  expect(inputs).toEqual([{ query: "Capital of Ghana, and Capital of Ghana by area", limit: 3 }]);
  expect(requests).toHaveLength(3);
  const wrong = await solve(() => call("look", { limit: 3 }));
  expect(inputs).toEqual([{ query: "Accra" }]);
  expect(wrong.requests).toHaveLength(4);
});

it("an endpoint without tools is asked for JSON, and one that only forbids a choice of them keeps them", async () => {
  const text = JSON.stringify({
    choices: [{ message: { content: '{"name":"look","arguments":{"query":"Accra"}}' }, finish_reason: "stop" }],
  });
  const without = await solve(() => text, ["tools"]);
  expect(without.result).toMatchObject({ status: "solved", answer: "Accra" });
  expect(without.requests.map(({ body }) => ["tools" in body, "response_format" in body]).slice(0, 2)).toEqual([
    [true, false],
    [false, true],
  ]);
  expect(without.requests).toHaveLength(4);
  const noChoice = await solve(() => call("look", { query: "Accra" }), ["tool_choice"]);
  expect(noChoice.requests.slice(0, 2).map(({ body }) => ["tools" in body, "tool_choice" in body])).toEqual([
    [true, true],
    [true, false],
  ]);
  expect(noChoice.result.status).toBe("solved");
});

it("a name that is longer than endpoints take is not offered", async () => {
  const { requests } = await solve(() => "{}", [], { ["l".repeat(65)]: look });
  expect(requests[0]?.body.tools).toBeUndefined();
});
