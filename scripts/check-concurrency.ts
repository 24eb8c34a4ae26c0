/**
 * R13: a thousand solves at once, each with twelve calls of a model that takes 100 ms: none fails, within 15 s and 600 MB
 * more than before, the event loop answers within 100 ms (p99), and the results are those of one solve after another.
 *
 *   npm run check:concurrency [-- --n 1000 --seed 7]
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import { type ChatModel, createFlow, type Flow, tool } from "../src/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";

const TURNS = 4;
const wait = (milliseconds: number): Promise<void> => new Promise((wake) => setTimeout(wake, milliseconds));

/** Three calls a turn: planner, executor, verifier. What is said depends on the question and the turn alone. */
const modelOf = (milliseconds: number): ChatModel => ({
  id: "double",
  complete: async ({ messages }) => {
    if (milliseconds > 0) await wait(milliseconds);
    const system = messages[0]?.content ?? "";
    const turn = messages.length;
    const question = /question (\d+)/.exec(messages.map(({ content }) => content).join("\n"))?.[1] ?? "";
    const text = /input of a tool/.test(system)
      ? JSON.stringify({ query: `${question} ${messages.at(-1)?.content.match(/Do: \S+ (\d+)/)?.[1] ?? turn}` })
      : /decision/i.test(system)
        ? "Decision: continue"
        : `look ${question} ${turn}`;
    return { text, promptTokens: 10, sampledTokens: 5 };
  },
});

const flowOf = (milliseconds: number): Flow =>
  createFlow({
    model: modelOf(milliseconds),
    generator: ({ memory }) => memory.map(({ call }) => JSON.stringify(call?.input)).join(";"),
    tools: {
      look: tool<{ query: string }>({
        description: "Looks.",
        inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
        execute: ({ query }) => query,
      }),
    },
    loopDetectors: [],
    budget: { turns: TURNS },
  });

export const check: Check = {
  name: "concurrency",
  n: 1000,
  brokenN: 20,
  run: async ({ n, broken }) => {
    const questions = Array.from({ length: n }, (_, i) => `question ${i}?`);
    const solve = (flow: Flow, question: string, i: number) => flow.solve(question, { id: `solve-${i}` });
    const one = flowOf(0);
    const expected: (string | undefined)[] = [];
    for (const [i, question] of questions.entries()) {
      const result = await solve(one, question, i);
      expected.push(result.status === "failed" ? undefined : result.answer);
    }
    const delay = monitorEventLoopDelay({ resolution: 10 });
    delay.enable();
    const memoryBefore = process.memoryUsage.rss();
    const begun = performance.now();
    const flow = flowOf(100);
    // The broken variant blocks the loop, as synchronous work in a flow would.
    const blocking = broken ? setInterval(() => block(150), 160) : undefined;
    const results = await Promise.all(questions.map((question, i) => solve(flow, question, i)));
    clearInterval(blocking);
    const seconds = (performance.now() - begun) / 1000;
    delay.disable();
    const lag = delay.percentile(99) / 1e6;
    const memory = (process.memoryUsage.rss() - memoryBefore) / 2 ** 20;
    const wrong = results.filter((result, i) =>
      result.status === "failed" ? true : result.answer !== expected[i],
    ).length;
    const calls = new Set(results.map(({ usage }) => usage.promptTokens / 10));
    const failed = wrong + (seconds > 15 ? 1 : 0) + (memory > 600 ? 1 : 0) + (lag > 100 ? 1 : 0);
    return {
      n,
      failed,
      lines: [
        `${n} solves × ${[...calls].join("/")} calls: ${wrong} differ from one after another, ${seconds.toFixed(1)} s, ${memory.toFixed(0)} MB more, event loop p99 ${lag.toFixed(0)} ms`,
      ],
    };
  },
};

const block = (milliseconds: number): void => {
  const end = performance.now() + milliseconds;
  while (performance.now() < end);
};

await runAsScript(check, import.meta.url);
