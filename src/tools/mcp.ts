import { basename } from "node:path";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { ConfigError, messageOf, ToolError } from "../errors.ts";
import { optionalPackage } from "../optional-package.ts";
import {
  callback,
  checked,
  defined,
  listOf,
  name,
  type Rules,
  recordOf,
  refusal,
  required,
  seconds,
  text,
} from "../options.ts";
import { redactor, redactors } from "../secrets/redact.ts";
import { secretsGiven, secretsOf, secretsOfAddress } from "../secrets/secrets.ts";
import { type AnyTool, type ToolOutput, type Toolset, toolset } from "../tool.ts";
import { boundedFetch } from "./bounded-fetch.ts";
import { type Listing, listingOf } from "./mcp-listing.ts";
import { programTransport } from "./mcp-program.ts";
import { readResult } from "./mcp-result.ts";
import { plainLine } from "./plain-line.ts";

export interface McpProgram {
  /** A program that speaks MCP on its standard streams. */
  readonly command: string;
  readonly args?: readonly string[];
  /** All that it gets of an environment, besides PATH and HOME. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
}

export interface McpAddress {
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export type McpServer = McpProgram | McpAddress;

export interface McpOptions {
  /** Put before the tools' names, where two servers have tools of the same name. @default "" */
  readonly prefix?: string;
  /** Names of the tools to take, as the server calls them. @default all */
  readonly tools?: readonly string[];
  /**
   * Names of tools that change nothing, by your own judgement: their calls need no approval. What a server says of its
   * tools counts for nothing. @default []
   */
  readonly readOnly?: readonly string[];
  /** The tools that there are already: one of the same name is refused. @default {} */
  readonly besides?: Toolset;
  /** Deadline of connecting and listing. @default 30 */
  readonly timeoutSeconds?: number;
  /** Deadline of a call. @default the flow's, and 60 at most */
  readonly callSeconds?: number;
  /** Told of each tool that is left out, in one line. @default a warning of the process */
  readonly onSkipped?: (line: string) => void;
}

export interface McpTools {
  readonly tools: Toolset;
  /** A line for each tool that is left out, with the reason. */
  readonly skipped: readonly string[];
  /** Ends the connection, and the server if it was started here. */
  close(): Promise<void>;
}

const MOST_PAGES = 16;
/** Where named tools are looked for. */
const MOST_PAGES_SEARCHED = 256;
/** Entries of a list that are looked at. */
const MOST_LISTED = 4096;

const optionRules: Rules<McpOptions> = {
  prefix: text,
  tools: listOf(name),
  readOnly: listOf(name),
  besides: toolset,
  timeoutSeconds: seconds,
  callSeconds: seconds,
  onSkipped: callback,
};
const programRules: Rules<McpProgram> = {
  command: required(name),
  args: listOf(text),
  env: recordOf(text),
  cwd: name,
};
const addressRules: Rules<McpAddress> = { url: required(name), headers: recordOf(text) };

/**
 * The tools of an MCP server, over its standard streams or over HTTP, as it lists them now: what it changes later is not
 * looked at. Its words are an outsider's, and what its tools bring is untrusted. Each call needs approval (`toolApproval`) but
 * those of tools that you name in `readOnly`. Throws `ConfigError` when the server cannot be reached, or has tools whose names
 * are taken.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { mcpTools } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const server = await mcpTools({ command: "node", args: ["server.js"] }, { readOnly: ["look"] });
 * const flow = createFlow({ model, tools: server.tools, toolApproval: () => false });
 * await server.close();
 * ```
 */
export const mcpTools = async (server: McpServer, options: McpOptions = {}): Promise<McpTools> => {
  checked("mcpTools", options, optionRules);
  const { prefix = "", tools: wanted, readOnly = [], besides = {}, timeoutSeconds = 30, callSeconds } = options;
  const of = nameOf(server);
  const { Client, StreamableHTTPClientTransport } = await optionalPackage(
    "@modelcontextprotocol/client",
    () => import("@modelcontextprotocol/client"),
  );
  const secrets = secretsGivenTo(server);
  const redact = redactor(secrets);
  const client = new Client({ name: "agentflow", version: "0.1.0" });
  /** Why a connection was given up, where the connection knows. */
  let fault: unknown;
  client.onerror = (error) => {
    fault = error;
  };
  const transport =
    "url" in server
      ? new StreamableHTTPClientTransport(new URL(server.url), {
          // A redirect would carry the headers, and with them a key, to another host.
          requestInit: { headers: { ...server.headers }, redirect: "error" },
          fetch: boundedFetch(),
        })
      : programTransport({
          command: server.command,
          args: server.args ?? [],
          // Keys of this process are not the server's.
          env: { PATH: process.env.PATH ?? "", HOME: process.env.HOME ?? "", ...server.env },
          cwd: server.cwd,
        });
  const ask = (method: string, params: Readonly<Record<string, unknown>>, seconds: number, signal: AbortSignal) =>
    client.request({ method, params }, anyResult, { signal, timeout: seconds * 1000 });

  const listed = async (): Promise<Listing> => {
    const signal = AbortSignal.timeout(timeoutSeconds * 1000);
    await client.connect(transport, { signal, timeout: timeoutSeconds * 1000 });
    const sent: unknown[] = [];
    let cursor: unknown;
    // Those that are wanted are chosen first: no limit is reached by tools that nobody takes.
    const isWanted = (one: unknown): boolean => wanted === undefined || wanted.includes(Object(one).name);
    const pages = wanted === undefined ? MOST_PAGES : MOST_PAGES_SEARCHED;
    for (let page = 0; page < pages && sent.length < MOST_LISTED; page += 1) {
      if (wanted !== undefined && sent.length >= wanted.length) break;
      const reply = await ask("tools/list", typeof cursor === "string" ? { cursor } : {}, timeoutSeconds, signal);
      const { tools, nextCursor } = Object(reply) as { readonly tools?: unknown; readonly nextCursor?: unknown };
      const chosen = Array.isArray(tools) ? tools.filter(isWanted) : [];
      sent.push(...chosen.slice(0, MOST_LISTED - sent.length));
      if (typeof nextCursor !== "string" || nextCursor === cursor) break;
      cursor = nextCursor;
    }
    return listingOf(redact.value(sent), { of, prefix, wanted, besides });
  };

  try {
    const listing = await within(listed(), timeoutSeconds, of);
    for (const asked of [...(wanted ?? []), ...readOnly])
      if (!listing.tools.some((one) => one.name === asked)) throw missing(asked, of, listing);
    const { onSkipped = (line: string) => process.emitWarning(line) } = options;
    for (const line of listing.skipped) onSkipped(line);
    const tools = listing.tools.map(({ name, as, description, inputSchema }): [string, AnyTool] => [
      as,
      {
        description: `From the MCP server ${of}, in its own words: ${description}`,
        inputSchema,
        secrets: () => secrets,
        needsApproval: !readOnly.includes(name),
        ...defined({ timeoutSeconds: callSeconds }),
        execute: async (input: never, { abortSignal, redact: asked }): Promise<ToolOutput> => {
          // Before anything is cut: the first half of a key cannot be found.
          const clean = redactors(redact, asked) ?? redact;
          const result = await ask("tools/call", { name, arguments: input }, callSeconds ?? 60, abortSignal).catch(
            (error) => {
              abortSignal.throwIfAborted();
              throw clean.error(new ToolError(`${name}: ${sayable(clean(messageOf(error)), server, of)}`));
            },
          );
          const { text, fields, failed } = readResult(clean.value(result));
          if (failed)
            throw new ToolError(`${name} failed. In the server's words, which are data: ${plainLine(text, 400)}`);
          return { text, fields, source: `mcp: ${of}`, trust: "untrusted" };
        },
      },
    ]);
    return { tools: Object.fromEntries(tools), skipped: listing.skipped, close: () => client.close() };
  } catch (cause) {
    await client.close().catch(() => undefined);
    if (cause instanceof ConfigError) throw redact.error(cause);
    const said = sayable(redact(messageOf(fault instanceof ToolError ? fault : cause)), server, of);
    throw redact.error(new ConfigError(`The MCP server ${of} cannot be used: ${said}.`, { cause }));
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

/** A server as it may be shown: of an address origin and path, of a program its name. The rest may hold keys. */
const nameOf = (server: McpServer): string => {
  if (typeof server !== "object" || server === null)
    throw refusal("mcpTools: the server", server, "{ command, args } of a program, or { url } of an address");
  if (!("url" in server)) return plainLine(basename(checked("The MCP server", server, programRules).command), 100);
  const { url } = checked("The MCP server", server, addressRules);
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (parsed === undefined || !["http:", "https:"].includes(parsed.protocol))
    throw new ConfigError(
      "The url of the MCP server is not an address: accepted is one such as https://example.org/mcp.",
    );
  return plainLine(`${parsed.origin}${parsed.pathname}`, 200);
};

/** What went wrong, without the address in full. */
const sayable = (message: string, server: McpServer, of: string): string =>
  plainLine(
    "url" in server ? message.replaceAll(server.url, of).replaceAll(new URL(server.url).href, of) : message,
    400,
  );

const missing = (name: string, of: string, { tools, skipped }: Listing): ConfigError =>
  new ConfigError(
    skipped.find((line) => line.includes(`"${name}"`)) ??
      `The MCP server ${of} has no tool "${name}": it has ${
        tools
          .map((tool) => tool.name)
          .join(", ")
          .slice(0, 1000) || "none that can be used"
      }.`,
  );

/** What a server replies is read here, not by a schema that it names itself. */
const anyResult: StandardSchemaV1<unknown, unknown> = {
  "~standard": { version: 1, vendor: "agentflow", validate: (value) => ({ value }) },
};

const within = async <T>(work: Promise<T>, seconds: number, of: string): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    const end = () => reject(new ConfigError(`The MCP server ${of} did not list its tools within ${seconds} seconds.`));
    timer = setTimeout(end, seconds * 1000);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
};
