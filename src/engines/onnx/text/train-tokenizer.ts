import { EngineError } from "../../../errors.ts";
import { PLANNER_PIECES, type TokenizerJson } from "./tokenizer.ts";

/**
 * How text is cut before pairs are merged: references (`@2`, `.country`), words with an underscore or a digit at the
 * end (`web_search`, `q1`), turns left (`[6]`), single digits, punctuation, white space.
 */
const PIECES = new RegExp(PLANNER_PIECES, "gu");

/** The printable character that stands for each byte in a byte-level vocabulary (the scheme of GPT-2). */
export const byteCharacters = (): readonly string[] => {
  const printable = (byte: number): boolean =>
    (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
  let shifted = 0;
  return Array.from({ length: 256 }, (_, byte) => String.fromCodePoint(printable(byte) ? byte : 256 + shifted++));
};

/**
 * Trains a byte-level BPE vocabulary and returns it as a Hugging Face tokenizer.json. Deterministic: ties go to the pair
 * that is first in text order. `special` tokens get the first ids. Where there is too little text it throws EngineError, or,
 * `atMost` asked for, gives a smaller vocabulary.
 *
 * @example
 * ```ts
 * import { loadTokenizer, trainTokenizer } from "agentflow/engines/onnx";
 *
 * const definition = trainTokenizer(["stock q1", "price q1"], { vocabularySize: 300, special: ["<end>"] });
 * const tokenizer = await loadTokenizer(definition);
 * ```
 */
export const trainTokenizer = (
  texts: Iterable<string>,
  {
    vocabularySize,
    special,
    atMost = false,
  }: { readonly vocabularySize: number; readonly special: readonly string[]; readonly atMost?: boolean },
): TokenizerJson => {
  const characters = byteCharacters();
  const encoder = new TextEncoder();
  const counts = new Map<string, number>();
  for (const text of texts)
    for (const [piece] of text.matchAll(PIECES)) counts.set(piece, (counts.get(piece) ?? 0) + 1);
  const words = [...counts].map(([piece, count]) => ({
    symbols: Array.from(encoder.encode(piece), (byte) => characters[byte] as string),
    count,
  }));
  const vocabulary = [...special, ...characters];
  const merges: [string, string][] = [];
  while (vocabulary.length < vocabularySize) {
    const pairs = new Map<string, number>();
    for (const { symbols, count } of words) {
      for (let i = 1; i < symbols.length; i += 1) {
        const pair = `${symbols[i - 1]} ${symbols[i]}`;
        pairs.set(pair, (pairs.get(pair) ?? 0) + count);
      }
    }
    let best: string | undefined;
    for (const [pair, count] of pairs) {
      const leader = best === undefined ? 0 : (pairs.get(best) as number);
      if (count > leader || (count === leader && best !== undefined && pair < best)) best = pair;
    }
    if (best === undefined) {
      if (atMost) break;
      throw new EngineError(
        `The text has only ${vocabulary.length} different pieces; ask for a vocabulary of at most that many.`,
      );
    }
    const [left, right] = best.split(" ") as [string, string];
    merges.push([left, right]);
    vocabulary.push(left + right);
    for (const word of words) {
      for (let i = 1; i < word.symbols.length; i += 1) {
        if (word.symbols[i - 1] === left && word.symbols[i] === right) word.symbols.splice(i - 1, 2, left + right);
      }
    }
  }
  return {
    version: "1.0",
    truncation: null,
    padding: null,
    added_tokens: special.map((content, id) => ({
      id,
      content,
      single_word: false,
      lstrip: false,
      rstrip: false,
      normalized: false,
      special: true,
    })),
    normalizer: null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: PLANNER_PIECES }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: {
      type: "BPE",
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])),
      merges,
    },
  };
};
