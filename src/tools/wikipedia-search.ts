import { ToolError } from "../errors.ts";
import { address, checked, languageCode, type Rules } from "../options.ts";
import { type Tool, type ToolOutput, tool } from "../tool.ts";
import { fetchJson, type JsonFetchOptions, jsonFetchRules } from "./fetch-json.ts";
import { findPassages } from "./read-page.ts";
import { remembered } from "./remembered.ts";

export interface WikipediaOptions extends JsonFetchOptions {
  /** Of the encyclopedia: `en`, `de`, … @default "en" */
  readonly language?: string;
  /** Another MediaWiki, by the address of its `api.php`. */
  readonly api?: string;
}

const optionRules: Rules<WikipediaOptions> = { ...jsonFetchRules, language: languageCode, api: address };

interface Article {
  readonly title: string;
  readonly text: string;
}

const LONGEST = 2000;

/**
 * Searches an encyclopedia by the API of MediaWiki: the article that fits best, its lead and the passages that fit the
 * query, retrieved from its whole text.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { wikipediaSearch } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: { wikipedia_search: wikipediaSearch({ language: "en" }) } });
 * ```
 */
export const wikipediaSearch = (options: WikipediaOptions = {}): Tool<{ query: string }> => {
  checked("wikipediaSearch", options, optionRules);
  const { language = "en", api = `https://${language}.wikipedia.org/w/api.php` } = options;
  const ask = fetchJson(options);
  const call = (parameters: Readonly<Record<string, string>>, abortSignal: AbortSignal) =>
    ask(`${api}?${new URLSearchParams({ format: "json", formatversion: "2", ...parameters })}`, {
      abortSignal,
      headers: { "user-agent": "AgentFlow/0.1 (tool wikipedia_search)" },
    });
  const titles = remembered<string[]>(() => Promise.resolve([]));
  const articles = remembered<Article | undefined>(() => Promise.reject(new Error("unused")));

  const search = async (query: string, abortSignal: AbortSignal): Promise<string[]> => {
    const reply = await call(
      { action: "query", list: "search", srsearch: query, srlimit: "5", srprop: "" },
      abortSignal,
    );
    const found = (reply.query as { readonly search?: readonly { readonly title?: unknown }[] } | undefined)?.search;
    if (!Array.isArray(found))
      throw new ToolError(`wikipedia_search: ${new URL(api).host} did not say what it found.`, { retryable: true });
    return found.flatMap(({ title }) => (typeof title === "string" ? title : []));
  };

  /** Undefined for one without text, such as a page of nothing but a list of others. */
  const article = async (title: string, abortSignal: AbortSignal): Promise<Article | undefined> => {
    const reply = await call(
      { action: "query", prop: "extracts", explaintext: "1", redirects: "1", titles: title },
      abortSignal,
    );
    const [page] =
      (reply.query as { readonly pages?: readonly { title?: unknown; extract?: unknown }[] } | undefined)?.pages ?? [];
    if (typeof page?.extract !== "string" || page.extract.trim() === "") return undefined;
    return { title: typeof page.title === "string" ? page.title : title, text: page.extract };
  };

  return tool({
    description: "The encyclopedia article that fits best: its lead and what it says of the query.",
    inputSchema: {
      type: "object",
      properties: { query: { type: "string", description: "A name, or a name and what is asked of it." } },
      required: ["query"],
    },
    metadata: {
      limits: "One article a call; 2,000 characters of it.",
      bestUse: "People, places, events, works: what an encyclopedia has an article on.",
      examples: [{ input: { query: "Marie Curie date of birth" }, for: "an article and the passage on a date" }],
    },
    check: async ({ abortSignal }) =>
      `${new URL(api).host}, ${(await search("encyclopedia", abortSignal)).length} titles`,
    execute: async ({ query }, { abortSignal, redact }): Promise<ToolOutput> => {
      if (typeof query !== "string" || query.trim() === "") throw new ToolError("wikipedia_search needs a query.");
      const asked = query.trim().slice(0, 300);
      const all = await titles(asked, () => search(asked, abortSignal));
      if (all.length === 0) throw new ToolError(`wikipedia_search found no article for "${asked}". Try web_search.`);
      let found: Article | undefined;
      const others = [...all];
      while (found === undefined && others.length > 0) {
        const next = others.shift() ?? "";
        found = await articles(next, () => article(next, abortSignal));
      }
      if (found === undefined)
        throw new ToolError(`wikipedia_search: no article for "${asked}" has a text: ${all.join("; ").slice(0, 300)}.`);
      const { title, text } = redact === undefined ? found : redact.value(found);
      const lead = text.split(/\n\s*\n|\n==/)[0]?.trim() ?? "";
      const passages = await findPassages({ text: text.slice(lead.length), query: asked, count: 3 }, { abortSignal });
      const also = others.length === 0 ? "" : `\nOther articles: ${others.join("; ")}`;
      const room = LONGEST - also.length;
      return {
        text: `${[title, lead.slice(0, 900), ...passages].join("\n\n").slice(0, room)}${also}`,
        fields: { title: { kind: "text", value: title } },
        source: `${new URL(api).host}: ${title}`,
        trust: "untrusted",
      };
    },
  });
};
