import { createFlow, tool } from "agentflow";
import { openaiCompatible } from "agentflow/models";
import { ANSWER, QUESTION, type Subject, turns } from "./subject.ts";

const inputSchema = { type: "object", properties: { query: { type: "string" } }, required: ["query"] };
const steps = turns.map(({ tool: name, query }) => ({ tool: name, subGoal: query, raw: `${name} ${query}` }));
const output = { text: ANSWER, fields: { seen: { kind: "text", value: "x" } } } as const;
const look = tool<{ query: string }>({ description: "Looks.", inputSchema, execute: () => output });

/** Schema check, events and budget are on. */
export const subject: Subject = {
  solve: (wait) => {
    const flow = createFlow({
      planner: async ({ turn }) => {
        if (wait !== undefined && turn === 2) await wait;
        return { step: steps[turn - 1] ?? { tool: "", subGoal: "", raw: "" } };
      },
      generator: () => ANSWER,
      tools: { look, read: look },
      budget: { turns: 3, tokens: 1e9, seconds: 600 },
    });
    return (i) => flow.solve(QUESTION, { id: `s${i}`, onEvent: () => undefined });
  },
  ask: (baseURL) => {
    const model = openaiCompatible({ baseURL, model: "double" });
    return () => model.complete({ messages: [{ role: "user", content: QUESTION }] });
  },
};
