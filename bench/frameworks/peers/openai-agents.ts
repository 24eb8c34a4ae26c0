import { Agent, type Model, type ModelRequest, Runner, tool, Usage } from "@openai/agents";
import { z } from "zod";
import { ANSWER, QUESTION, type Subject, turns } from "../subject.ts";

const instant = (wait: Promise<void> | undefined): Model => ({
  getResponse: async ({ input }: ModelRequest) => {
    const done = typeof input === "string" ? 0 : input.filter(({ type }) => type === "function_call_result").length;
    if (wait !== undefined && done === 1) await wait;
    const turn = turns[done];
    return {
      usage: new Usage(),
      output: [
        turn === undefined
          ? {
              type: "message",
              role: "assistant",
              status: "completed",
              content: [{ type: "output_text", text: ANSWER }],
            }
          : {
              type: "function_call",
              callId: `c${done}`,
              name: turn.tool,
              status: "completed",
              arguments: JSON.stringify({ query: turn.query }),
            },
      ],
    };
  },
  getStreamedResponse: () => {
    throw new Error("Nothing here streams.");
  },
});

const tools = ["look", "read"].map((name) =>
  tool({ name, description: "Looks.", parameters: z.object({ query: z.string() }), execute: async () => ANSWER }),
);
// Traces would go to a server.
const runner = new Runner({ tracingDisabled: true });

export const subject: Subject = {
  solve: (wait) => {
    const agent = new Agent({ name: "bench", instructions: "Solve.", model: instant(wait), tools });
    return () => runner.run(agent, QUESTION);
  },
};
