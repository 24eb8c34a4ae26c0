import { randomUUID } from "node:crypto";
import { Readable, Writable } from "node:stream";
import type { McpServerFactory } from "@modelcontextprotocol/server";
import { messageOf } from "../errors.ts";
import { optionalPackage } from "../optional-package.ts";
import { type Answer, answerText } from "./answering.ts";
import { conversationOf } from "./asked.ts";
import { BODY_BYTES } from "./body.ts";
import { readToEnd } from "./chat-completions.ts";
import { answeredLines, type McpStreams } from "./mcp-streams.ts";
import { RequestError } from "./request-error.ts";
import { type Route, route } from "./route.ts";

interface SolveInput {
  readonly question: string;
  readonly model?: string;
}

const inputSchema = {
  type: "object",
  required: ["question"],
  additionalProperties: false,
  properties: {
    question: { type: "string", minLength: 1, maxLength: 16_000 },
    model: { type: "string", description: "A flow, or a version of one as flow@hash." },
  },
} as const;

/** The servers of the Model Context Protocol that answer with `solve`: one for each connection, all over the same flows. */
export const mcpFactory = async (
  answer: Answer,
  models: readonly string[],
  version: string,
): Promise<McpServerFactory> => {
  const { McpServer, fromJsonSchema } = await optionalPackage(
    "@modelcontextprotocol/server",
    () => import("@modelcontextprotocol/server"),
  );
  const [first = ""] = models;
  return () => {
    const server = new McpServer({ name: "agentflow", version });
    server.registerTool(
      "solve",
      {
        description: `Solves a question in turns with tools, and says how. Models: ${models.join(", ")} (default: ${first}).`,
        inputSchema: fromJsonSchema<SolveInput>(inputSchema),
        annotations: { readOnlyHint: false, openWorldHint: true },
      },
      async ({ question, model = first }, { mcpReq }) => {
        try {
          const asked = conversationOf([{ role: "user", content: question }], "question");
          const answering = await answer({ model, ...asked }, mcpReq.signal);
          const { reasoning, result } = await readToEnd(answering);
          return {
            content: [
              { type: "text", text: answerText(result) },
              { type: "text", text: reasoning },
            ],
            structuredContent: { ...answering.facts(result) },
          };
        } catch (error) {
          return { content: [{ type: "text", text: messageOf(error) }], isError: true };
        }
      },
    );
    return server;
  };
};

/** Speaks with one client over its streams, until it closes them. */
export const serveMcpOn = async (factory: McpServerFactory, streams: McpStreams): Promise<void> => {
  const { input, write } = answeredLines(streams);
  const { StdioServerTransport, serveStdio } = await import("@modelcontextprotocol/server/stdio");
  const readable = Readable.from(input);
  const writable = new Writable({
    decodeStrings: false,
    write: (text, _, done) => {
      write(String(text));
      done();
    },
  });
  const handle = serveStdio(factory, { transport: new StdioServerTransport(readable, writable) });
  await new Promise<void>((ended) => void readable.once("end", ended).once("close", ended).once("error", ended));
  await handle.close();
};

/** Sessions that are open at once: beyond, the oldest ends. */
const MOST_SESSIONS = 256;

/**
 * A handler for streamable HTTP. Clients of the protocol before 2026 have a session each, so that one who cancels ends the
 * solve that it began; newer ones need none. `ending` closes them all.
 */
const httpHandler = async (
  make: McpServerFactory,
  ending: AbortSignal,
): Promise<(request: Request) => Promise<Response>> => {
  const { createMcpHandler, isLegacyRequest, WebStandardStreamableHTTPServerTransport } = await import(
    "@modelcontextprotocol/server"
  );
  const modern = createMcpHandler(make, { legacy: "reject", maxRequestBodySize: BODY_BYTES });
  const sessions = new Map<string, InstanceType<typeof WebStandardStreamableHTTPServerTransport>>();
  const drop = (id: string): void => {
    void sessions.get(id)?.close();
    sessions.delete(id);
  };
  ending.addEventListener("abort", () => [...sessions.keys()].forEach(drop), { once: true });
  const open = async (request: Request): Promise<InstanceType<typeof WebStandardStreamableHTTPServerTransport>> => {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      maxRequestBodySize: BODY_BYTES,
      onsessioninitialized: (id) => {
        sessions.set(id, transport);
        const [oldest] = sessions.keys();
        if (sessions.size > MOST_SESSIONS && oldest !== undefined) drop(oldest);
      },
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await (await make({ era: "legacy", requestInfo: request })).connect(transport);
    return transport;
  };
  return async (request) => {
    if (!(await isLegacyRequest(request, undefined, { maxRequestBodySize: BODY_BYTES }))) return modern.fetch(request);
    const id = request.headers.get("mcp-session-id");
    const known = id === null ? undefined : sessions.get(id);
    if (id !== null && known === undefined)
      throw new RequestError(404, "There is no such session (any more): initialize a new one.", { code: "no_session" });
    return (known ?? (await open(request))).handleRequest(request);
  };
};

/** `/mcp`: the same over streamable HTTP. The package is loaded with the first request. */
export const mcpRoutes = (factory: () => Promise<McpServerFactory>, ending: AbortSignal): readonly Route[] => {
  let handler: Promise<(request: Request) => Promise<Response>> | undefined;
  const handle = async (request: Request): Promise<Response> => {
    handler ??= factory().then((make) => httpHandler(make, ending));
    const { status, headers, body } = await (await handler)(request);
    return new Response(body, { status, headers });
  };
  const schema = { type: "object" };
  return (["post", "get", "delete"] as const).map((method) =>
    route({
      method,
      path: "/mcp",
      summary: "Speaks the Model Context Protocol, with the tool solve.",
      reply: { description: "A message of the protocol.", schema, events: true },
      handle: ({ request, leave }) => {
        // Its solves have signals of their own.
        leave();
        return handle(request);
      },
    }),
  );
};
