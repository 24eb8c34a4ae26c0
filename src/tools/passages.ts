import MiniSearch from "minisearch";

/** A text in pieces of 200 words, of which each begins 20 words before the last one ended. */
export const passagesOf = (text: string, words = 200, overlap = 20): string[] => {
  const all = text.split(/\s+/).filter((word) => word !== "");
  const passages: string[] = [];
  for (let at = 0; at < all.length; at += words - overlap) {
    passages.push(all.slice(at, at + words).join(" "));
    if (at + words >= all.length) break;
  }
  return passages;
};

/** Words of a query that are searched for, and letters of each: a search for one takes some milliseconds. */
const [QUERY_WORDS, WORD_LENGTH] = [16, 40];

/** The beginning of a query that is looked for: its first 16 words, of 40 letters at most. */
export const shortQuery = (query: string): string =>
  query
    .slice(0, 4000)
    .split(/[^\p{L}\p{N}]+/u)
    .filter((word) => word !== "")
    .slice(0, QUERY_WORDS)
    .map((word) => word.slice(0, WORD_LENGTH))
    .join(" ");

/** The passages that fit a query best, the best first. */
export const bestPassages = (passages: readonly string[], query: string, count: number): string[] => {
  const index = new MiniSearch<{ id: number; text: string }>({ fields: ["text"] });
  index.addAll(passages.map((text, id) => ({ id, text })));
  return index
    .search(shortQuery(query), { prefix: true, fuzzy: 0.1 })
    .slice(0, count)
    .flatMap(({ id }) => passages[id as number] ?? []);
};
