import { randomKey, uniform } from "../random.ts";
import type { Almanac } from "./data.ts";
import type { Page } from "./page.ts";
import { hopKinds, type Path, type PathName, paths } from "./paths.ts";
import { hitCount, type PageIndex, pageIndex } from "./search.ts";

/** Which part of the world a page belongs to. */
export type Split = "train" | "validation" | "test";

/** A path walked from one entry page: what names it, the pages read, and where each search lists its page. */
export interface Chain {
  readonly clue: string;
  readonly pages: readonly Page[];
  /** Position among the hits of each search, from 1. */
  readonly hits: readonly number[];
}

/**
 * A page's split: 80 % train, 10 % validation, 10 % test by the hash of its id, the same for every seed.
 *
 * @example
 * ```ts
 * import { splitOf } from "agentflow/almanac";
 *
 * console.log(splitOf("airport:LOS"));
 * ```
 */
export const splitOf = (pageId: string): Split => {
  const share = uniform(randomKey("almanac split", pageId), 0);
  return share < 0.8 ? "train" : share < 0.9 ? "validation" : "test";
};

/** Whether a chain may serve a split: training reads training pages only, the others start from a page of their own. */
export const belongsTo = (split: Split, { pages: [entry, ...others] }: Chain): boolean =>
  entry !== undefined &&
  splitOf(entry.id) === split &&
  (split !== "train" || others.every(({ id }) => splitOf(id) === split));

/** The page of a kind that a name finds, and its place among the hits; undefined unless it is the only one. */
const locate = (
  index: PageIndex,
  name: string,
  kind: string,
): { readonly page: Page; readonly hit: number } | undefined => {
  const found = index.exact(name);
  const [page, ...rivals] = found.filter((candidate) => candidate.kind === kind);
  const hit = page === undefined ? 0 : found.indexOf(page) + 1;
  return page === undefined || rivals.length > 0 || hit > hitCount ? undefined : { page, hit };
};

/** All chains of a path: those whose names find exactly one page of the kind that the question implies. */
export const chainsOf = (almanac: Almanac): ((path: PathName) => readonly Chain[]) => {
  const indexes = {
    table: pageIndex(almanac.pages.filter((page) => page.form === "table")),
    prose: pageIndex(almanac.pages.filter((page) => page.form === "prose")),
  };
  const walk = ({ clue: nameOf, hops }: Path, entry: Page): Chain | undefined => {
    const clue = nameOf(entry);
    const start = clue === undefined ? undefined : locate(indexes[entry.form], clue, entry.kind);
    if (clue === undefined || start?.page !== entry) return undefined;
    const pages = [entry];
    const hits = [start.hit];
    for (const hop of hops) {
      const name = pages.at(-1)?.fields[hop];
      const next = name === undefined ? undefined : locate(indexes.table, String(name.value), hopKinds[hop]);
      if (next === undefined) return undefined;
      pages.push(next.page);
      hits.push(next.hit);
    }
    return { clue, pages, hits };
  };
  const known = new Map<PathName, readonly Chain[]>();
  return (name) => {
    let chains = known.get(name);
    if (chains === undefined) {
      const path: Path = paths[name];
      chains = almanac.pages.filter(({ kind }) => kind === path.entry).flatMap((page) => walk(path, page) ?? []);
      known.set(name, chains);
    }
    return chains;
  };
};
