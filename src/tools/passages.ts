import MiniSearch from "minisearch";
import { isUnspaced, queryTerms, termsOf, wordsIn } from "./terms.ts";

/** Characters of a passage: some 200 words, in scripts with spaces and in others; a tenth of it is in the next one, too. */
const [SPACED, UNSPACED] = [1200, 400];

/** A text in passages that overlap, each cut at a space or the end of a sentence where one is near. */
export const passagesOf = (text: string): string[] => {
  const plain = text.replace(/\s+/g, " ").trim();
  const most = isUnspaced(plain) ? UNSPACED : SPACED;
  const passages: string[] = [];
  for (let at = 0; at < plain.length; ) {
    const end = at + most >= plain.length ? plain.length : breakBefore(plain, at + most, at + (most * 3) / 4);
    passages.push(plain.slice(at, end).trim());
    if (end === plain.length) break;
    at = breakBefore(plain, end - most / 10, end - most / 5);
  }
  return passages;
};

/** Where to cut: after the last space or sentence before `at`, not before `least`; else at `at`, between whole characters. */
const breakBefore = (text: string, at: number, least: number): number => {
  for (let i = at; i > least; i -= 1) if (/[\s。！？、，]/.test(text[i - 1] ?? "")) return i;
  return /[\udc00-\udfff]/.test(text[at] ?? "") ? at - 1 : at;
};

/** Words of a query that are searched for, and letters of each: a search for one takes some milliseconds. */
const [QUERY_WORDS, WORD_LENGTH] = [16, 40];

/** The beginning of a query that is looked for: its first 16 words, of 40 letters at most. */
export const shortQuery = (query: string): string =>
  wordsIn(query.slice(0, 4000))
    .slice(0, QUERY_WORDS)
    .map((word) => [...word].slice(0, WORD_LENGTH).join(""))
    .join(" ");

/** How texts are taken apart, and queries. */
export const byTerms = {
  tokenize: termsOf,
  searchOptions: { tokenize: queryTerms, prefix: true, fuzzy: 0.1 },
} as const;

/** The passages that fit a query best, the best first. */
export const bestPassages = (passages: readonly string[], query: string, count: number): string[] => {
  const index = new MiniSearch<{ id: number; text: string }>({ fields: ["text"], ...byTerms });
  index.addAll(passages.map((text, id) => ({ id, text })));
  return index
    .search(shortQuery(query))
    .slice(0, count)
    .flatMap(({ id }) => passages[id as number] ?? []);
};
