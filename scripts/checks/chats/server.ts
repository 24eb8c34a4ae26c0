/**
 * An agent server for `check:chats`, in a process of its own: a flow of three turns over a model that takes 100 ms a call. It
 * says its address once it listens, and what it took when asked.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { type ChatModel, createFlow, tool } from "agentflow";
import { listen } from "agentflow/server";

const CALL_MS = 100;
/** After this many looks the verifier has enough. */
const LOOKS = 3;

const look = tool<{ readonly query: string }>({
  description: "Looks a place up.",
  inputSchema: { type: "object", properties: { query: { type: "string" } }, required: ["query"] },
  execute: async ({ query }) => {
    await wait(CALL_MS);
    return { text: query, fields: { number: { kind: "number", value: query.length } } };
  },
});

/** The variant that has to fail keeps what it was asked last where every chat finds it. */
const isShared = process.argv[3] === "shared";
let latest = "nowhere";
let modelCalls = 0;
/** Each reply is a function of the question, so that no chat can be answered with another's. */
const model: ChatModel = {
  id: "answers after a while",
  complete: async ({ messages, abortSignal }) => {
    modelCalls += 1;
    const all = messages.map(({ content }) => content).join("\n");
    latest = /city-\d+/.exec(all)?.[0] ?? "nowhere";
    const own = latest;
    await wait(CALL_MS, undefined, { signal: abortSignal });
    const city = isShared ? latest : own;
    const looks = new Set(all.match(/\w+ of city-\d+/g) ?? []).size;
    const system = messages[0]?.content ?? "";
    const text = system.startsWith("You plan")
      ? `look ${["mayor", "river", "bridge"][looks % LOOKS]} of ${city}`
      : system.startsWith("You write the input")
        ? JSON.stringify({ query: `${["mayor", "river", "bridge"][looks % LOOKS]} of ${city}` })
        : system.startsWith("You check")
          ? `decision: ${looks >= LOOKS ? "stop" : "continue"}, so far ${looks}`
          : `<answer>${city} after ${looks}</answer>`;
    return { text, promptTokens: 10, sampledTokens: 5 };
  },
};

const folder = mkdtempSync(join(tmpdir(), "agentflow-chats-"));
const delay = monitorEventLoopDelay({ resolution: 10 });
const server = await listen({
  flows: { research: { flow: createFlow({ model, tools: { look }, budget: { turns: 6 } }) } },
  token: process.argv[2] ?? "",
  folder,
  port: 0,
  concurrency: 1024,
});
delay.enable();
let peak = 0;
const watch = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 50);
process.on("message", () => {
  const { user, system } = process.cpuUsage();
  process.send?.({
    megabytes: peak / 2 ** 20,
    delayMs: delay.percentile(99) / 1e6,
    longestMs: delay.max / 1e6,
    processorSeconds: (user + system) / 1e6,
    modelCalls,
  });
});
process.once("disconnect", async () => {
  clearInterval(watch);
  await server.close({ graceSeconds: 0 });
  rmSync(folder, { recursive: true, force: true });
  process.exit(0);
});
process.send?.({ url: server.url });
