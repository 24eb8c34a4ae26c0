import { PassThrough, Readable } from "node:stream";
import { Client, StreamableHTTPClientTransport } from "@modelcontextprotocol/client";
import { createFlow } from "agentflow";
import { mcpTools } from "agentflow/tools";
import { afterEach, describe, expect, it } from "vitest";
import { ask, cityFlow, closeServers, QUESTION, serveForTest, slowModel, TOKEN } from "./serve-double.ts";

afterEach(closeServers);

const requestInit = { headers: { authorization: `Bearer ${TOKEN}` } };

describe("a client of the Model Context Protocol", () => {
  it("solves over HTTP", async () => {
    const server = await serveForTest();
    const client = new Client({ name: "test", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit }));
    const { tools } = await client.listTools();
    expect(tools).toMatchObject([{ name: "solve", inputSchema: { required: ["question"] } }]);
    const result = await client.callTool({ name: "solve", arguments: { question: QUESTION } });
    expect(result).toMatchObject({
      content: [
        { type: "text", text: "15 million" },
        { type: "text", text: expect.stringMatching(/^Turn 1: look q1/) },
      ],
      structuredContent: { status: "solved", answer: "15 million", policy: null, trajectory: expect.any(String) },
    });
    const refused = await client.callTool({ name: "solve", arguments: { question: QUESTION, model: "none" } });
    expect(refused).toMatchObject({ isError: true, content: [{ text: expect.stringContaining("There is no model") }] });
    await client.close();
  });

  it("needs the token as everybody does", async () => {
    const server = await serveForTest();
    const client = new Client({ name: "test", version: "1" });
    await expect(client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`)))).rejects.toThrow();
    const other = await ask(
      server,
      "/mcp",
      { jsonrpc: "2.0", id: 1, method: "initialize" },
      { headers: { origin: "http://evil.example" } },
    );
    expect(other.status).toBe(403);
  });

  it("solves over two streams, until it closes them", async () => {
    const server = await serveForTest();
    const input = new PassThrough();
    const replies: { id?: number; result?: unknown }[] = [];
    const ended = server.serveMcp({ input, write: (text) => replies.push(JSON.parse(text) as { id?: number }) });
    const say = (message: object): void => void input.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
    const reply = async (id: number): Promise<unknown> => {
      for (;;) {
        const found = replies.find((one) => one.id === id);
        if (found !== undefined) return found.result;
        await new Promise((next) => setTimeout(next, 5));
      }
    };
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } };
    say({ id: 1, method: "initialize", params });
    expect(await reply(1)).toMatchObject({ serverInfo: { name: "agentflow" } });
    say({ method: "notifications/initialized" });
    say({ id: 2, method: "tools/call", params: { name: "solve", arguments: { question: QUESTION } } });
    expect(await reply(2)).toMatchObject({ content: [{ text: "15 million" }, {}] });
    input.end();
    await ended;
  });

  it("that has said all gets its last answer, and one for what is no JSON", async () => {
    const server = await serveForTest({ flows: { research: { flow: cityFlow(slowModel(50)) } } });
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } };
    const call = { name: "solve", arguments: { question: QUESTION } };
    const said = [
      { jsonrpc: "2.0", id: 1, method: "initialize", params },
      { jsonrpc: "2.0", method: "notifications/initialized" },
      { jsonrpc: "2.0", id: 2, method: "tools/call", params: call },
    ].map((message) => JSON.stringify(message));
    const replies: string[] = [];
    await server.serveMcp({
      input: Readable.from([[...said.slice(0, 2), "what?", ""].join("\n"), said[2]]),
      write: (text) => void replies.push(text),
    });
    const answers = replies.map((text) => JSON.parse(text) as { id: number | null; error?: { code: number } });
    expect(answers.map(({ id, error }) => [id, error?.code])).toEqual([
      [null, -32700],
      [1, undefined],
      [2, undefined],
    ]);
    expect(replies.at(-1)).toContain("15 million");
  });

  it("that says what is no message is told so, line by line, and loses no answer", async () => {
    const server = await serveForTest();
    const params = { protocolVersion: "2025-06-18", capabilities: {}, clientInfo: { name: "test", version: "1" } };
    const initialize = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "initialize", params });
    const list = (id: unknown): string => JSON.stringify({ jsonrpc: "2.0", id, method: "tools/list" });
    const answers: (readonly [unknown, unknown])[] = [];
    const lines = [
      ...[initialize, JSON.stringify({ jsonrpc: "2.0", method: "notifications/initialized" })],
      ...[list(null), list(1.5), "[]", `[${list(3)}]`, "5", "null", "{}"],
      ...[`"${"x".repeat(2_000_000)}"`, list(4)],
    ];
    const bytes = Buffer.from(`${lines.join("\n")}\n`);
    const parts = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, i) =>
      bytes.subarray(65_536 * i, 65_536 * (i + 1)),
    );
    await server.serveMcp({
      input: Readable.from(parts),
      write: (text) => {
        const { id, error } = JSON.parse(text) as { id: unknown; error?: { code: number } };
        answers.push([id, error?.code]);
      },
    });
    const refused = answers.filter(([, code]) => code !== undefined).map(([id, code]) => `${id} ${code}`);
    expect(refused).toEqual([...Array.from({ length: 7 }, () => "null -32600"), "null -32700"]);
    expect(answers.filter(([, code]) => code === undefined).map(([id]) => id)).toEqual([1, 4]);
  });

  it("that cancels ends the solve", async () => {
    let aborted = 0;
    const model = slowModel(60_000, () => {
      aborted += 1;
    });
    const server = await serveForTest({ flows: { research: { flow: cityFlow(model) } } });
    const client = new Client({ name: "test", version: "1" });
    await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { requestInit }));
    const leaving = new AbortController();
    const call = client.callTool({ name: "solve", arguments: { question: QUESTION } }, { signal: leaving.signal });
    setTimeout(() => leaving.abort(), 300);
    await expect(call).rejects.toThrow();
    while (aborted === 0) await new Promise((next) => setTimeout(next, 10));
    await client.close();
  });

  it("is one of ours too: a flow whose tool is another flow", async () => {
    const server = await serveForTest();
    const opened = await mcpTools({ url: `${server.url}/mcp`, headers: requestInit.headers }, { readOnly: ["solve"] });
    const flow = createFlow({
      planner: () => ({ step: { tool: "solve", subGoal: "q", raw: "solve q" } }),
      tools: opened.tools,
      budget: { turns: 1 },
    });
    const { trajectory } = await flow.solve(QUESTION);
    expect(trajectory.memory[0]?.observation).toMatchObject({
      status: "ok",
      text: expect.stringContaining("15 million"),
    });
    await opened.close();
  });
});
