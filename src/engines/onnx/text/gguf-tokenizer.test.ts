import { describe, expect, it } from "vitest";
import { ggufTokenizers } from "../../../../test/fixtures/gguf.ts";
import type { Tokenizer } from "../../../engine.ts";
import { ggufTokenizer } from "./gguf-tokenizer.ts";
import { loadTokenizer } from "./tokenizer.ts";

const { lines, gpt2, sentencePiece } = ggufTokenizers;
const own = (values: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(values).map(([key, value]) => [`tokenizer.ggml.${key}`, value]));
const byteLevel = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  own({
    model: "gpt2",
    pre: "gpt-2",
    tokens: gpt2.tokens,
    token_type: gpt2.types,
    merges: gpt2.merges,
    bos_token_id: 1,
    eos_token_id: 2,
    ...more,
  });
const pieces = (more: Readonly<Record<string, unknown>> = {}): Record<string, unknown> =>
  own({
    model: "llama",
    tokens: sentencePiece.tokens,
    token_type: sentencePiece.types,
    scores: sentencePiece.scores,
    bos_token_id: 1,
    unknown_token_id: 0,
    ...more,
  });
const load = (metadata: Readonly<Record<string, unknown>>): Promise<Tokenizer> => {
  const { tokenizer, tokenizerConfig } = ggufTokenizer(metadata, 1000, "x.gguf");
  return loadTokenizer(tokenizer, tokenizerConfig);
};

describe("the tokenizer of a GGUF file", () => {
  it.each(Object.entries(gpt2.ids))("cuts as llama.cpp does: %s", async (pre, ids) => {
    const tokenizer = await load(byteLevel({ pre }));
    expect(lines.map((line) => tokenizer.encode(line))).toEqual(ids);
    expect(ids.map((list) => tokenizer.decode(list))).toEqual(lines);
  });

  it.each(Object.entries(sentencePiece.ids))(
    "joins pieces as llama.cpp does, a space before the text: %s",
    async (prefix, ids) => {
      const tokenizer = await load(pieces({ add_space_prefix: prefix === "true" }));
      expect(lines.map((line) => tokenizer.encode(line))).toEqual(ids);
      // A space that was added cannot be told from one that was there.
      const comesBack = (line: string): boolean => prefix === "false" && !line.includes("▁");
      for (const [i, line] of lines.entries()) if (comesBack(line)) expect(tokenizer.decode(ids[i] ?? [])).toBe(line);
    },
  );

  it("takes one token for a number's digit where the model does", async () => {
    const [smollm, plain] = await Promise.all([load(byteLevel({ pre: "smollm" })), load(byteLevel())]);
    const half = (tokenizer: Tokenizer): string[] => tokenizer.encode(" ½ cup, 3½").map((id) => tokenizer.decode([id]));
    expect(half(smollm)).not.toEqual(half(plain));
  });

  it("adds the token for the beginning where the file, or the kind, says so", async () => {
    const first = async (metadata: Readonly<Record<string, unknown>>): Promise<readonly number[]> =>
      (await load(metadata)).encode("the", { addSpecialTokens: true });
    const plain = (await load(byteLevel())).encode("the");
    expect(await first(byteLevel())).toEqual(plain);
    expect(await first(byteLevel({ add_bos_token: true, add_eos_token: true }))).toEqual([1, ...plain, 2]);
    expect((await first(byteLevel({ pre: "llama-bpe" })))[0]).toBe(1);
    expect((await first(pieces()))[0]).toBe(1);
    expect((await first(pieces({ add_bos_token: false })))[0]).not.toBe(1);
  });

  it("names special tokens for the chat template", () => {
    const { tokenizerConfig } = ggufTokenizer({ ...byteLevel(), "tokenizer.chat_template": "x" }, 1000, "x.gguf");
    expect(tokenizerConfig).toMatchObject({ bos_token: "<|im_start|>", eos_token: "<|im_end|>", chat_template: "x" });
  });

  it.each([
    [byteLevel({ model: "rwkv" }), /"rwkv"; supported are gpt2 .* llama/],
    [byteLevel({ pre: "poro-chat" }), /"poro-chat"/],
    [byteLevel({ tokens: [1, 2] }), /tokens must be a list of texts/],
    [byteLevel({ merges: undefined }), /merges must be a list of texts/],
    [pieces({ scores: ["a"] }), /scores must be a list of numbers/],
  ])("refuses what it cannot run", (metadata, message) => {
    expect(() => ggufTokenizer(metadata, 1000, "x.gguf")).toThrow(message);
  });

  it("refuses more tokens than the model embeds", () => {
    expect(() => ggufTokenizer(byteLevel(), 10, "x.gguf")).toThrow(/640 entries, but the model embeds only 10/);
  });
});
