import type { TokenizerJson } from "../tokenizer.ts";

/** What each token writes, as a trie of bytes: made once for a model, for all its grammars. */
export interface GrammarTokens {
  /** Of the model, which may be larger than the tokenizer's; masks have ⌈size/32⌉ words. */
  readonly vocabularySize: number;
}

export type CreateGrammarTokens = (json: TokenizerJson, vocabularySize: number) => GrammarTokens;
