import { ConfigError, messageOf, ToolError } from "../errors.ts";
import { redactor } from "../redact.ts";
import { secretsGiven, secretsOf, secretsOfAddress } from "../secrets.ts";
import type { AnyTool, JsonSchema, ToolOutput, Toolset } from "../tool.ts";

export type McpServer =
  | {
      /** A program that speaks MCP on its standard streams. */
      readonly command: string;
      readonly args?: readonly string[];
      /** All that it gets of an environment, besides PATH and HOME. */
      readonly env?: Readonly<Record<string, string>>;
      readonly cwd?: string;
    }
  | { readonly url: string; readonly headers?: Readonly<Record<string, string>> };

export interface McpOptions {
  /** Put before the tools' names, where two servers have tools of the same name. @default "" */
  readonly prefix?: string;
  /** Names of the tools to take. @default all */
  readonly tools?: readonly string[];
  /** Deadline of connecting and listing. @default 30 */
  readonly timeoutSeconds?: number;
}

export interface McpTools {
  readonly tools: Toolset;
  /** Ends the connection, and the server if it was started here. */
  close(): Promise<void>;
}

const MOST_TOOLS = 256;

/**
 * The tools of an MCP server, over its standard streams or over HTTP. What they bring is untrusted; a tool that the server
 * does not call read-only needs approval. Throws `ConfigError` when the server cannot be reached.
 */
export const mcpTools = async (server: McpServer, options: McpOptions = {}): Promise<McpTools> => {
  const { prefix = "", tools: wanted, timeoutSeconds = 30 } = options;
  const { Client, StreamableHTTPClientTransport } = await import("@modelcontextprotocol/client").catch((cause) => {
    throw new ConfigError(
      "MCP needs the npm package @modelcontextprotocol/client. Run: npm install @modelcontextprotocol/client",
      { cause },
    );
  });
  const secrets = secretsGivenTo(server);
  const redact = redactor(secrets);
  const named = redact("url" in server ? server.url : server.command);
  const client = new Client({ name: "agentflow", version: "0.1.0" });
  const transport =
    "url" in server
      ? new StreamableHTTPClientTransport(new URL(server.url), { requestInit: { headers: { ...server.headers } } })
      : await stdio(server);
  const timeout = timeoutSeconds * 1000;
  try {
    await client.connect(transport, { timeout });
    const listed = await client.listTools(undefined, { timeout });
    const found = listed.tools.slice(0, MOST_TOOLS).filter(({ name }) => wanted === undefined || wanted.includes(name));
    const missing = wanted?.find((name) => !found.some((one) => one.name === name));
    if (missing !== undefined)
      throw new ConfigError(
        `The MCP server ${named} has no tool "${missing}": it has ${listed.tools.map(({ name }) => name).join(", ")}.`,
      );
    const tools = found.map(({ name, description, inputSchema, annotations }): [string, AnyTool] => [
      `${prefix}${redact(name)}`.replace(/[^\w-]/g, "_"),
      {
        description: redact(description ?? annotations?.title ?? name).slice(0, 1000),
        inputSchema: redact.value(inputSchema as JsonSchema),
        secrets: () => secrets,
        needsApproval: annotations?.readOnlyHint !== true,
        execute: async (input: never, { abortSignal }): Promise<ToolOutput> => {
          const result = await client.callTool({ name, arguments: input }, { signal: abortSignal }).catch((error) => {
            abortSignal.throwIfAborted();
            throw redact.error(new ToolError(`${name}: ${messageOf(error)}`));
          });
          const text = redact(textOf(result));
          if (result.isError === true) throw redact.error(new ToolError(`${name}: ${text}`));
          return { text, source: `mcp: ${named}`, trust: "untrusted" };
        },
      },
    ]);
    return { tools: Object.fromEntries(tools), close: () => client.close() };
  } catch (cause) {
    await client.close().catch(() => undefined);
    if (cause instanceof ConfigError) throw redact.error(cause);
    throw redact.error(new ConfigError(`The MCP server ${named} cannot be used: ${messageOf(cause)}.`, { cause }));
  }
};

/** Whatever a server was given to show that it may do something. */
const secretsGivenTo = (server: McpServer): readonly string[] =>
  "url" in server
    ? [...secretsGiven(server.headers ?? {}), ...secretsOfAddress(server.url)]
    : [
        ...secretsGiven(server.env ?? {}),
        ...(server.args ?? []).flatMap((argument, i, all) => {
          const [, name = "", value = ""] = /^--?([\w-]+)=(.+)$/s.exec(argument) ?? [];
          const before = /^--?([\w-]+)$/.exec(all[i - 1] ?? "")?.[1] ?? "ARGUMENT";
          return name === "" ? secretsOf({ [before]: argument }) : secretsOf({ [name]: value });
        }),
      ];

const stdio = async (server: Extract<McpServer, { readonly command: string }>) => {
  const { StdioClientTransport } = await import("@modelcontextprotocol/client/stdio");
  const { PATH = "", HOME = "" } = process.env;
  return new StdioClientTransport({
    command: server.command,
    args: [...(server.args ?? [])],
    // Keys of this process are not the server's.
    env: { PATH, HOME, ...server.env },
    stderr: "ignore",
    ...(server.cwd === undefined ? {} : { cwd: server.cwd }),
  });
};

/** What a result says: its texts, and of anything else what it is. */
const textOf = (result: { readonly content?: unknown; readonly structuredContent?: unknown }): string => {
  const parts = Array.isArray(result.content) ? result.content : [];
  const texts = parts.map((part: { type?: unknown; text?: unknown; uri?: unknown; mimeType?: unknown }) =>
    typeof part.text === "string"
      ? part.text
      : `[${String(part.type)}${part.mimeType === undefined ? "" : ` ${String(part.mimeType)}`}]`,
  );
  if (texts.length === 0 && result.structuredContent !== undefined) return JSON.stringify(result.structuredContent);
  return texts.join("\n");
};
