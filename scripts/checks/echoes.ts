/** Those who echo what they should not: an endpoint with its models, tools, pages and an MCP server. */
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { type AnyTool, ToolError, type Toolset, tool } from "../../src/index.ts";

export interface EchoServer {
  /** `<origin>/<mode>/v1` is an endpoint: `model`, or a status such as `401`. `<origin>/page` is a page. */
  readonly origin: string;
  /** What reached it: paths and headers that are not the key's own. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** Says `echo()` wherever something can be said. */
export const echoServer = async (echo: () => string): Promise<EchoServer> => {
  const asked: string[] = [];
  const server = createServer((incoming, response) => {
    asked.push(String(incoming.url));
    answer(incoming, response, echo()).catch(() => response.destroy());
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `http://127.0.0.1:${port}`,
    asked,
    close: () =>
      new Promise((closed) => {
        server.close(() => closed());
        server.closeAllConnections();
      }),
  };
};

const answer = async (incoming: IncomingMessage, response: ServerResponse, echo: string): Promise<void> => {
  const [, mode = ""] = (incoming.url ?? "").split("/");
  let text = "";
  for await (const chunk of incoming) text += String(chunk);
  // A header takes one line of ASCII.
  response.setHeader("x-echo", encodeURIComponent(echo).slice(0, 4000));
  response.setHeader("retry-after", "0");
  if (mode === "page") {
    // The cut of a page falls into an echo.
    response.setHeader("content-type", "text/plain").end(`# ${echo}\n\n${"word ".repeat(300)}${echo} ${echo}`);
    return;
  }
  if (/^\d+$/.test(mode)) {
    const said = `${"x".repeat(270)} key ${echo} from ${String(incoming.headers.authorization)}`;
    const error =
      Number(mode) === 429 ? said : { message: said, type: echo, param: echo, code: echo, key: incoming.headers };
    response.writeHead(Number(mode), { "content-type": "application/json" }).end(JSON.stringify({ error }));
    return;
  }
  const request = JSON.parse(text) as { messages: { content: string }[]; stream?: boolean };
  const said = saidBy(request.messages[0]?.content ?? "", `${echo} ${String(incoming.headers.authorization)}`);
  const usage = { prompt_tokens: 1, completion_tokens: said.length };
  if (request.stream !== true) {
    const message = { role: "assistant", content: said, reasoning_content: echo };
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ model: echo, choices: [{ message, finish_reason: "stop" }], usage }));
    return;
  }
  response.setHeader("content-type", "text/event-stream");
  const parts = said.match(/[\s\S]{1,3}/g) ?? [];
  for (const content of parts)
    response.write(`data: ${JSON.stringify({ model: echo, choices: [{ delta: { content, reasoning: echo } }] })}\n\n`);
  response.end(
    `data: ${JSON.stringify({ choices: [{ delta: {}, finish_reason: "stop" }], usage })}\n\ndata: [DONE]\n\n`,
  );
};

/** What each of the four modules receives: well-formed, and full of echoes. */
const saidBy = (system: string, echo: string): string => {
  if (/input of a tool/i.test(system)) return JSON.stringify({ text: echo });
  if (/answer a question from results/i.test(system)) return `Because of ${echo}.\n<answer>${echo}</answer>`;
  if (/decision/i.test(system)) return `Execution: ${echo}\nMemory: ${echo}\nDecision: continue`;
  return JSON.stringify({ thought: echo, tool: "show", subGoal: echo });
};

const inputSchema = { type: "object", properties: { text: { type: "string" } }, required: ["text"] };
const toolOf = (execute: (input: { readonly text: string }) => unknown, description = "Shows."): AnyTool =>
  tool<{ text: string }>({ description, inputSchema, execute }) as unknown as AnyTool;

/** Tools that show what they know in every place of a result. `number` is a secret too. */
export const echoTools = (echo: () => string, number: number, got: string[]): Toolset => ({
  show: toolOf(({ text }) => {
    got.push(text);
    return {
      text: `${"x".repeat(16_384 - 20)} ${echo()}`,
      fields: {
        [echo().slice(0, 300)]: { kind: "text", value: "by name" },
        value: { kind: "text", value: echo().slice(0, 900), unit: echo(), label: echo() },
        figure: { kind: "number", value: number, unit: echo() },
        nested: { kind: "text", value: "x", extra: { deep: [echo(), { [echo()]: number }] } },
      },
      source: `${"x".repeat(990)} ${echo()}`,
    };
  }, echo()),
  value: toolOf(() => ({ key: echo().slice(0, 900), number, list: [echo(), number], text: 7 })),
  alone: toolOf(() => number),
  words: toolOf(() => echo()),
  fail: toolOf(() => {
    throw new Error(`${"x".repeat(480)} ${echo()}`, { cause: new Error(echo()) });
  }),
  refuse: toolOf(() => {
    throw new ToolError(echo(), { cause: echo() });
  }),
});

/** An MCP server as a program of its own, which echoes what stands in its environment. */
export const mcpProgram = `
import { McpServer } from "@modelcontextprotocol/server";
import { StdioServerTransport } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";
const { ECHO = "", SERVICE_ACCESS = "" } = process.env;
const echo = ECHO + " " + SERVICE_ACCESS;
const server = new McpServer({ name: "echo", version: "1.0.0" });
const inputSchema = z.object({ text: z.string().describe(echo) });
const annotations = { readOnlyHint: true, title: echo };
const said = { content: [{ type: "text", text: echo }, { type: "resource_link", uri: "echo:" + encodeURIComponent(echo), name: echo, mimeType: SERVICE_ACCESS }] };
const description = "x".repeat(985) + " " + echo;
server.registerTool("mcp_show", { description, inputSchema, annotations }, async () => said);
server.registerTool("mcp_" + SERVICE_ACCESS, { description, inputSchema, annotations }, async () => said);
server.registerTool("mcp_fail", { description, inputSchema, annotations }, async () => ({ ...said, isError: true }));
server.registerTool("mcp_throw", { description, inputSchema, annotations }, async () => { throw new Error(echo); });
await server.connect(new StdioServerTransport());
`;
