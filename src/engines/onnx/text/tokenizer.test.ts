import { describe, expect, it } from "vitest";
import { ggufTokenizers } from "../../../../test/fixtures/gguf.ts";
import { EngineError } from "../../../errors.ts";
import { loadTokenizer } from "./tokenizer.ts";

const { lines, gpt2 } = ggufTokenizers;
/** A tokenizer.json as Hugging Face writes it for a GPT-2-like vocabulary. */
const json = (pre_tokenizer: unknown): unknown => ({
  added_tokens: gpt2.tokens.slice(0, 3).map((content, id) => ({ id, content, special: true, normalized: false })),
  normalizer: null,
  pre_tokenizer,
  post_processor: null,
  decoder: { type: "ByteLevel" },
  model: {
    type: "BPE",
    vocab: Object.fromEntries(gpt2.tokens.map((token, id) => [token, id])),
    merges: gpt2.merges.map((merge) => merge.split(" ")),
  },
});
const byteLevel = { type: "ByteLevel", add_prefix_space: false, use_regex: true };

describe("a tokenizer.json", () => {
  it.each([
    ["gpt-2", byteLevel],
    ["smollm", { type: "Sequence", pretokenizers: [{ type: "Digits", individual_digits: true }, byteLevel] }],
  ])(
    "of the kind of %s cuts numerals and white space of every script as its original does",
    async (pre, pre_tokenizer) => {
      const tokenizer = await loadTokenizer(json(pre_tokenizer));
      expect(lines.map((line) => tokenizer.encode(line))).toEqual(gpt2.ids[pre]);
      expect(lines.map((line) => tokenizer.decode(tokenizer.encode(line)))).toEqual(lines);
    },
  );

  it("tells the size of its vocabulary and the ids of tokens", async () => {
    const tokenizer = await loadTokenizer(json(byteLevel));
    expect(tokenizer.vocabularySize).toBe(gpt2.tokens.length);
    expect(tokenizer.idOf("<|im_end|>")).toBe(2);
    expect(tokenizer.idOf("no such token")).toBeUndefined();
    expect(tokenizer.decode([])).toBe("");
  });

  it("is refused when it is none", async () => {
    await expect(loadTokenizer({ model: 3 })).rejects.toBeInstanceOf(EngineError);
  });

  it("may have more tokens than a call has arguments", async () => {
    const vocab = Object.fromEntries(Array.from({ length: 300_000 }, (_, id) => [`t${id}`, id]));
    const tokenizer = await loadTokenizer({ ...(json(null) as object), model: { type: "BPE", vocab, merges: [] } });
    expect(tokenizer.vocabularySize).toBe(300_000);
  });
});
