import type { Tokenizer } from "../../../engine.ts";
import type { TextRules } from "../sampling/continuation.ts";
import { type CompiledGrammar, compileGrammar } from "./grammar/compile-grammar.ts";
import { type GrammarTokens, grammarTokens } from "./grammar/grammar-tokens.ts";
import type { TokenizerJson } from "./tokenizer.ts";

/** Compiled grammars that are kept; a flow uses a handful. */
const KEPT = 64;

/** What a sampler knows of a model's text. A grammar is compiled when it is first asked for, and kept. */
export const textRules = (tokenizer: Tokenizer, json: TokenizerJson, vocabularySize: number): TextRules => {
  let tokens: GrammarTokens | undefined;
  const compiled = new Map<string, CompiledGrammar>();
  return {
    decode: (ids) => tokenizer.decode(ids),
    compile: (grammar, endIds) => {
      const key = JSON.stringify([grammar, endIds]);
      const known = compiled.get(key);
      if (known !== undefined) return known;
      tokens ??= grammarTokens(json, vocabularySize);
      const made = compileGrammar(grammar, tokens, { endIds });
      if (compiled.size >= KEPT) compiled.clear();
      compiled.set(key, made);
      return made;
    },
  };
};
