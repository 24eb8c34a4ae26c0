import { describe, expect, it } from "vitest";
import { llamaFixture } from "../../../test/fixtures/llama.ts";
import { invariantThreads } from "./invariant-threads.ts";

describe("invariantThreads", () => {
  const builtIn = {
    ...llamaFixture.config,
    hidden_size: 192,
    num_attention_heads: 6,
    num_key_value_heads: 2,
    head_dim: 32,
    intermediate_size: 512,
    vocab_size: 1024,
    max_position_embeddings: 512,
  };
  it("allows two threads for the built-in model: a third of 192 columns would be summed in other blocks", () => {
    expect([1, 2, 3, 4, 64].map((threads) => invariantThreads(builtIn, threads))).toEqual([1, 2, 2, 2, 2]);
  });
  it("allows all where every sum is one block", () => {
    expect(invariantThreads(llamaFixture.config, 16)).toBe(16);
  });
  it("allows more for wider matrices, and never fewer than one", () => {
    const wide = { ...builtIn, hidden_size: 1024, num_attention_heads: 16, num_key_value_heads: 16, head_dim: 64 };
    expect(invariantThreads({ ...wide, intermediate_size: 2048, vocab_size: 4096 }, 8)).toBe(8);
    expect(invariantThreads({ ...wide, num_key_value_heads: 1 }, 8)).toBe(1);
  });
});
