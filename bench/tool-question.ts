/**
 * One question that takes one call of a tool, over the same scripted endpoint: requests, tokens and seconds of our flow, by
 * JSON and by native calls, and of `ai`. The endpoint takes 150 ms, and 10 ms for each token that it writes.
 *
 *   npx tsx bench/tool-question.ts [questions]
 */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { tool as aiTool, generateText, isStepCount, jsonSchema } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { createFlow, tool } from "../src/index.ts";
import { openaiCompatible } from "../src/models/index.ts";

const QUESTIONS = Number(process.argv[2] ?? 10);
const QUESTION = "What is the population of Ghana?";
const ANSWER = "33.5 million";
const description = "Looks a figure up in the almanac.";
const inputSchema = {
  type: "object",
  properties: { query: { type: "string", description: "place and figure, such as 'Peru area'" } },
  required: ["query"],
} as const;
const input = { query: "Ghana population" };

interface Body {
  readonly messages: readonly { readonly role: string; readonly content: unknown }[];
  readonly tools?: unknown;
}

/** Characters by four, as tokens go. */
const tokens = (value: unknown): number => Math.ceil(JSON.stringify(value ?? "").length / 4);
const counted = { requests: 0, prompt: 0, sampled: 0 };

/** What a model would say: it plans until it has seen the figure, and calls where it may. */
const reply = ({ messages, tools }: Body): { readonly text?: string; readonly call?: object } => {
  const system = String(messages[0]?.content);
  if (/input of a tool/.test(system)) return { text: JSON.stringify(input) };
  if (/decision:/.test(system))
    return { text: "execution: the figure is there\nmemory: it is what was asked for\ndecision: stop" };
  if (/Write the answer alone/.test(system) || messages.some(({ role }) => role === "tool")) return { text: ANSWER };
  return tools === undefined
    ? { text: JSON.stringify({ thought: "The almanac has it.", tool: "look", subGoal: "q1: its population" }) }
    : { call: { id: "c1", type: "function", function: { name: "look", arguments: JSON.stringify(input) } } };
};

const server = createServer(async (incoming, response) => {
  let text = "";
  for await (const chunk of incoming) text += String(chunk);
  const body = JSON.parse(text) as Body;
  const { text: content = null, call } = reply(body);
  const [prompt, sampled] = [tokens(body.messages) + tokens(body.tools), tokens(content ?? call)];
  counted.requests += 1;
  counted.prompt += prompt;
  counted.sampled += sampled;
  await wait(150 + 10 * sampled);
  const message = { content, ...(call === undefined ? {} : { tool_calls: [call] }) };
  response.writeHead(200, { "content-type": "application/json" });
  response.end(
    JSON.stringify({
      choices: [{ message, finish_reason: call === undefined ? "stop" : "tool_calls" }],
      usage: { prompt_tokens: prompt, completion_tokens: sampled },
    }),
  );
});
await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
const baseURL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;

const look = tool<{ query: string }>({
  description,
  inputSchema,
  execute: () => ({ text: ANSWER, fields: { population: { kind: "number", value: 33_500_000 } } }),
});
const flowOf = (promptStyle: "json" | "tools") => {
  const flow = createFlow({ model: openaiCompatible({ baseURL, model: "double", promptStyle }), tools: { look } });
  return async () => {
    const result = await flow.solve(QUESTION);
    return result.status === "failed" ? result.error.message : result.trajectory.answer;
  };
};

/** What a provider of the SDK sends, and no more. */
const provider = new MockLanguageModelV4({
  doGenerate: async ({ prompt, tools }) => {
    const messages = prompt.map(({ role, content }) => ({ role, content }));
    const functions = tools?.map((one) => ({ type: "function", function: one }));
    const sent = await fetch(`${baseURL}/chat/completions`, {
      method: "POST",
      body: JSON.stringify({ model: "double", messages, tools: functions }),
    });
    const { choices } = (await sent.json()) as {
      readonly choices: readonly {
        readonly message: {
          readonly content: string | null;
          readonly tool_calls?: readonly { readonly function: { readonly name: string; readonly arguments: string } }[];
        };
      }[];
    };
    const { content, tool_calls: calls = [] } = choices[0]?.message ?? { content: "" };
    const [called] = calls;
    return {
      content:
        called === undefined
          ? [{ type: "text", text: content ?? "" }]
          : [{ type: "tool-call", toolCallId: "c1", toolName: called.function.name, input: called.function.arguments }],
      finishReason: { unified: called === undefined ? "stop" : "tool-calls", raw: undefined },
      usage: {
        inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
        outputTokens: { total: 1, text: 1, reasoning: 0 },
      },
      warnings: [],
    };
  },
});
const aiTools = {
  look: aiTool({ description, inputSchema: jsonSchema<{ query: string }>(inputSchema), execute: async () => ANSWER }),
};

const subjects: Readonly<Record<string, () => Promise<unknown>>> = {
  "flow, JSON": flowOf("json"),
  "flow, native calls": flowOf("tools"),
  ai: async () =>
    (await generateText({ model: provider, tools: aiTools, prompt: QUESTION, stopWhen: isStepCount(4) })).text,
};
console.log("".padEnd(20), "requests", "prompt tokens", "sampled tokens", "seconds a question");
for (const [name, ask] of Object.entries(subjects)) {
  await ask();
  Object.assign(counted, { requests: 0, prompt: 0, sampled: 0 });
  const started = performance.now();
  for (let i = 0; i < QUESTIONS; i += 1) {
    const answer = await ask();
    if (answer !== ANSWER) throw new Error(`${name} answers ${JSON.stringify(answer)}.`);
  }
  const seconds = (performance.now() - started) / 1000 / QUESTIONS;
  const each = [counted.requests, counted.prompt, counted.sampled].map((sum) => (sum / QUESTIONS).toFixed(1));
  console.log(
    name.padEnd(20),
    each[0]?.padStart(8),
    each[1]?.padStart(13),
    each[2]?.padStart(14),
    seconds.toFixed(3).padStart(18),
  );
}
server.close();
server.closeAllConnections();
