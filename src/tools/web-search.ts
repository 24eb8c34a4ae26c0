import { AgentFlowError, ConfigError, messageOf, ToolError } from "../errors.ts";
import { checked, count, defined, objectWith, type Rules } from "../options.ts";
import type { Redactor } from "../secrets/redact.ts";
import { keysOf, secretsOfAddress } from "../secrets/secrets.ts";
import { type Field, type Tool, type ToolOutput, tool } from "../tool.ts";
import { type FetchJson, fetchJson, type JsonFetchOptions, jsonFetchRules } from "./fetch-json.ts";
import { remembered } from "./remembered.ts";

export interface SearchHit {
  readonly title: string;
  readonly url: string;
  readonly snippet: string;
}

export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  /** A grounded answer in words, of engines that give one. */
  readonly answer?: string;
}

/** One engine behind `web_search`. */
export interface SearchEngine {
  readonly name: string;
  /** US dollars of a search, as its price list says, for a budget of tool money. */
  readonly dollars: number;
  search(query: string, abortSignal: AbortSignal, redact?: Redactor): Promise<SearchAnswer>;
  /** The keys that it asks with. */
  readonly secrets?: () => readonly string[];
}

export interface WebSearchOptions extends JsonFetchOptions {
  /** @default the first one that the environment has a key or an address for */
  readonly engine?: SearchEngine;
  /** @default process.env */
  readonly environment?: Readonly<Record<string, string | undefined>>;
  /** @default 5 */
  readonly hits?: number;
}

const optionRules: Rules<WebSearchOptions> = {
  ...jsonFetchRules,
  engine: objectWith("a search engine", "search"),
  environment: objectWith("an environment"),
  hits: count,
};

type Json = Readonly<Record<string, unknown>>;
const list = (value: unknown): Json[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "object" && one !== null) : [];
const text = (value: unknown): string => (typeof value === "string" ? value.replace(/\s+/g, " ").trim() : "");
const hitsOf = (found: readonly Json[], title: string, url: string, snippet: string): SearchHit[] =>
  found
    .map((hit) => ({ title: text(hit[title]), url: text(hit[url]), snippet: text(hit[snippet]) }))
    .filter((hit) => /^https?:/.test(hit.url));

/**
 * Google's results through Gemini's grounding, with its own answer.
 *
 * @example
 * ```ts
 * import { geminiSearch, webSearch } from "agentflow/tools";
 *
 * const ask = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
 * const web_search = webSearch({ engine: geminiSearch(process.env.GEMINI_API_KEY ?? "", ask) });
 * ```
 */
export const geminiSearch = (key: string, ask: FetchJson, model = "gemini-2.5-flash"): SearchEngine => ({
  name: "google (gemini)",
  secrets: () => keysOf(key),
  dollars: 0.035,
  search: async (query, abortSignal, redact) => {
    const reply = await ask(`https://generativelanguage.googleapis.com/v1beta/models/${model}:generateContent`, {
      abortSignal,
      redact,
      headers: { "x-goog-api-key": key },
      body: { contents: [{ role: "user", parts: [{ text: query }] }], tools: [{ google_search: {} }] },
    });
    const [candidate = {}] = list(reply.candidates);
    const blocked = text((reply.promptFeedback as Json | undefined)?.blockReason);
    if (blocked !== "") throw new ToolError(`gemini does not answer this query: ${blocked}.`);
    const parts = list((candidate.content as Json | undefined)?.parts);
    const chunks = list((candidate.groundingMetadata as Json | undefined)?.groundingChunks);
    const hits = hitsOf(
      chunks.map(({ web }) => (web ?? {}) as Json),
      "title",
      "uri",
      "",
    );
    const answer = parts
      .map((part) => text(part.text))
      .join(" ")
      .trim();
    return answer === "" ? { hits } : { hits, answer };
  },
});

/**
 * Google's results by serper.dev.
 *
 * @example
 * ```ts
 * import { serperSearch, webSearch } from "agentflow/tools";
 *
 * const ask = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
 * const web_search = webSearch({ engine: serperSearch(process.env.SERPER_API_KEY ?? "", ask) });
 * ```
 */
export const serperSearch = (key: string, ask: FetchJson): SearchEngine => ({
  name: "serper",
  secrets: () => keysOf(key),
  dollars: 0.001,
  search: async (query, abortSignal, redact) => {
    const reply = await ask("https://google.serper.dev/search", {
      abortSignal,
      redact,
      headers: { "x-api-key": key },
      body: { q: query },
    });
    const answer =
      text((reply.answerBox as Json | undefined)?.answer) || text((reply.answerBox as Json | undefined)?.snippet);
    const hits = hitsOf(list(reply.organic), "title", "link", "snippet");
    return answer === "" ? { hits } : { hits, answer };
  },
});

/**
 * The search API of Brave; `key` is a subscription token.
 *
 * @example
 * ```ts
 * import { braveSearch, webSearch } from "agentflow/tools";
 *
 * const ask = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
 * const web_search = webSearch({ engine: braveSearch(process.env.BRAVE_API_KEY ?? "", ask) });
 * ```
 */
export const braveSearch = (key: string, ask: FetchJson): SearchEngine => ({
  name: "brave",
  secrets: () => keysOf(key),
  dollars: 0.005,
  search: async (query, abortSignal, redact) => {
    const address = `https://api.search.brave.com/res/v1/web/search?q=${encodeURIComponent(query)}`;
    const reply = await ask(address, { abortSignal, redact, headers: { "x-subscription-token": key } });
    return { hits: hitsOf(list((reply.web as Json | undefined)?.results), "title", "url", "description") };
  },
});

/**
 * The search API of Tavily.
 *
 * @example
 * ```ts
 * import { tavilySearch, webSearch } from "agentflow/tools";
 *
 * const ask = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
 * const web_search = webSearch({ engine: tavilySearch(process.env.TAVILY_API_KEY ?? "", ask) });
 * ```
 */
export const tavilySearch = (key: string, ask: FetchJson): SearchEngine => ({
  name: "tavily",
  secrets: () => keysOf(key),
  dollars: 0.008,
  search: async (query, abortSignal, redact) => {
    const reply = await ask("https://api.tavily.com/search", {
      abortSignal,
      redact,
      headers: { authorization: `Bearer ${key}` },
      body: { query },
    });
    const answer = text(reply.answer);
    const hits = hitsOf(list(reply.results), "title", "url", "content");
    return answer === "" ? { hits } : { hits, answer };
  },
});

/**
 * A SearXNG instance, yours or another's: needs no key.
 *
 * @example
 * ```ts
 * import { searxngSearch, webSearch } from "agentflow/tools";
 *
 * const ask = async (url: string) => (await (await fetch(url)).json()) as Record<string, unknown>;
 * const web_search = webSearch({ engine: searxngSearch("http://127.0.0.1:8080", ask) });
 * ```
 */
export const searxngSearch = (address: string, ask: FetchJson): SearchEngine => ({
  name: "searxng",
  secrets: () => secretsOfAddress(address),
  dollars: 0,
  search: async (query, abortSignal, redact) => {
    const url = `${address.replace(/(?<!\/)\/+$/, "")}/search?format=json&q=${encodeURIComponent(query)}`;
    const reply = await ask(url, { abortSignal, redact });
    const hits = hitsOf(list(reply.results), "title", "url", "content");
    const down = Array.isArray(reply.unresponsive_engines) ? reply.unresponsive_engines : [];
    // It asks other engines: that they are down is not that there is nothing.
    if (hits.length === 0 && down.length > 0)
      throw new ToolError(`searxng: no engine answered (${down.map(String).join("; ").slice(0, 200)}).`, {
        retryable: true,
      });
    return { hits };
  },
});

const engines: readonly [variable: string, make: (key: string, ask: FetchJson) => SearchEngine][] = [
  ["GEMINI_API_KEY", geminiSearch],
  ["SERPER_API_KEY", serperSearch],
  ["BRAVE_API_KEY", braveSearch],
  ["TAVILY_API_KEY", tavilySearch],
  ["SEARXNG_URL", searxngSearch],
];

/**
 * Searches the web: titles, addresses and snippets, by whichever engine a key is set for (GEMINI_API_KEY, SERPER_API_KEY,
 * BRAVE_API_KEY, TAVILY_API_KEY) or by SEARXNG_URL. Throws `ConfigError` when there is none.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { webSearch } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const web_search = webSearch({ environment: { SEARXNG_URL: "http://127.0.0.1:8080" } });
 * const flow = createFlow({ model, tools: { web_search } });
 * ```
 */
export const webSearch = (options: WebSearchOptions = {}): Tool<{ query: string }> => {
  checked("webSearch", options, optionRules);
  const engine = options.engine ?? engineOf(options.environment ?? process.env, options);
  const most = options.hits ?? 5;
  const search = remembered<SearchAnswer>(() => Promise.resolve({ hits: [] }));
  return tool({
    description: "Finds pages by name, code or words: five titles with their addresses.",
    inputSchema: {
      type: "object",
      properties: { query: { type: "string", description: "A name, a code or words." } },
      required: ["query"],
    },
    metadata: {
      limits: "Titles and a few words of each page: figures stand on the pages, which web_page reads.",
      bestUse: "To find the address of a page, or whether something is known at all.",
      examples: [{ input: { query: "Node.js 22 release date" }, for: "pages that state a date" }],
    },
    ...defined({ secrets: engine.secrets }),
    check: async (context) => {
      const { hits } = await engine.search("AgentFlow", context.abortSignal, context.redact);
      return `${engine.name}, ${hits.length} hits`;
    },
    execute: async ({ query }, { abortSignal, meter, redact }): Promise<ToolOutput> => {
      if (typeof query !== "string" || query.trim() === "") throw new ToolError("web_search needs a query.");
      const asked = query.trim().slice(0, 400);
      const answer = await search(asked, async () => {
        meter?.check();
        const found = await engine.search(asked, abortSignal, redact).catch((error: unknown) => {
          abortSignal.throwIfAborted();
          if (error instanceof AgentFlowError) throw error;
          throw new ToolError(`${engine.name} cannot be asked: ${messageOf(error)}.`, {
            retryable: true,
            cause: error,
          });
        });
        meter?.charge({ toolDollars: engine.dollars });
        return found;
      });
      return outputOf(asked, redact === undefined ? answer : redact.value(answer), most, engine.name);
    },
  });
};

const engineOf = (
  environment: Readonly<Record<string, string | undefined>>,
  options: JsonFetchOptions,
): SearchEngine => {
  for (const [variable, make] of engines) {
    const value = environment[variable];
    if (value !== undefined && value !== "") return make(value, fetchJson(options));
  }
  throw new ConfigError(
    `web_search needs an engine: set one of ${engines.map(([variable]) => variable).join(", ")} in the environment or in .env.`,
  );
};

const outputOf = (query: string, { hits, answer }: SearchAnswer, most: number, source: string): ToolOutput => {
  const shown = hits.slice(0, most);
  if (shown.length === 0 && answer === undefined)
    throw new ToolError(`web_search found no page for "${query}". Try other words.`);
  const fields: Record<string, Field> = {};
  for (const [i, { url, title }] of shown.entries())
    fields[String(i + 1)] = { kind: "address", value: url, label: title.slice(0, 60) };
  const lines = shown.map(
    ({ title, url, snippet }, i) => `${i + 1}. ${title} ${url}${snippet === "" ? "" : `\n   ${snippet.slice(0, 200)}`}`,
  );
  return {
    text: [...(answer === undefined ? [] : [answer.slice(0, 1500)]), ...lines].join("\n"),
    fields,
    source,
    trust: "untrusted",
  };
};
