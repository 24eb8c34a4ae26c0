/** One measurement of one subject: see frameworks.ts. Prints a number. */
import { tool as aiTool, generateText, isStepCount } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";
import { createFlow, tool } from "../src/index.ts";
import { openaiCompatible } from "../src/models/index.ts";
import { openaiServer } from "../src/testing/index.ts";
import { stepOf } from "../src/trajectory.ts";

const [subject = "", what = ""] = process.argv.slice(2);
const inputSchema = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };

/** Three turns of two tools with a planner that is there at once; `wait` keeps a solve parked. */
const oursOf = (wait: Promise<void> | undefined) => {
  const steps = ["look a", "read b", "look c"].map(stepOf);
  const output = { text: "fine", fields: { seen: { kind: "text", value: "x" } } } as const;
  const look = tool<{ query: string }>({ description: "Looks.", inputSchema, execute: () => output });
  const flow = createFlow({
    planner: async ({ turn }) => {
      if (wait !== undefined && turn === 2) await wait;
      return { step: steps[turn - 1] ?? stepOf("") };
    },
    generator: () => "fine",
    tools: { look, read: look },
    budget: { turns: 3, tokens: 1e9, seconds: 600 },
  });
  return (i: number): Promise<unknown> => flow.solve("Which?", { id: `s${i}`, onEvent: () => undefined });
};

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};
const theirsOf = (wait: Promise<void> | undefined) => {
  const tools = Object.fromEntries(
    ["look", "read"].map((name) => [
      name,
      aiTool({ description: "Looks.", inputSchema: z.object({ query: z.string() }), execute: async () => "fine" }),
    ]),
  );
  return async (): Promise<unknown> => {
    let call = 0;
    const model = new MockLanguageModelV4({
      doGenerate: async () => {
        call += 1;
        if (wait !== undefined && call === 2) await wait;
        return call <= 3
          ? {
              content: [
                {
                  type: "tool-call",
                  toolCallId: `c${call}`,
                  toolName: call === 2 ? "read" : "look",
                  input: '{"query":"x"}',
                },
              ],
              finishReason: { unified: "tool-calls", raw: undefined },
              usage,
              warnings: [],
            }
          : {
              content: [{ type: "text", text: "fine" }],
              finishReason: { unified: "stop", raw: undefined },
              usage,
              warnings: [],
            };
      },
    });
    return generateText({ model, tools, prompt: "Which?", stopWhen: isStepCount(5) });
  };
};
const make = subject === "agentflow" ? oursOf : theirsOf;

/** What a provider of the SDK does, and no more: a request by fetch. */
const overFetch = (baseURL: string) =>
  new MockLanguageModelV4({
    doGenerate: async () => {
      const reply = await fetch(`${baseURL}/chat/completions`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ model: "double", messages: [{ role: "user", content: "Which?" }] }),
      });
      const { choices } = (await reply.json()) as { choices: { message: { content: string } }[] };
      return {
        content: [{ type: "text", text: choices[0]?.message.content ?? "" }],
        finishReason: { unified: "stop", raw: undefined },
        usage,
        warnings: [],
      };
    },
  });

const cpu = async (work: () => Promise<unknown>): Promise<number> => {
  const from = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(from);
  return user + system;
};

if (what === "turn") {
  const solve = make(undefined);
  const wave = (): Promise<unknown> => Promise.all(Array.from({ length: 100 }, (_, i) => solve(i)));
  for (let i = 0; i < 20; i += 1) await wave();
  const waves = subject === "agentflow" ? 200 : 20;
  console.log(
    (await cpu(async () => {
      for (let i = 0; i < waves; i += 1) await wave();
    })) /
      (waves * 300),
  );
} else if (what === "solve") {
  const solve = make(undefined);
  for (let i = 0; i < 300; i += 1) await solve(i);
  const begun = performance.now();
  const times = subject === "agentflow" ? 5000 : 500;
  for (let i = 0; i < times; i += 1) await solve(i);
  console.log(((performance.now() - begun) * 1000) / times);
} else if (what === "parked") {
  let open = (): void => undefined;
  const wait = new Promise<void>((resolve) => {
    open = resolve;
  });
  const solve = make(wait);
  await Promise.all(Array.from({ length: 50 }, (_, i) => make(undefined)(i)));
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const count = subject === "agentflow" ? 10_000 : 1000;
  const parked = Array.from({ length: count }, (_, i) => solve(i));
  await new Promise((wake) => setTimeout(wake, 200));
  globalThis.gc?.();
  console.log((process.memoryUsage().heapUsed - before) / count / 1024);
  open();
  await Promise.all(parked);
} else {
  const server = await openaiServer({ reply: () => "fine" });
  const calls = 12;
  let peak = 0;
  const watch = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 20);
  const model = openaiCompatible({ baseURL: server.baseURL, model: "double" });
  const ask =
    subject === "agentflow"
      ? async (): Promise<unknown> => model.complete({ messages: [{ role: "user", content: "Which?" }] })
      : async (): Promise<unknown> => generateText({ model: overFetch(server.baseURL), prompt: "Which?" });
  {
    const begun = performance.now();
    const used = await cpu(() =>
      Promise.all(
        Array.from({ length: 1000 }, async () => {
          for (let i = 0; i < calls; i += 1) await ask();
        }),
      ),
    );
    const figure = { http: (performance.now() - begun) / 1000, httpCpu: used / 1e6, httpMemory: peak / 2 ** 20 }[what];
    console.log(figure);
  }
  clearInterval(watch);
  await server.close();
}
process.exit(0);
