import { ConfigError, ToolError } from "../errors.ts";
import { address, checked, defined, name, objectWith, type Rules } from "../options.ts";
import { keysOf } from "../secrets/secrets.ts";
import type { AnyTool, Field, JsonSchema, ToolContext, ToolOutput, Toolset } from "../tool.ts";
import { tool } from "../tool.ts";
import { fetchJson, type JsonFetchOptions, jsonFetchRules } from "./fetch-json.ts";

export interface AitoearnOptions extends JsonFetchOptions {
  /** Of the service, without a path. @default AITOEARN_URL */
  readonly baseURL?: string;
  /** Sent as `X-Api-Key`. @default AITOEARN_API_KEY */
  readonly apiKey?: string;
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
}

const optionRules: Rules<AitoearnOptions> = {
  ...jsonFetchRules,
  baseURL: address,
  apiKey: name,
  environment: objectWith("an environment"),
};

type Values = Readonly<Record<string, string>>;

/** One call of the API as a tool. */
interface Endpoint {
  readonly description: string;
  /** Arguments, with what each is; a `?` at the end of a name marks those that may be left out. */
  readonly arguments: Values;
  readonly request: (input: Values) => {
    readonly method: "GET" | "POST";
    readonly path: string;
    readonly body?: unknown;
  };
  /** Changes what others see. */
  readonly publishes?: boolean;
}

const part = (text: string | undefined): string => encodeURIComponent(text ?? "");
const query = (values: Readonly<Record<string, string | undefined>>): string => {
  const given = Object.entries(values).filter(
    (entry): entry is [string, string] => entry[1] !== undefined && entry[1] !== "",
  );
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
};
const names = (text: string | undefined): string[] =>
  (text ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter((name) => name !== "");

const endpoints: Readonly<Record<string, Endpoint>> = {
  channel_platforms: {
    description: "Lists the platforms on which content can be published.",
    arguments: {},
    request: () => ({ method: "GET", path: "platforms" }),
  },
  channel_accounts: {
    description: "Lists the accounts that are connected, of all platforms or of one.",
    arguments: { "platform?": "A platform, such as youtube." },
    request: ({ platform }) => ({ method: "GET", path: `accounts${query({ platform })}` }),
  },
  upload_media: {
    description: "Takes a picture or a video over from a public address; gives its id.",
    arguments: { url: "Public address of the file.", "type?": "image or video." },
    request: ({ url, type }) => ({
      method: "POST",
      path: "media",
      body: { url, ...defined({ type }) },
    }),
    publishes: true,
  },
  create_publish_flow: {
    description: "Publishes a post to one or more accounts; gives the id of its publishing flow.",
    arguments: {
      accounts: "Ids of accounts, with commas between.",
      title: "Title of the post.",
      text: "Text of the post.",
      "media?": "Ids of uploaded media, with commas between.",
      "at?": "When to publish, ISO 8601; at once when left out.",
    },
    request: ({ accounts, title, text, media, at }) => ({
      method: "POST",
      path: "publish/flows",
      body: {
        accountIds: names(accounts),
        title,
        content: text,
        mediaIds: names(media),
        ...defined({ publishAt: at }),
      },
    }),
    publishes: true,
  },
  publish_flow: {
    description: "How far a publishing flow is, and the works that came of it.",
    arguments: { id: "Id of the flow." },
    request: ({ id }) => ({ method: "GET", path: `publish/flows/${part(id)}` }),
  },
  works: {
    description: "Lists the works of a platform with their figures.",
    arguments: { platform: "A platform, such as youtube.", "account?": "Id of one account." },
    request: ({ platform, account }) => ({
      method: "GET",
      path: `works/${part(platform)}${query({ accountId: account })}`,
    }),
  },
  work_metrics: {
    description: "Views, likes, comments and shares of one work.",
    arguments: { platform: "A platform.", id: "Id of the work." },
    request: ({ platform, id }) => ({ method: "GET", path: `works/${part(platform)}/${part(id)}/metrics` }),
  },
  work_rankings: {
    description: "What does well on a platform now.",
    arguments: { platform: "A platform.", "topic?": "A topic." },
    request: ({ platform, topic }) => ({ method: "GET", path: `works/${part(platform)}/rankings${query({ topic })}` }),
  },
};

/**
 * Tools that publish content to many channels and watch how it does, over the open API of an AiToEarn service
 * (`/api/v2/channels/…`, `X-Api-Key`). What changes what others see needs approval (`toolApproval`).
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { aitoearnTools } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: aitoearnTools(), toolApproval: ({ tool }) => tool !== "create_publish_flow" });
 * ```
 */
export const aitoearnTools = (options: AitoearnOptions = {}): Toolset => {
  checked("aitoearnTools", options, optionRules);
  const environment = options.environment ?? process.env;
  const baseURL = options.baseURL ?? environment.AITOEARN_URL;
  const apiKey = options.apiKey ?? environment.AITOEARN_API_KEY;
  if (baseURL === undefined || !URL.canParse(baseURL))
    throw new ConfigError("aitoearnTools needs the address of the service: give baseURL, or set AITOEARN_URL.");
  if (apiKey === undefined || apiKey === "")
    throw new ConfigError("aitoearnTools needs a key: give apiKey, or set AITOEARN_API_KEY.");
  const ask = fetchJson(options);
  const root = `${baseURL.replace(/(?<!\/)\/+$/, "")}/api/v2/channels`;

  const call = async ({ request }: Endpoint, input: Values, { abortSignal, redact }: ToolContext): Promise<unknown> => {
    const { method, path, body } = request(input);
    const reply = await ask(`${root}/${path}`, {
      abortSignal,
      method,
      redact,
      headers: { "x-api-key": apiKey },
      ...defined({ body }),
    });
    // The service answers with status 200 whatever happened: `code` says what did.
    if (reply.code !== 0)
      throw new ToolError(
        `${path.split(/[/?]/)[0]}: ${String(reply.message ?? `code ${String(reply.code)}`).slice(0, 300)}`,
      );
    return reply.data;
  };

  const toolOf = (name: string, endpoint: Endpoint): AnyTool =>
    tool<Values>({
      description: endpoint.description,
      inputSchema: schemaOf(endpoint.arguments),
      needsApproval: endpoint.publishes === true,
      secrets: () => keysOf(apiKey),
      ...(name === "channel_platforms"
        ? { check: async (context) => `${new URL(root).host}, ${count(await call(endpoint, {}, context))} platforms` }
        : {}),
      execute: async (input, context): Promise<ToolOutput> => {
        const data = await call(endpoint, input, context);
        return {
          text: JSON.stringify(data, null, 1).slice(0, 4000),
          fields: fieldsOf(data),
          source: `${new URL(root).host}: ${name}`,
          trust: "untrusted",
        };
      },
    }) as AnyTool;

  return Object.fromEntries(Object.entries(endpoints).map(([name, endpoint]) => [name, toolOf(name, endpoint)]));
};

const schemaOf = (given: Values): JsonSchema => ({
  type: "object",
  properties: Object.fromEntries(
    Object.entries(given).map(([name, description]) => [name.replace("?", ""), { type: "string", description }]),
  ),
  required: Object.keys(given).filter((name) => !name.endsWith("?")),
});

const count = (data: unknown): number =>
  Array.isArray(data) ? data.length : Object.keys((data ?? {}) as object).length;

/** Ids and figures, by their names; of a list those of its first entries, by place. */
const fieldsOf = (data: unknown): Record<string, Field> => {
  const fields: Record<string, Field> = {};
  const take = (value: unknown, prefix: string): void => {
    if (typeof value !== "object" || value === null) return;
    for (const [name, inner] of Object.entries(value).slice(0, 20)) {
      const key = `${prefix}${name}`;
      if (typeof inner === "number" && Number.isFinite(inner)) fields[key] = { kind: "number", value: inner };
      else if (typeof inner === "string" && inner.length <= 200) fields[key] = { kind: "text", value: inner };
    }
  };
  if (Array.isArray(data)) for (const [i, entry] of data.slice(0, 5).entries()) take(entry, `${i + 1}_`);
  else take(data, "");
  return fields;
};
