import { describe, expect, it } from "vitest";
import { accepts, END, has, json, pattern, tokenizer, tokens } from "../../../../../test/fixtures/grammars.ts";
import { ConfigError, EngineError } from "../../../../errors.ts";
import { trainTokenizer } from "../train-tokenizer.ts";
import { compileGrammar } from "./compile-grammar.ts";
import { grammarTokens } from "./grammar-tokens.ts";

describe("states", () => {
  it("allow the end exactly when finished, and other special tokens never", () => {
    const state = pattern("ab?").start();
    expect(state.finished).toBe(false);
    expect(has(state.allowed(), END)).toBe(false);
    expect(() => state.accept(END)).toThrow(EngineError);
    const [a = -1] = tokenizer.encode("a");
    const next = state.accept(a);
    expect(next.finished).toBe(true);
    expect(has(next.allowed(), END)).toBe(true);
    expect(next.accept(END).finished).toBe(true);
    for (const special of ["<pad>", "<answer>"])
      expect(() =>
        pattern(".*")
          .start()
          .accept(tokenizer.idOf(special) ?? -1),
      ).toThrow(EngineError);
    expect(() => state.accept(tokens.vocabularySize + 5)).toThrow(EngineError);
  });

  it("that are equal are the same, and share a mask", () => {
    const start = json({ type: "string" }).start();
    const [quote = -1] = tokenizer.encode('"');
    const [a = -1] = tokenizer.encode("a");
    const inside = start.accept(quote);
    expect(inside.accept(a)).toBe(inside);
    expect(inside.accept(a).allowed()).toBe(inside.allowed());
  });

  it("split a character over tokens", () => {
    const state = pattern("é").start();
    const ids = ["Ã", "©"].map((half) => tokenizer.idOf(half) ?? -1);
    expect(accepts(pattern("é"), ids)).toBe(true);
    expect(state.accept(ids[0] ?? -1).finished).toBe(false);
    expect(() => state.accept(ids[1] ?? -1)).toThrow(EngineError);
  });

  it("need an end inside the vocabulary", () => {
    expect(() => compileGrammar({ type: "pattern", pattern: "a" }, tokens, { endIds: [] })).toThrow(ConfigError);
    expect(() =>
      compileGrammar({ type: "pattern", pattern: "a" }, tokens, { endIds: [tokens.vocabularySize] }),
    ).toThrow(ConfigError);
  });

  it("take a trained byte-level vocabulary as it comes", () => {
    const small = trainTokenizer(["true false"], { vocabularySize: 262, special: ["<end>"] });
    const grammar = compileGrammar({ type: "json", schema: { type: "boolean" } }, grammarTokens(small, 300), {
      endIds: [0],
    });
    expect(grammar.start().allowed().length).toBe(Math.ceil(300 / 32));
  });
});
