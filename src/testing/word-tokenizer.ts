import type { Tokenizer } from "../engine.ts";

/**
 * Words and line breaks as tokens: `\n`, `<end>`, then the given words. Other words become the last token, `?`.
 *
 * @example
 * ```ts
 * import { wordTokenizer } from "agentflow/testing";
 *
 * const tokenizer = wordTokenizer(["stock", "q1", "<end>"]);
 * console.log(tokenizer.decode(tokenizer.encode("stock q1")));
 * ```
 */
export const wordTokenizer = (words: readonly string[]): Tokenizer => {
  const vocabulary = ["\n", "<end>", ...words, "?"];
  const idOf = (token: string): number | undefined => {
    const id = vocabulary.indexOf(token);
    return id < 0 ? undefined : id;
  };
  return {
    vocabularySize: vocabulary.length,
    encode: (text) => [...text.matchAll(/\n|[^\s]+/gu)].map(([token]) => idOf(token) ?? vocabulary.length - 1),
    decode: (ids) => ids.map((id) => vocabulary[id] ?? "").join(" "),
    idOf,
  };
};
