import { EngineError } from "../../../../errors.ts";
import type { TokenizerJson } from "../tokenizer.ts";
import { byteCharacters } from "../train-tokenizer.ts";

/** What each token writes, also as a trie of bytes in depth-first order: made once for a model, for all its grammars. */
export interface GrammarTokens {
  /** Of the model, which may be larger than the tokenizer's; masks have ⌈size/32⌉ words. */
  readonly vocabularySize: number;
  /** By token id; undefined for special tokens and ids that stand for nothing. */
  readonly bytes: readonly (Uint8Array | undefined)[];
  /** Whether some token writes just this byte. */
  readonly available: Uint8Array;
  /** Whether the decoder drops one space at the beginning of a text. */
  readonly leadingSpace: boolean;
  /** Of each trie node: its byte, how many bytes lead to it, the node behind its subtree, a token that ends at it or −1. */
  readonly trie: {
    readonly bytes: Uint8Array;
    readonly depths: Uint16Array;
    readonly skips: Uint32Array;
    readonly tokens: Int32Array;
    readonly deepest: number;
  };
  /** Another token that writes the same, or −1. */
  readonly twins: Int32Array;
}

interface Decoder {
  readonly type: string;
  readonly decoders?: readonly Decoder[];
  readonly start?: number;
  readonly prepend_scheme?: string;
  readonly add_prefix_space?: boolean;
}

const decodersOf = (json: TokenizerJson): readonly Decoder[] => {
  const flat = (decoder: Decoder): Decoder[] =>
    decoder.type === "Sequence" ? (decoder.decoders ?? []).flatMap(flat) : [decoder];
  return json.decoder ? flat(json.decoder as Decoder) : [];
};

/**
 * The bytes that each token of a tokenizer.json writes, by id: of a byte-level vocabulary (GPT-2's letters for bytes) or
 * a SentencePiece one (`▁` for a space, `<0x0A>` for a byte). Undefined for special tokens, which write nothing, and
 * for ids without a token. Throws EngineError for a vocabulary of another kind.
 */
export const tokenBytes = (json: TokenizerJson): (Uint8Array | undefined)[] => {
  const kinds = decodersOf(json).map(({ type }) => type);
  const byteLevel = kinds.includes("ByteLevel");
  if (!byteLevel && !kinds.includes("ByteFallback") && !kinds.includes("Metaspace")) {
    throw new EngineError(
      `A grammar needs a tokenizer whose decoder is ByteLevel, ByteFallback or Metaspace, this one's is ${kinds.join(" + ") || "none"}.`,
    );
  }
  const encoder = new TextEncoder();
  const byteOf = new Map(byteCharacters().map((letter, byte) => [letter, byte]));
  const written = (token: string): Uint8Array => {
    if (!byteLevel) {
      const byte = /^<0x([\dA-F]{2})>$/i.exec(token)?.[1];
      return byte === undefined ? encoder.encode(token.replaceAll("▁", " ")) : Uint8Array.of(Number.parseInt(byte, 16));
    }
    const bytes = Array.from(token, (letter) => byteOf.get(letter));
    return bytes.includes(undefined) ? encoder.encode(token) : Uint8Array.from(bytes as number[]);
  };
  const out: (Uint8Array | undefined)[] = [];
  const set = (id: number, bytes: Uint8Array | undefined): void => {
    while (out.length <= id) out.push(undefined);
    out[id] = bytes;
  };
  for (const [token, id] of Object.entries(json.model.vocab)) set(id, written(token));
  // A byte-level decoder leaves an added token as it stands; the other replaces its `▁` too.
  for (const { id, content, special } of json.added_tokens)
    set(id, special ? undefined : byteLevel ? encoder.encode(content) : written(content));
  return out;
};

/** Tokens of a model for `compileGrammar`; about 0.1 s for 50,000. Throws EngineError for a tokenizer of an unknown kind. */
export const grammarTokens = (json: TokenizerJson, vocabularySize: number): GrammarTokens => {
  const bytes = tokenBytes(json).slice(0, vocabularySize);
  const words: [string, number][] = [];
  bytes.forEach((word, id) => {
    if (word && word.length > 0) words.push([Buffer.from(word).toString("latin1"), id]);
  });
  words.sort(([a, i], [b, j]) => (a < b ? -1 : a > b ? 1 : i - j));

  const available = new Uint8Array(256);
  const twins = new Int32Array(vocabularySize).fill(-1);
  const letters: number[] = [];
  const depths: number[] = [];
  const tokens: number[] = [];
  const skips: number[] = [];
  /** The nodes on the way to the last word. */
  const path: number[] = [];
  const leave = (depth: number): void => {
    for (const node of path.splice(depth)) skips[node] = letters.length;
  };
  let previous = "";
  for (const [word, id] of words) {
    if (word.length === 1) available[word.charCodeAt(0)] = 1;
    if (word === previous) {
      const node = path.at(-1) as number; // The previous word is not empty.
      twins[id] = tokens[node] as number;
      tokens[node] = id;
      continue;
    }
    let same = 0;
    while (same < word.length && word[same] === previous[same]) same += 1;
    leave(same);
    for (let depth = same; depth < word.length; depth += 1) {
      path.push(letters.length);
      letters.push(word.charCodeAt(depth));
      depths.push(depth);
      tokens.push(depth === word.length - 1 ? id : -1);
      skips.push(0);
    }
    previous = word;
  }
  leave(0);
  return {
    vocabularySize,
    bytes,
    available,
    leadingSpace: decodersOf(json).some(
      ({ type, start, prepend_scheme, add_prefix_space }) =>
        (type === "Strip" && start === 1) ||
        (type === "Metaspace" && prepend_scheme !== "never" && add_prefix_space !== false),
    ),
    trie: {
      bytes: Uint8Array.from(letters),
      depths: Uint16Array.from(depths),
      skips: Uint32Array.from(skips),
      tokens: Int32Array.from(tokens),
      deepest: depths.reduce((deepest, depth) => Math.max(deepest, depth), 0),
    },
    twins,
  };
};
