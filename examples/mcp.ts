/** The tools of an MCP server; here one that this file starts as a program of its own. */
import { createFlow } from "agentflow";
import { scriptedPlanner } from "agentflow/testing";
import { mcpTools } from "agentflow/tools";

const program = `
import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
const server = new McpServer({ name: "weather", version: "1.0.0" });
server.registerTool(
  "weather",
  { description: "Weather of a city.", inputSchema: z.object({ city: z.string() }), annotations: { readOnlyHint: true } },
  async ({ city }) => ({ content: [{ type: "text", text: "It is 31 degrees in " + city + "." }] }),
);
await server.connect(new StdioServerTransport());
`;
const server = { command: process.execPath, args: ["--input-type=module", "--eval", program], cwd: process.cwd() };

// Of its own accord the server may say anything: that this tool changes nothing is for you to say.
const { tools, close } = await mcpTools(server, { readOnly: ["weather"] });
console.log("tools  ", Object.keys(tools).join(", "));
const flow = createFlow({ planner: scriptedPlanner(["weather Accra"]), tools, budget: { turns: 1 } });
const { trajectory } = await flow.solve("How warm is it in Accra?");
const [entry] = trajectory.memory;
console.log("answer ", entry?.observation.status === "ok" ? entry.observation.text : entry?.observation.error);
console.log("trust  ", entry?.observation.status === "ok" ? entry.observation.trust : "");
await close();
