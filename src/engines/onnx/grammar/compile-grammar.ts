import type { Grammar } from "../../../engine.ts";
import type { GrammarTokens } from "./grammar-tokens.ts";

/** A text so far, seen from a grammar. Immutable; equal states share their masks. */
export interface GrammarState {
  /** The text so far is a member of the language: a token that ends it may be drawn. */
  readonly finished: boolean;
  /**
   * Bit `id & 31` of word `id >> 5`: whether the text can still become a member with this token. End tokens are allowed
   * exactly when `finished`. Shared between callers: not to be written to.
   */
  allowed(): Uint32Array;
  /** The state after a token; after an end token, this one. Throws EngineError for a token that is not allowed. */
  accept(token: number): GrammarState;
}

export interface CompiledGrammar {
  start(): GrammarState;
}

export interface GrammarOptions {
  /** Ids that end a text. At least one. */
  readonly endIds: readonly number[];
  /** How deep JSON values nest. @default 32 */
  readonly maxDepth?: number;
  /** States that are ever kept, across all texts. @default 65536 */
  readonly maxStates?: number;
}

export type CompileGrammar = (grammar: Grammar, tokens: GrammarTokens, options: GrammarOptions) => CompiledGrammar;
