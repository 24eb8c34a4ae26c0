import { describe, expect, it } from "vitest";
import { ConfigError, EngineError } from "../../../../errors.ts";
import type { TokenizerJson } from "../tokenizer.ts";
import { compileGrammar } from "./compile-grammar.ts";
import { grammarTokens, tokenBytes } from "./grammar-tokens.ts";

const tokenizerOf = (
  vocabulary: readonly string[],
  decoder: unknown,
  added: TokenizerJson["added_tokens"] = [],
): TokenizerJson => ({
  model: { vocab: Object.fromEntries(vocabulary.map((token, id) => [token, id])) },
  added_tokens: added,
  decoder,
});
const sentencePiece = {
  type: "Sequence",
  decoders: [{ type: "Replace", pattern: { String: "▁" }, content: " " }, { type: "ByteFallback" }, { type: "Fuse" }],
};
const stripping = {
  ...sentencePiece,
  decoders: [...sentencePiece.decoders, { type: "Strip", content: " ", start: 1, stop: 0 }],
};
const written = (json: TokenizerJson) => tokenBytes(json).map((bytes) => bytes && [...bytes]);
const utf8 = (text: string) => [...new TextEncoder().encode(text)];

describe("bytes of tokens", () => {
  it("are GPT-2's letters in a byte-level vocabulary", () => {
    const json = tokenizerOf(["a", "Ġb", "Ã©", "Ċ", "<end>", "<think>é"], { type: "ByteLevel" }, [
      { id: 4, content: "<end>", special: true },
      { id: 5, content: "<think>é", special: false },
      { id: 8, content: "<x>", special: false },
    ]);
    expect(written(json)).toEqual([
      [97],
      [32, 98],
      utf8("é"),
      [10],
      undefined,
      utf8("<think>é"),
      undefined,
      undefined,
      utf8("<x>"),
    ]);
  });

  it("are ▁ for a space and <0x0A> for a byte in a SentencePiece vocabulary", () => {
    expect(
      written(
        tokenizerOf(["▁a▁b", "<0x0A>", "<0xC3>", "é", "<s>"], sentencePiece, [
          { id: 4, content: "<s>", special: true },
          { id: 5, content: "▁▁", special: false },
        ]),
      ),
    ).toEqual([utf8(" a b"), [10], [0xc3], utf8("é"), undefined, utf8("  ")]);
  });

  it("are not guessed for another kind", () => {
    expect(() => tokenBytes(tokenizerOf(["a"], { type: "WordPiece" }))).toThrow(EngineError);
    expect(() => tokenBytes(tokenizerOf(["a"], null))).toThrow("none");
  });
});

describe("a grammar over a vocabulary", () => {
  const has = (mask: Uint32Array, id: number): boolean => (((mask[id >> 5] ?? 0) >>> (id & 31)) & 1) === 1;
  const masks = (json: TokenizerJson, pattern: string, endId: number) =>
    compileGrammar({ type: "pattern", pattern }, grammarTokens(json, 8), { endIds: [endId] }).start();

  it("allows all tokens that write the same", () => {
    const mask = masks(
      tokenizerOf(["a", "<0x61>", "b", "<end>"], sentencePiece, [{ id: 3, content: "<end>", special: true }]),
      "a",
      3,
    ).allowed();
    expect([0, 1, 2, 3].map((id) => has(mask, id))).toEqual([true, true, false, false]);
  });

  it("leaves out what the vocabulary cannot finish", () => {
    // `ab` begins well, but nothing writes the `c` behind it.
    const json = tokenizerOf(["a", "ab", "b", "d", "<end>"], { type: "ByteLevel" }, [
      { id: 4, content: "<end>", special: true },
    ]);
    const start = masks(json, "abc|ad", 4);
    expect([0, 1, 2, 3].map((id) => has(start.allowed(), id))).toEqual([true, false, false, false]);
    expect(() => masks(json, "abc", 4)).toThrow(ConfigError);
  });

  it("takes the one space that the decoder drops at the beginning", () => {
    const json = tokenizerOf(["a", "▁a", "▁", "▁▁a", "<end>"], stripping, [{ id: 4, content: "<end>", special: true }]);
    const start = masks(json, "a|aa", 4);
    expect([0, 1, 2, 3].map((id) => has(start.allowed(), id))).toEqual([true, true, true, false]);
    expect(start.accept(1).finished).toBe(true);
    expect(has(start.accept(0).allowed(), 1)).toBe(false);
    expect(has(start.accept(2).allowed(), 2)).toBe(false);
  });
});
