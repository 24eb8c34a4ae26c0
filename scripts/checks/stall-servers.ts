import { readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describeRepo } from "../../src/engines/onnx/files/hub-client.ts";
import { compileGrammar } from "../../src/engines/onnx/text/grammar/compile-grammar.ts";
import { grammarTokens } from "../../src/engines/onnx/text/grammar/grammar-tokens.ts";
import type { TokenizerJson } from "../../src/engines/onnx/text/tokenizer.ts";
import { openaiCompatible } from "../../src/models/openai-compatible.ts";
import type { AnyTool } from "../../src/tool.ts";
import { mcpTools } from "../../src/tools/mcp.ts";
import type { Entrance } from "./stall-entrance.ts";

const planner = new URL("../../models/agentflow-tiny/tokenizer.json", import.meta.url);
const json = JSON.parse(readFileSync(planner, "utf8")) as TokenizerJson;
const size = Object.keys(json.model.vocab).length + json.added_tokens.length;
const tokens = grammarTokens(json, size);

type Answer = (request: IncomingMessage, response: ServerResponse, body: string) => void;

/** Runs some work against a server on loopback that lives as long as the work. */
const against = async (answer: Answer, work: (address: string) => Promise<unknown>): Promise<unknown> => {
  const server: Server = createServer((request, response) => {
    let body = "";
    request.on("data", (chunk) => {
      body += chunk;
    });
    request.on("end", () => answer(request, response, body));
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.close();
    server.closeAllConnections();
  }
};

const JSON_TYPE = { "content-type": "application/json" };
const endpoint = (name: string, text: string, { stream = false, status = 200 } = {}): Entrance => ({
  name: `endpoint: ${name}`,
  text,
  seconds: 3,
  run: (abortSignal) =>
    against(
      (_, response) => {
        response.writeHead(status, stream ? { "content-type": "text/event-stream" } : JSON_TYPE);
        response.end(text);
      },
      (address) =>
        openaiCompatible({ baseURL: `${address}/v1`, model: "small" }).complete({
          messages: [{ role: "user", content: "Hi" }],
          abortSignal,
          ...(stream && { onText: () => undefined }),
        }),
    ),
});

/** A server that speaks as much of MCP as listing and calling needs. */
const mcp = (name: string, tool: object, result: object = { content: [{ type: "text", text: "done" }] }): Entrance => ({
  name: `mcp: ${name}`,
  text: "",
  seconds: 3,
  run: (abortSignal) => {
    // Built beforehand: this check's own work is not to be measured.
    const listed = JSON.stringify({ tools: [{ name: "look", inputSchema: { type: "object" }, ...tool }] });
    const replied = JSON.stringify(result);
    const answer: Answer = (_, response, body) => {
      const { id, method, params } = JSON.parse(body || "{}") as {
        id?: number;
        method?: string;
        params?: { protocolVersion?: string };
      };
      if (id === undefined) return void response.writeHead(202).end();
      const hello = {
        protocolVersion: params?.protocolVersion,
        capabilities: { tools: {} },
        serverInfo: { name: "s", version: "1" },
      };
      const texts: Readonly<Record<string, string>> = {
        initialize: JSON.stringify(hello),
        "tools/list": listed,
        "tools/call": replied,
      };
      const text = texts[method ?? ""];
      const part = text === undefined ? '"error":{"code":-32601,"message":"no"}' : `"result":${text}`;
      response.writeHead(200, JSON_TYPE).end(`{"jsonrpc":"2.0","id":${id},${part}}`);
    };
    return against(answer, async (address) => {
      const server = await mcpTools({ url: `${address}/mcp` });
      try {
        const [look] = Object.values(server.tools) as AnyTool[];
        compileGrammar({ type: "json", schema: look?.inputSchema as Record<string, unknown> }, tokens, { endIds: [0] });
        return await look?.execute({ text: "a".repeat(40) } as never, { abortSignal });
      } finally {
        await server.close();
      }
    });
  },
});

const nested = (depth: number): object => {
  let schema: object = { type: "string" };
  for (let i = 0; i < depth; i += 1) schema = { type: "object", properties: { a: schema } };
  return schema;
};

const hub = (name: string, page: (address: string, path: string) => { body: string; next?: string }): Entrance => ({
  name: `hub: ${name}`,
  text: "",
  seconds: 3,
  run: (abortSignal) => {
    let address = "";
    const answer: Answer = (request, response) => {
      const path = request.url ?? "";
      if (!path.includes("/tree/"))
        return void response
          .writeHead(200, JSON_TYPE)
          .end(JSON.stringify({ _id: "1", id: "a/b", sha: "0".repeat(40) }));
      const { body, next } = page(address, path);
      response.writeHead(200, { ...JSON_TYPE, ...(next && { link: `<${next}>; rel="next"` }) }).end(body);
    };
    return against(answer, (found) => {
      address = found;
      return describeRepo({ repo: "a/b", revision: "main" }, { endpoint: found }, abortSignal);
    });
  },
});

const completion = (content: string): string => `{"choices":[{"message":{"content":${content}}}]}`;

/** What endpoints, MCP servers and hubs may send. */
export const serverEntrances: readonly Entrance[] = [
  endpoint("4 MB of brackets", "[".repeat(4_000_000)),
  endpoint("brackets that close", completion(`${"[".repeat(1_000_000)}${"]".repeat(1_000_000)}`)),
  endpoint("300,000 keys", `{${Array.from({ length: 280_000 }, (_, i) => `"k${i}":1`).join()}}`),
  endpoint("60 kB of brackets", `${"[".repeat(30_000)}${"]".repeat(30_000)}`),
  endpoint("6 MB", "x".repeat(6_000_000)),
  endpoint("an error of 4 MB", `{"error":${"[".repeat(4_000_000)}`, { status: 400 }),
  endpoint("an error of spaces", " ".repeat(4_000_000), { status: 500 }),
  endpoint("one event without an end", `data: ${"x".repeat(4_000_000)}`, { stream: true }),
  endpoint("lines without an event", "data: x\n".repeat(500_000), { stream: true }),
  endpoint("events without a text", "data: {}\n\n".repeat(400_000), { stream: true }),
  endpoint("returns", "\r".repeat(4_000_000), { stream: true }),
  endpoint("deep events", `data: ${"[".repeat(50_000)}\n\n`.repeat(50), { stream: true }),
  mcp(
    "a pattern in outputSchema",
    { outputSchema: { type: "object", properties: { v: { type: "string", pattern: "^(a+)+$" } } } },
    { content: [], structuredContent: { v: `${"a".repeat(40)}!` } },
  ),
  mcp("a pattern in inputSchema", {
    inputSchema: { type: "object", properties: { text: { type: "string", pattern: "(((a{1,99}){1,99}){1,99})b" } } },
  }),
  mcp("a deep schema", { inputSchema: nested(800) }),
  mcp("many properties", {
    inputSchema: {
      type: "object",
      properties: Object.fromEntries(Array.from({ length: 9000 }, (_, i) => [`p${i}`, { type: "string" }])),
    },
  }),
  mcp("large counts", {
    inputSchema: {
      type: "object",
      properties: { text: { type: "array", minItems: 100_000, items: { type: "string", minLength: 100_000 } } },
    },
  }),
  mcp("a long result", {}, { content: [{ type: "text", text: "x".repeat(5_000_000) }] }),
  hub("pages without an end", (address, path) => ({ body: "[]", next: `${address}${path}&x=1` })),
  hub("folders without an end", (address, path) => ({
    body: JSON.stringify(
      Array.from({ length: 900 }, (_, i) => ({ type: "directory", path: `d${i}`, size: 0, oid: "1" })),
    ),
    next: `${address}${path}&x=1`,
  })),
  hub("a page of brackets", () => ({ body: "[".repeat(3_000_000) })),
];
