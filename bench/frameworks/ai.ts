import { tool as aiTool, generateText, isStepCount } from "ai";
import { MockLanguageModelV4 } from "ai/test";
import { z } from "zod";
import { ANSWER, QUESTION, type Subject, turns } from "./subject.ts";

const usage = {
  inputTokens: { total: 1, noCache: 1, cacheRead: 0, cacheWrite: 0 },
  outputTokens: { total: 1, text: 1, reasoning: 0 },
};

const tools = Object.fromEntries(
  ["look", "read"].map((name) => [
    name,
    aiTool({ description: "Looks.", inputSchema: z.object({ query: z.string() }), execute: async () => ANSWER }),
  ]),
);

const said = (text: string) => ({
  content: [{ type: "text" as const, text }],
  finishReason: { unified: "stop" as const, raw: undefined },
  usage,
  warnings: [],
});

export const subject: Subject = {
  solve: (wait) => () => {
    let call = 0;
    const model = new MockLanguageModelV4({
      doGenerate: async () => {
        if (wait !== undefined && call === 1) await wait;
        const turn = turns[call++];
        if (turn === undefined) return said(ANSWER);
        const input = JSON.stringify({ query: turn.query });
        return {
          ...said(""),
          content: [{ type: "tool-call", toolCallId: `c${call}`, toolName: turn.tool, input }],
          finishReason: { unified: "tool-calls", raw: undefined },
        };
      },
    });
    return generateText({ model, tools, prompt: QUESTION, stopWhen: isStepCount(5) });
  },
  // What a provider of the SDK does, and no more: a request by fetch.
  ask: (baseURL) => {
    const model = new MockLanguageModelV4({
      doGenerate: async () => {
        const reply = await fetch(`${baseURL}/chat/completions`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: JSON.stringify({ model: "double", messages: [{ role: "user", content: QUESTION }] }),
        });
        const { choices } = (await reply.json()) as { choices: { message: { content: string } }[] };
        return said(choices[0]?.message.content ?? "");
      },
    });
    return () => generateText({ model, prompt: QUESTION });
  },
};
