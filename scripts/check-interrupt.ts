/**
 * R16: an interrupt ends everything. Flows are aborted at random moments, while a model, a tool or a program in a child
 * process is at work and takes no notice: each ends at once with exactly one last event that has the usage so far, and
 * nothing keeps running behind it.
 *
 *   npm run check:interrupt [-- --n 400 --seed 7]
 */
import { type ChildProcess, spawn } from "node:child_process";
import { type ChatModel, createFlow, type FlowEvent, random, randomKey, tool } from "../src/index.ts";
import { type Check, runAsScript } from "./checks/check.ts";

const wait = (milliseconds: number, signal?: AbortSignal): Promise<void> =>
  new Promise((wake) => {
    const end = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      wake();
    };
    const timer = setTimeout(end, milliseconds);
    signal?.addEventListener("abort", end);
  });
const schema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };

export const check: Check = {
  name: "interrupt",
  n: 400,
  brokenN: 20,
  run: async ({ n, seed, broken }) => {
    const draws = random(randomKey(seed, "interrupt"));
    const failures: string[] = [];
    const children = new Set<ChildProcess>();
    let modelCalls = 0;
    // Half of the models and tools listen to the signal, half do not.
    const model: ChatModel = {
      id: "slow",
      complete: async ({ messages, abortSignal }) => {
        modelCalls += 1;
        await wait(3, modelCalls % 2 === 0 ? abortSignal : undefined);
        const system = messages[0]?.content ?? "";
        const text = /input of a tool/.test(system)
          ? `{"text":"${modelCalls}"}`
          : /decision/i.test(system)
            ? "Decision: continue"
            : `${modelCalls % 3 === 0 ? "deaf" : modelCalls % 3 === 1 ? "child" : "slow"} ${modelCalls}`;
        return { text, promptTokens: 1, sampledTokens: 1 };
      },
    };
    const tools = {
      slow: tool<{ text: string }>({
        description: "Listens.",
        inputSchema: schema,
        execute: async (_, { abortSignal }) => wait(4, abortSignal),
      }),
      deaf: tool<{ text: string }>({ description: "Does not listen.", inputSchema: schema, execute: () => wait(40) }),
      child: tool<{ text: string }>({
        description: "Runs a program.",
        inputSchema: schema,
        execute: (_, { abortSignal }) =>
          new Promise<string>((end) => {
            const child = spawn(process.execPath, ["-e", "setTimeout(() => {}, 5000)"], { stdio: "ignore" });
            children.add(child);
            abortSignal.addEventListener("abort", () => child.kill("SIGKILL"), { once: true });
            child.on("close", () => {
              children.delete(child);
              end("ended");
            });
          }),
      }),
    };
    const flow = createFlow({ model, tools, budget: { turns: 30 }, loopDetectors: [] });
    for (let i = 0; i < n; i += 1) {
      const caller = new AbortController();
      const events: FlowEvent[] = [];
      const after = draws.below(60);
      const solving = flow.solve("How long?", {
        id: `interrupt-${i}`,
        onEvent: (event) => events.push(event),
        ...(broken ? {} : { abortSignal: caller.signal }),
      });
      await wait(after);
      caller.abort(new Error("enough"));
      const aborted = performance.now();
      const result = await Promise.race([solving, wait(400).then(() => undefined)]);
      const took = performance.now() - aborted;
      if (result === undefined) failures.push(`case ${i}: still at work ${took.toFixed(0)} ms after the interrupt`);
      else {
        const finishes = events.filter(({ type }) => type === "finish");
        const last = events.at(-1);
        if (finishes.length !== 1 || last?.type !== "finish")
          failures.push(`case ${i}: ${finishes.length} last events`);
        else if (last.usage.turns !== result.usage.turns || result.stopReason !== "aborted")
          failures.push(`case ${i}: ${result.stopReason}, ${JSON.stringify(last.usage)}`);
        const before = events.length;
        await wait(1);
        if (events.length !== before) failures.push(`case ${i}: events after the last one`);
      }
      if (broken) for (const child of children) child.kill("SIGKILL");
    }
    await wait(100);
    if (children.size > 0) failures.push(`${children.size} processes are left`);
    for (const child of children) child.kill("SIGKILL");
    return {
      n,
      failed: failures.length,
      lines: [`${n} interrupts: ${failures.length} did not end everything`, ...failures.slice(0, 8)],
    };
  },
};

await runAsScript(check, import.meta.url);
