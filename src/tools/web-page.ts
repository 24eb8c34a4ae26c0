import { retryableStatus, ToolError } from "../errors.ts";
import { type Tool, type ToolContext, type ToolOutput, tool } from "../tool.ts";
import { type GuardedFetchOptions, guardedFetch } from "./guarded-fetch.ts";
import { findPassages, readPage } from "./read-page.ts";
import type { ReadablePage } from "./readable.ts";

/** Longest text of a call, in characters. */
const LONGEST = 2000;
const MOST_PAGES = 128;
const MOST_MOVES = 5;
const LONGEST_QUERY = 400;

/**
 * Reads a page of the web, HTML, PDF or text: its beginning and its table of sections, one section, or the passages that
 * fit a query. Pages are fetched from the public internet only (see `guardedFetch`) and kept while the tool lives.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { webPage } from "agentflow/tools";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: { web_page: webPage() }, grants: { hosts: ["example.org"] } });
 * ```
 */
export const webPage = (options: GuardedFetchOptions = {}): Tool<{ url: string; section?: string; query?: string }> => {
  const get = guardedFetch(options);
  const pages = new Map<string, ReadablePage>();
  const read = async (url: string, context: ToolContext): Promise<ReadablePage> => {
    const known = pages.get(url);
    if (known !== undefined) return known;
    const page = await readAt(url, context, MOST_MOVES);
    pages.set(url, page);
    const [oldest] = pages.keys();
    if (pages.size > MOST_PAGES && oldest !== undefined) pages.delete(oldest);
    return page;
  };
  /** A page, or the one that it sends its readers on to: fetched with the same checks. */
  const readAt = async (url: string, context: ToolContext, moves: number): Promise<ReadablePage> => {
    const { status, contentType, body, url: from } = await get(url, context);
    if (status !== 200)
      throw new ToolError(`${from} answers with status ${status}.`, { retryable: retryableStatus(status) });
    if (body.length === 0) throw new ToolError(`${from} is empty.`);
    const page = await readPage({ body, contentType, url: from }, { abortSignal: context.abortSignal });
    if (page.movedTo !== undefined) {
      if (moves === 0) throw new ToolError(`${from} sends its readers on more than ${MOST_MOVES} times.`);
      return readAt(page.movedTo, context, moves - 1);
    }
    if (page.sections.length === 0) throw new ToolError(`${from} has no text that can be read.`);
    return page;
  };
  return tool({
    description: "Reads a page in full, by an address that web_search gave.",
    inputSchema: {
      type: "object",
      properties: {
        url: { type: "string", description: "An address, such as https://example.org/page." },
        section: { type: "string", description: "Heading or number of a part of the page." },
        query: { type: "string", description: "What to look for in a long page." },
      },
      required: ["url"],
    },
    metadata: {
      takes: "address",
      limits: "At most 2,000 characters a call; no pages that need a login or a script.",
      bestUse: "After web_search, for the figures and dates that stand on a page.",
      examples: [
        { input: { url: "https://example.org/report", query: "revenue 2024" }, for: "passages on a long page" },
      ],
    },
    timeoutSeconds: (options.timeoutSeconds ?? 20) + 10,
    execute: async ({ url, section, query }, context): Promise<ToolOutput> => {
      if (typeof url !== "string" || url.trim() === "") throw new ToolError("web_page needs an address.");
      const found = await read(url.trim(), context);
      const page = shortHeadings(context.redact === undefined ? found : context.redact.value(found));
      return {
        text: await textOf(page, section?.trim() ?? "", query?.trim() ?? "", context.abortSignal),
        fields: { title: { kind: "text", value: page.title.slice(0, 200) }, ...page.fields },
        source: url.trim(),
        trust: "untrusted",
      };
    },
  });
};

const LONGEST_HEADING = 300;

const shortHeadings = ({ title, sections, fields }: ReadablePage): ReadablePage => ({
  title: title.slice(0, LONGEST_HEADING),
  sections: sections.map(({ heading, text }) => ({ heading: heading.slice(0, LONGEST_HEADING), text })),
  fields,
});

const textOf = async (
  page: ReadablePage,
  section: string,
  query: string,
  abortSignal: AbortSignal,
): Promise<string> => {
  if (query !== "") {
    const text = page.sections.map(({ heading, text }) => `${heading}\n${text}`).join("\n");
    const found = await findPassages({ text, query: query.slice(0, LONGEST_QUERY), count: 10 }, { abortSignal });
    if (found.length === 0)
      throw new ToolError(`The page says nothing of "${query}". Its sections: ${headings(page)}.`);
    return cut([page.title, ...found].join("\n\n"));
  }
  if (section !== "") {
    const number = /^\d+$/.test(section) ? Number(section) - 1 : -1;
    const wanted = section.toLowerCase();
    const found =
      page.sections[number] ??
      page.sections.find(({ heading }) => heading.toLowerCase() === wanted) ??
      page.sections.find(({ heading }) => heading.toLowerCase().includes(wanted));
    if (found === undefined) throw new ToolError(`There is no section "${section}". The page has: ${headings(page)}.`);
    return cut([found.heading, found.text].join("\n"));
  }
  const [first] = page.sections;
  const rest = page.sections.length > 1 ? `\nSections: ${headings(page)}` : "";
  return `${cut([page.title, first?.text ?? ""].join("\n"), LONGEST - rest.length)}${rest}`;
};

const headings = ({ sections }: ReadablePage): string =>
  sections
    .map(({ heading }, i) => `${i + 1} ${heading || "(beginning)"}`)
    .join("; ")
    .slice(0, 800);

const cut = (text: string, most = LONGEST): string =>
  text.length <= most ? text : `${text.slice(0, most)}\n[cut: ${text.length - most} more characters]`;
