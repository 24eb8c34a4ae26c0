/** All four modules on an endpoint that speaks OpenAI's protocol; here one that runs in this file. */
import { createFlow, tool, turnCount } from "agentflow";
import { openaiCompatible, resilient } from "agentflow/models";
import { openaiServer } from "agentflow/testing";

// Yours: { baseURL: "http://127.0.0.1:8000/v1", model: "…", apiKey: process.env.OPENAI_API_KEY }
const server = await openaiServer({
  reply: ({ body }) => {
    const system = String(body.messages?.[0]?.content);
    if (/input of a tool/.test(system)) return '{"sku":"A-17","site":"Lagos"}';
    if (/decision/i.test(system)) return "Decision: stop";
    return /results/.test(system) ? "40" : "stock of A-17 in Lagos";
  },
});
const model = resilient(
  openaiCompatible({ baseURL: server.baseURL, model: "small", price: { prompt: 1, sampled: 4 } }),
);

const stock = tool<{ sku: string; site: string }>({
  description: "Units of a product in a warehouse.",
  inputSchema: {
    type: "object",
    properties: { sku: { type: "string" }, site: { type: "string" } },
    required: ["sku", "site"],
  },
  execute: ({ sku, site }) => ({ text: `${site} has 40 of ${sku}`, fields: { value: { kind: "number", value: 40 } } }),
});

const flow = createFlow({ model, tools: { stock }, stopWhen: [turnCount(8)], budget: { dollars: 0.01, seconds: 60 } });
for await (const event of flow.stream("How many A-17 are in Lagos?")) {
  if (event.type === "plan-end") console.log("plan  ", event.tool, event.subGoal);
  if (event.type === "tool-call") console.log("call  ", JSON.stringify(event.call.input));
  if (event.type === "finish")
    console.log("answer", event.answer, `(${event.usage.turns} turn, $${event.usage.dollars.toFixed(6)})`);
}
await server.close();
