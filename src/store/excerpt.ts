const [BEFORE, AFTER] = [60, 120];

/** A piece of a text around the first of the words that stands in it, or its beginning. */
export const excerptOf = (text: string, words: readonly string[]): string => {
  const lower = text.toLowerCase();
  // A word is found in other forms, too: "running" for "run", "city" for "cities".
  const places = words.map((word) => lower.indexOf(word.toLowerCase().slice(0, Math.max(3, word.length - 3))));
  const at = Math.min(...places.map((place) => (place < 0 ? text.length : place)));
  const middle = at === text.length ? 0 : at;
  const piece = text.slice(Math.max(0, middle - BEFORE), middle + AFTER).trim();
  return `${middle > BEFORE ? "…" : ""}${piece}${middle + AFTER < text.length ? "…" : ""}`;
};
