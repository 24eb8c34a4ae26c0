import MiniSearch from "minisearch";
import type { Page } from "./page.ts";

/** Pages that a search lists. */
export const hitCount = 5;

/** Where fewer pages hold every word of a query, the nearest others are listed, too. */
const fewest = 2;

/** Longest part of a query that is looked for, in characters. */
const QUERY_LENGTH = 20_000;

/** Finds pages by name, best first. */
export interface PageIndex {
  /** Pages whose title or another name is exactly this: same letters before folded ones, titles before other names. */
  exact(query: string): readonly Page[];
  /** Up to `limit` pages by full text over title, names and text: those with every word, and near ones if these are few. */
  fullText(query: string, limit: number): readonly Page[];
}

/** Names are compared without case, accents and outer quotes. */
const fold = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(/\p{M}/gu, "")
    .toLowerCase()
    .replace(/^["“'\s]+/u, "")
    .replace(/(?<!["”'\s])["”'\s]+$/u, "")
    .replace(/\s+/g, " ");

const tokenize = (text: string): string[] =>
  text
    .split(/[^\p{L}\p{N}.]+/u)
    .map((word) => word.replace(/^\.+|(?<!\.)\.+$/g, ""))
    .filter((word) => word !== "");

/** An index over the pages; the full-text part is built by the first query that needs it. */
export const pageIndex = (pages: readonly Page[]): PageIndex => {
  const byName = new Map<string, Page[]>();
  for (const page of pages)
    for (const name of new Set([page.title, ...page.names].map(fold))) {
      const list = byName.get(name);
      if (list === undefined) byName.set(name, [page]);
      else list.push(page);
    }
  const rank = (page: Page, query: string): number =>
    page.title === query ? 0 : page.names.includes(query) ? 1 : fold(page.title) === fold(query) ? 2 : 3;

  let engine: MiniSearch | undefined;
  const build = (): MiniSearch => {
    const made = new MiniSearch({
      fields: ["title", "names", "text"],
      tokenize,
      processTerm: fold,
      searchOptions: { boost: { title: 3, names: 2 } },
    });
    made.addAll(pages.map((page, id) => ({ id, title: page.title, names: page.names.join(" "), text: page.text })));
    return made;
  };
  const find = (query: string, combineWith: "AND" | "OR"): readonly { readonly id: number }[] => {
    engine ??= build();
    return engine.search(query, { combineWith });
  };

  return {
    exact: (long) => {
      const query = long.slice(0, QUERY_LENGTH);
      const found = byName.get(fold(query)) ?? [];
      return found.length < 2
        ? found
        : [...found].sort((a, b) => rank(a, query) - rank(b, query) || (a.id < b.id ? -1 : 1));
    },
    fullText: (long, limit) => {
      const query = long.slice(0, QUERY_LENGTH);
      const all = find(query, "AND");
      const near = all.length >= fewest ? [] : find(query, "OR").slice(0, fewest);
      const ids = new Set([...all, ...near].map(({ id }) => id));
      return [...ids].slice(0, Math.min(limit, Math.max(all.length, fewest))).flatMap((id) => pages[id] ?? []);
    },
  };
};
