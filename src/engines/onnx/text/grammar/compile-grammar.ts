import type { Grammar } from "../../../../engine.ts";
import { ConfigError, EngineError } from "../../../../errors.ts";
import { choice, type Rule } from "../../../../patterns/expression.ts";
import { parsePattern } from "../../../../patterns/pattern.ts";
import { type Automaton, createAutomaton } from "./automaton.ts";
import type { GrammarTokens } from "./grammar-tokens.ts";
import { schemaRule } from "./schema.ts";

/** A text so far, seen from a grammar. Immutable; equal states are the same object and share their mask. */
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
  /** In how many others a JSON value may lie; a reference among alternatives counts as one. @default 32 */
  readonly maxDepth?: number;
  /** States that are ever kept, over all texts. @default 65536 */
  readonly maxStates?: number;
}

/** Masks that are kept, the last ones used. */
const MOST_MASKS = 1024;

const ruleOf = (grammar: Grammar): Rule => {
  if (grammar.type === "json") return schemaRule(grammar.schema);
  const alternatives = parsePattern(grammar.pattern);
  return () => choice(...alternatives.map(({ expression }) => expression));
};

/** Which tokens keep the automaton alive: a walk over the trie that skips what begins with a dead beginning. */
const maskOf = (automaton: Automaton, state: number, { trie, twins, vocabularySize }: GrammarTokens): Uint32Array => {
  const mask = new Uint32Array(Math.ceil(vocabularySize / 32));
  const { bytes, depths, skips, tokens } = trie;
  const states = new Int32Array(trie.deepest + 2);
  states[0] = state;
  for (let node = 0; node < bytes.length; ) {
    const depth = depths[node] as number;
    const next = automaton.step(states[depth] as number, bytes[node] as number);
    if (next === 0) {
      node = skips[node] as number;
      continue;
    }
    states[depth + 1] = next;
    for (let token = tokens[node] as number; token >= 0; token = twins[token] as number)
      mask[token >> 5] = (mask[token >> 5] as number) | (1 << (token & 31));
    node += 1;
  }
  return mask;
};

/**
 * Prepares a grammar for a model's tokens. A state's mask is computed when it is first asked for, then kept. Every state
 * that is reached by allowed tokens can be finished. Throws ConfigError for a grammar that is not understood or that no
 * text fits; `allowed` and `accept` throw EngineError when there are too many states.
 */
export const compileGrammar = (
  grammar: Grammar,
  tokens: GrammarTokens,
  { endIds, maxDepth = 32, maxStates = 65_536 }: GrammarOptions,
): CompiledGrammar => {
  if (endIds.length === 0) throw new ConfigError("A grammar needs at least one token that ends a text, received none.");
  for (const id of endIds) {
    if (!Number.isInteger(id) || id < 0 || id >= tokens.vocabularySize)
      throw new ConfigError(`End id ${id} is not inside the vocabulary of ${tokens.vocabularySize}.`);
  }
  const automaton = createAutomaton(ruleOf(grammar), { ...tokens, maxDepth, maxStates });
  const states = new Map<number, GrammarState>();
  const masks = new Map<number, Uint32Array>();

  const withEnds = (mask: Uint32Array, finished: boolean): Uint32Array => {
    for (const id of endIds) {
      const word = mask[id >> 5] as number; // Inside, as was checked.
      mask[id >> 5] = finished ? word | (1 << (id & 31)) : word & ~(1 << (id & 31));
    }
    return mask;
  };
  const allowed = (state: number): Uint32Array => {
    const mask = masks.get(state) ?? withEnds(maskOf(automaton, state, tokens), automaton.accepts(state));
    masks.delete(state);
    masks.set(state, mask);
    if (masks.size > MOST_MASKS) masks.delete(masks.keys().next().value as number); // There is one.
    return mask;
  };
  const stateOf = (state: number): GrammarState => {
    const known = states.get(state);
    if (known) return known;
    const finished = automaton.accepts(state);
    const created: GrammarState = {
      finished,
      allowed: () => allowed(state),
      accept: (token) => {
        if (endIds.includes(token) && finished) return created;
        const bytes = endIds.includes(token) ? undefined : tokens.bytes[token];
        let next = bytes === undefined || bytes.length === 0 ? 0 : state;
        for (const byte of bytes ?? []) next = automaton.step(next, byte);
        if (next !== 0) return stateOf(next);
        const written = bytes ? JSON.stringify(Buffer.from(bytes).toString()) : "nothing";
        throw new EngineError(
          `Token ${token}, which writes ${written}, does not fit the grammar here. Draw from the tokens that allowed() tells.`,
        );
      },
    };
    states.set(state, created);
    return created;
  };
  return { start: () => stateOf(automaton.start) };
};
