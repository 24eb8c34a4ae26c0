import { Agent } from "@mastra/core/agent";
import { createTool } from "@mastra/core/tools";
import { z } from "zod";
import { ANSWER, QUESTION, type Subject, turns } from "../subject.ts";

const usage = { inputTokens: 1, outputTokens: 1, totalTokens: 2 };

/** A model in the AI SDK's second shape, which Mastra takes. */
const instant = (wait: Promise<void> | undefined) => {
  const partsOf = async (prompt: readonly { readonly role: string }[]) => {
    const done = prompt.filter(({ role }) => role === "tool").length;
    if (wait !== undefined && done === 1) await wait;
    const turn = turns[done];
    return turn === undefined
      ? { text: ANSWER, finishReason: "stop" }
      : {
          call: {
            type: "tool-call",
            toolCallId: `c${done}`,
            toolName: turn.tool,
            input: JSON.stringify({ query: turn.query }),
          },
          finishReason: "tool-calls",
        };
  };
  return {
    specificationVersion: "v2" as const,
    provider: "instant",
    modelId: "instant",
    supportedUrls: {},
    doGenerate: async ({ prompt }: { readonly prompt: readonly { readonly role: string }[] }) => {
      const { text, call, finishReason } = await partsOf(prompt);
      return { content: [call ?? { type: "text", text }], finishReason, usage, warnings: [] };
    },
    doStream: async ({ prompt }: { readonly prompt: readonly { readonly role: string }[] }) => {
      const { text, call, finishReason } = await partsOf(prompt);
      const said =
        call === undefined
          ? [
              { type: "text-start", id: "t" },
              { type: "text-delta", id: "t", delta: text },
              { type: "text-end", id: "t" },
            ]
          : [call];
      const stream = new ReadableStream({
        start: (controller) => {
          for (const part of [{ type: "stream-start", warnings: [] }, ...said, { type: "finish", finishReason, usage }])
            controller.enqueue(part);
          controller.close();
        },
      });
      return { stream };
    },
  };
};

const toolOf = (id: string) =>
  createTool({ id, description: "Looks.", inputSchema: z.object({ query: z.string() }), execute: async () => ANSWER });

export const subject: Subject = {
  solve: (wait) => {
    const agent = new Agent({
      id: "bench",
      name: "bench",
      instructions: "Solve.",
      model: instant(wait) as never,
      tools: { look: toolOf("look"), read: toolOf("read") },
    });
    return () => agent.generate(QUESTION, { maxSteps: 5 });
  },
};
