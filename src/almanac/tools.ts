import { ToolError } from "../errors.ts";
import { defined } from "../options.ts";
import type { Field, JsonSchema, Tool, ToolOutput, Toolset } from "../tool.ts";
import { tool } from "../tool.ts";
import type { Almanac } from "./data.ts";
import type { Page } from "./page.ts";
import { hitCount, pageIndex } from "./search.ts";

/** Tools that the Almanac does not bring itself, so that a toolset has all names of the live one. */
export interface OtherTools {
  readonly calculate: Tool<{ expression: string }>;
  readonly baseGenerator?: Tool<{ query: string }>;
}

const scheme = "almanac:";
const longestPage = 2000;

const oneString = (name: string, description: string, more: Readonly<Record<string, unknown>> = {}): JsonSchema => ({
  type: "object",
  properties: { [name]: { type: "string", description }, ...more },
  required: [name],
});

const shown = ({ value, unit }: Field): string => (unit === undefined ? String(value) : `${value} ${unit}`);

/** A page's table as text, one field a line. */
const table = (page: Page): string =>
  [page.title, page.text, ...Object.entries(page.fields).map(([name, field]) => `${name}: ${shown(field)}`)]
    .join("\n")
    .slice(0, longestPage);

/** Remembers the answers of a pure function, the newest few thousand. What it throws is remembered, too. */
const remembered = (answer: (key: string) => ToolOutput): ((key: string) => ToolOutput) => {
  const known = new Map<string, ToolOutput | ToolError>();
  const outcome = (key: string): ToolOutput | ToolError => {
    try {
      return answer(key);
    } catch (error) {
      if (error instanceof ToolError) return error;
      throw error;
    }
  };
  return (key) => {
    let found = known.get(key);
    if (found === undefined) {
      if (known.size >= 20_000) known.clear();
      found = outcome(key);
      known.set(key, found);
    }
    if (found instanceof ToolError) throw found;
    return found;
  };
};

const text = (tool: string, value: unknown): string => {
  if (typeof value === "string" && value.trim() !== "") return value.trim();
  throw new ToolError(`${tool} needs a text that is not empty, it got ${JSON.stringify(value)}.`);
};

/**
 * The Almanac's tools: `web_search` (titles and addresses of table pages, no figures), `wikipedia_search` (the lead
 * text of one prose page), `web_page` (a table page in full), and the two that are handed in.
 *
 * @example
 * ```ts
 * import { almanacTools, loadAlmanac } from "agentflow/almanac";
 * import { calculate } from "agentflow/tools";
 *
 * const tools = almanacTools(await loadAlmanac(), { calculate });
 * console.log(Object.keys(tools));
 * ```
 */
export const almanacTools = (almanac: Almanac, { calculate, baseGenerator }: OtherTools): Toolset => {
  const tables = pageIndex(almanac.pages.filter((page) => page.form === "table"));
  const prose = pageIndex(almanac.pages.filter((page) => page.form === "prose"));

  const search = remembered((query) => {
    const exact = tables.exact(query).slice(0, hitCount);
    const more = exact.length === hitCount ? [] : tables.fullText(query, 2 * hitCount);
    const hits = [...exact, ...more.filter((page) => !exact.includes(page))].slice(0, hitCount);
    if (hits.length === 0) throw new ToolError(`web_search found no page for "${query}". Try another name for it.`);
    const lines = hits.map(({ title, kind, id }, i) => `${i + 1}. ${title} (${kind}) ${scheme}${id}`);
    const fields = hits.map(({ id, kind }, i) => [
      String(i + 1),
      { kind: "address", value: `${scheme}${id}`, label: kind } as const,
    ]);
    return { text: lines.join("\n"), fields: Object.fromEntries(fields), source: "almanac" };
  });

  const lead = remembered((query) => {
    const [article = undefined] = prose.exact(query);
    const [entry = undefined] = article === undefined ? tables.exact(query) : [];
    const best = article ?? entry ?? prose.fullText(query, 1)[0];
    if (best === undefined) throw new ToolError(`wikipedia_search found no article for "${query}". Try web_search.`);
    // Of what has a table, the encyclopedia says in a sentence what it is; the figures are on its page.
    return {
      text: `${best.title}\n${best.text}`,
      fields: best.form === "prose" ? best.fields : {},
      source: scheme + best.id,
    };
  });

  const read = remembered((url) => {
    if (!url.startsWith(scheme))
      throw new ToolError(
        `web_page needs an address such as ${scheme}kind/name, it got "${url}". web_search gives addresses.`,
      );
    const page = almanac.byId.get(url.slice(scheme.length));
    if (page === undefined)
      throw new ToolError(`web_page: there is no page ${url}. web_search gives addresses that exist.`);
    if (page.form === "prose")
      throw new ToolError(`web_page: ${url} is an article. wikipedia_search "${page.title}" reads it.`);
    return { text: table(page), fields: page.fields, source: url };
  });

  return {
    web_search: tool<{ query: string }>({
      description: "Finds table pages by name, code or words: five titles with their addresses, no figures.",
      inputSchema: oneString("query", "A name or code."),
      execute: ({ query }) => search(text("web_search", query)),
    }),
    wikipedia_search: tool<{ query: string }>({
      description: "The lead text of the encyclopedia article that fits best: people and events.",
      inputSchema: oneString("query", "A name."),
      execute: ({ query }) => lead(text("wikipedia_search", query)),
    }),
    web_page: tool<{ url: string; section?: string }>({
      description: "Reads a table page in full, by an address that web_search gave.",
      inputSchema: oneString("url", `An address, such as ${scheme}airport/LOS.`, {
        section: { type: "string", description: "A part of the page; Almanac pages have one." },
      }),
      metadata: { takes: "address" },
      execute: ({ url }) => read(text("web_page", url)),
    }),
    calculate,
    ...defined({ base_generator: baseGenerator }),
  };
};
