import { EngineError } from "../../errors.ts";
import { availableMemory } from "./available-memory.ts";
import { elementsOf } from "./carriers/runtime.ts";
import { savedWidths } from "./graph/layer-graphs.ts";
import { type LoraConfig, loraShapes } from "./lora.ts";
import { linearShapes, type ModelConfig, parameterShapes } from "./model-config.ts";
import { BLOCK } from "./sampling/quantise.ts";
import { HEAD_ROWS, SAVED_BYTES } from "./training/layer-trainer.ts";

/** What is done with a model; uses at one time add up. */
export type MemoryUse =
  | {
      readonly purpose: "sample";
      /** Of the frozen base; `none` is float32. */
      readonly quantisation: "int8" | "int4" | "none";
      /** Histories in the cache. */
      readonly slots: number;
      /** Positions of each. */
      readonly contextLength: number;
    }
  | {
      /** An adapter over float32 weights. */
      readonly purpose: "lora";
      readonly lora: LoraConfig;
      /** Of one run. @default 1024 */
      readonly tokens?: number;
    }
  | {
      /** All weights. */
      readonly purpose: "full";
      /** Of the runs of both lanes. @default 1024 */
      readonly tokens?: number;
    };

/** Bytes, and what they are for. */
export interface MemoryEstimate {
  readonly bytes: number;
  readonly parts: Readonly<Record<string, number>>;
}

const FLOAT = 4;
/** Rows of one call of the sampler, for its temporary values. */
const SAMPLED_ROWS = 512;
/** Of the runtime itself: its code, its graphs, its arenas' slack. */
const RUNTIME_BYTES = 150 * 2 ** 20;

const count = (shapes: ReadonlyMap<string, readonly number[]>): number =>
  [...shapes.values()].reduce((sum, shape) => sum + elementsOf(shape), 0);

const sum = (values: Iterable<number>): number => [...values].reduce((a, b) => a + b, 0);

/** Weights as the sampler holds them: codes and one float32 scale a block; table and head have 8 bits either way. */
const sampledWeights = (config: ModelConfig, quantisation: "int8" | "int4" | "none"): number => {
  const parameters = count(parameterShapes(config));
  if (quantisation === "none") return FLOAT * parameters;
  const linears = config.num_hidden_layers * sum([...linearShapes(config).values()].map(elementsOf));
  const table = config.vocab_size * config.hidden_size;
  const bytes = (bits: number): number => bits / 8 + FLOAT / BLOCK;
  return linears * bytes(quantisation === "int4" ? 4 : 8) + 2 * table * bytes(8);
};

/** Values of one layer while it is computed, and its attention scores. */
const layerBytes = (config: ModelConfig, tokens: number): number => {
  const width = sum(savedWidths(config).values()) + 2 * config.intermediate_size + 4 * config.hidden_size;
  return FLOAT * tokens * (width + config.num_attention_heads * tokens);
};

const trainingBytes = (config: ModelConfig, tokens: number): number => {
  const saved = FLOAT * tokens * sum(savedWidths(config).values()) * (config.num_hidden_layers + 1);
  const hidden = FLOAT * tokens * config.hidden_size * (config.num_hidden_layers + 3);
  return Math.min(SAVED_BYTES, saved) + hidden + 2 * layerBytes(config, tokens);
};

/**
 * Bytes that a use of a model takes, without Node itself: what is allocated is counted, temporary values are bounded.
 * Meant to tell "fits" from "cannot fit", within some 20 %.
 */
export const estimateMemory = (config: ModelConfig, use: MemoryUse): MemoryEstimate => {
  const parameters = FLOAT * count(parameterShapes(config));
  const scores = (rows: number, copies: number): number => FLOAT * rows * config.vocab_size * copies;
  let parts: Record<string, number>;
  if (use.purpose === "sample") {
    const { quantisation, slots, contextLength } = use;
    const position = 2 * FLOAT * config.num_hidden_layers * config.num_key_value_heads * config.head_dim;
    parts = {
      weights: sampledWeights(config, quantisation),
      cache: position * (slots + 1) * contextLength,
      activations: layerBytes(config, SAMPLED_ROWS) + scores(Math.min(slots, SAMPLED_ROWS), 2),
    };
  } else {
    const tokens = use.tokens ?? 1024;
    const adapter = use.purpose === "lora" ? FLOAT * count(loraShapes(config, use.lora)) : 0;
    parts = {
      weights: parameters,
      // Trained weights, gradient, two moments and one published copy; of all weights a gradient for the second lane as well.
      training: use.purpose === "lora" ? 5 * adapter : 6 * parameters,
      activations: trainingBytes(config, tokens) + scores(HEAD_ROWS, 3),
    };
  }
  parts.runtime = RUNTIME_BYTES;
  return { bytes: sum(Object.values(parts)), parts };
};

const shown = (bytes: number): string =>
  bytes < 1e9 ? `${Math.ceil(bytes / 1e6)} MB` : `${(Math.ceil(bytes / 1e8) / 10).toFixed(1)} GB`;

const doing: Readonly<Record<MemoryUse["purpose"], string>> = {
  sample: "Sampling",
  lora: "Training an adapter of",
  full: "Training all weights of",
};

const advice: Readonly<Record<MemoryUse["purpose"], string>> = {
  sample: "Lower slots or contextLength, take quantisation int4, or take a smaller model",
  lora: "Take a smaller model, or train on shorter sequences",
  full: "Train an adapter instead, or take a smaller model",
};

/**
 * Throws `EngineError` when a use of a model does not fit into the memory that is left, naming both figures.
 * `available` is in bytes. @default what the system says
 */
export const requireMemory = (
  model: string,
  config: ModelConfig,
  use: MemoryUse,
  available: number = availableMemory(),
): void => {
  const { bytes, parts } = estimateMemory(config, use);
  if (bytes <= available) return;
  const detail = Object.entries(parts).map(([part, size]) => `${part} ${shown(size)}`);
  throw new EngineError(
    `${doing[use.purpose]} ${model} takes about ${shown(bytes)} of memory (${detail.join(", ")}); ${shown(available)} are left. ${advice[use.purpose]}, or close other programs.`,
  );
};
