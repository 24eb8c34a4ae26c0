import type { ModelConfig } from "./model-config.ts";

/** ONNX Runtime's matrix kernel deals columns to threads by 16, and sums over inner elements block by block. */
const COLUMN_ALIGNMENT = 16;

/** Inner elements that the kernel sums before it adds to the result, for a thread that has `columns` of them. */
const blockOf = (columns: number, inner: number): number => {
  let columnStride = 128;
  let innerStride = 128;
  if (columns >= inner) {
    while (innerStride / 2 >= inner) innerStride /= 2;
  } else {
    while (columnStride > 16 && columnStride / 2 >= columns) {
      columnStride /= 2;
      innerStride *= 2;
    }
  }
  return Math.min(innerStride, inner);
};

/** Whether a product's bits are the same when it is dealt to any number of threads up to `threads`. */
const isInvariant = (columns: number, inner: number, threads: number): boolean => {
  const blocks = Math.ceil(columns / COLUMN_ALIGNMENT);
  for (let count = 1; count <= Math.min(threads, blocks); count += 1) {
    for (const part of [Math.floor(blocks / count), Math.ceil(blocks / count)]) {
      if (blockOf(Math.min(columns, part * COLUMN_ALIGNMENT), inner) !== blockOf(columns, inner)) return false;
    }
  }
  return true;
};

/**
 * The most threads, up to `threads`, with which no sum of the model depends on how many rows share a batch. How a
 * product is dealt to threads depends on its rows, and a narrow part of a matrix is summed in other blocks than a wide
 * one: last bits would differ. One thread is always safe.
 */
export const invariantThreads = (config: ModelConfig, threads: number): number => {
  const { hidden_size: d, intermediate_size: f, head_dim, vocab_size } = config;
  const q = config.num_attention_heads * head_dim;
  const kv = config.num_key_value_heads * head_dim;
  const weights = [
    [q, d],
    [kv, d],
    [d, q],
    [f, d],
    [d, f],
    [vocab_size, d],
  ] as const;
  const areInvariant = (count: number): boolean => {
    // Attention is a batch of products, one for each of two rows or more and each key head: threads share them first.
    const perProduct = Math.max(1, Math.floor(count / (2 * config.num_key_value_heads)));
    return (
      weights.every(([columns, inner]) => isInvariant(columns, inner, count)) &&
      isInvariant(head_dim, config.max_position_embeddings, perProduct)
    );
  };
  let most = threads;
  while (most > 1 && !areInvariant(most)) most -= 1;
  return most;
};
