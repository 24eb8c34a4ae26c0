import { type OnnxBuilder, type OnnxModel, onnxBuilder } from "./onnx-builder.ts";
import { type Tape, tape } from "./tape.ts";

/** A decoder of the Llama family, in the words of a Hugging Face config.json. Embeddings are tied. */
export interface LlamaConfig {
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly intermediate_size: number;
  readonly vocab_size: number;
  readonly max_position_embeddings: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
}

/** Names (those of Hugging Face) and shapes of all weights, in the order in which they lie in memory. */
export const parameterShapes = (config: LlamaConfig): ReadonlyMap<string, readonly number[]> => {
  const { hidden_size: d, intermediate_size: f, head_dim } = config;
  const q = config.num_attention_heads * head_dim;
  const kv = config.num_key_value_heads * head_dim;
  const shapes = new Map<string, readonly number[]>([["model.embed_tokens.weight", [config.vocab_size, d]]]);
  for (let i = 0; i < config.num_hidden_layers; i += 1) {
    const layer = `model.layers.${i}`;
    shapes.set(`${layer}.input_layernorm.weight`, [d]);
    shapes.set(`${layer}.self_attn.q_proj.weight`, [q, d]);
    shapes.set(`${layer}.self_attn.k_proj.weight`, [kv, d]);
    shapes.set(`${layer}.self_attn.v_proj.weight`, [kv, d]);
    shapes.set(`${layer}.self_attn.o_proj.weight`, [d, q]);
    shapes.set(`${layer}.post_attention_layernorm.weight`, [d]);
    shapes.set(`${layer}.mlp.gate_proj.weight`, [f, d]);
    shapes.set(`${layer}.mlp.up_proj.weight`, [f, d]);
    shapes.set(`${layer}.mlp.down_proj.weight`, [d, f]);
  }
  shapes.set("model.norm.weight", [d]);
  return shapes;
};

/** cos and sin of the rotary angles, [positions, head_dim / 2]. */
export const ropeTables = (config: LlamaConfig): { readonly cos: Float32Array; readonly sin: Float32Array } => {
  const half = config.head_dim / 2;
  const cos = new Float32Array(config.max_position_embeddings * half);
  const sin = new Float32Array(cos.length);
  for (let position = 0; position < config.max_position_embeddings; position += 1) {
    for (let i = 0; i < half; i += 1) {
      const angle = position / config.rope_theta ** (i / half);
      cos[position * half + i] = Math.cos(angle);
      sin[position * half + i] = Math.sin(angle);
    }
  }
  return { cos, sin };
};

const declareWeights = (b: OnnxBuilder, config: LlamaConfig): void => {
  for (const [name, shape] of parameterShapes(config)) b.input(name, "float32", shape);
};

const declareRope = (b: OnnxBuilder, config: LlamaConfig, names: readonly string[]): void => {
  for (const name of names) b.input(name, "float32", [config.max_position_embeddings, config.head_dim / 2]);
};

/** Mixes tokens: queries, keys and values of one layer in, [N, H·d] out. The part in which training and sampling differ. */
type Attend = (layer: number, q: string, k: string, v: string) => string;

/** The decoder from ids [N] to its last normed hidden states [N, D]. */
const decoder = (t: Tape, config: LlamaConfig, attend: Attend): string => {
  const norm = (x: string, weight: string): string =>
    t.apply("rmsNorm", { x, weight }, { epsilon: config.rms_norm_eps }).y;
  const linear = (x: string, weight: string): string => t.apply("linear", { x, weight }).y;
  let x = t.apply("embed", { table: "model.embed_tokens.weight", ids: "ids" }).y;
  for (let i = 0; i < config.num_hidden_layers; i += 1) {
    const layer = `model.layers.${i}`;
    const a = norm(x, `${layer}.input_layernorm.weight`);
    const mixed = attend(
      i,
      linear(a, `${layer}.self_attn.q_proj.weight`),
      linear(a, `${layer}.self_attn.k_proj.weight`),
      linear(a, `${layer}.self_attn.v_proj.weight`),
    );
    x = t.apply("add", { a: x, b: linear(mixed, `${layer}.self_attn.o_proj.weight`) }).y;
    const m = norm(x, `${layer}.post_attention_layernorm.weight`);
    const gate = linear(m, `${layer}.mlp.gate_proj.weight`);
    const up = linear(m, `${layer}.mlp.up_proj.weight`);
    x = t.apply("add", { a: x, b: linear(t.apply("swiglu", { gate, up }).y, `${layer}.mlp.down_proj.weight`) }).y;
  }
  return norm(x, "model.norm.weight");
};

/**
 * The training graph: log-probability and entropy of the tokens `targets` [M] at the hidden states `rows` [M] of
 * right-padded sequences [B, T]. With `gradients`, also ∂(−Σ coefficient·logp)/∂weight, added to what `into.<name>` holds.
 */
export const trainingGraph = (config: LlamaConfig, { gradients }: { readonly gradients: boolean }): OnnxModel => {
  const b = onnxBuilder(gradients ? "train" : "score");
  b.input("ids", "int64", ["N"]);
  b.input("positions", "int64", ["B", "T"]);
  b.input("shape", "int64", [2]);
  b.input("mask", "float32", ["GT", "T"]);
  b.input("rows", "int64", ["M"]);
  b.input("targets", "int64", ["M"]);
  if (gradients) b.input("coefficients", "float32", ["M"]);
  declareRope(b, config, gradients ? ["cos", "sin", "minusSin"] : ["cos", "sin"]);
  declareWeights(b, config);

  const t = tape(b);
  const { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: headSize } = config;
  const rope = (x: string, count: number): string =>
    t.apply(
      "rope",
      { x, positions: "positions", cos: "cos", sin: "sin", minusSin: "minusSin", shape: "shape" },
      { width: count * headSize },
    ).y;
  const hidden = decoder(
    t,
    config,
    (_, q, k, v) =>
      t.apply(
        "attention",
        { q: rope(q, heads), k: rope(k, keyHeads), v, mask: "mask", shape: "shape" },
        { heads, keyHeads, headSize },
      ).y,
  );
  const x = t.apply("gatherRows", { x: hidden, rows: "rows" }).y;
  const { y, entropy } = t.apply("logProb", { x, table: "model.embed_tokens.weight", targets: "targets" });
  b.output("logProbs", y, "float32", ["M"]);
  b.output("entropies", entropy, "float32", ["M"]);
  if (gradients) {
    const shapes = parameterShapes(config);
    const into = new Map(
      [...shapes].map(([name, shape]) => [name, b.input(`into.${name}`, "float32", shape)] as const),
    );
    for (const [name, gradient] of t.backward(y, b.node("Neg", ["coefficients"]), into)) {
      b.output(`gradient.${name}`, gradient, "float32", shapes.get(name) ?? []);
    }
  }
  return b.finish();
};

const cacheShape = (config: LlamaConfig): (number | string)[] => [
  "slots",
  config.num_key_value_heads,
  "capacity",
  config.head_dim,
];

/** Distribution at `x` [B, D] for the next token, after temperature: probabilities [B, V]. */
const probabilities = (b: OnnxBuilder, x: string): string => {
  const logits = b.node("Gemm", [x, "model.embed_tokens.weight"], { transB: 1 });
  return b.node("Softmax", [b.node("Mul", [logits, "inverseTemperature"])], { axis: -1 });
};

/**
 * The extension graph: feeds [B, T] new tokens (right-padded) to rows of the cache and gives the distribution after the
 * last one of each row. `place` [B, K, T, 3] says where in the cache each key goes; `slots` [B] which rows are used; keys
 * up to `reach` are looked at. The cache is written in place: bind `present.*` to the memory of `past.*`.
 */
export const extensionGraph = (config: LlamaConfig): OnnxModel => {
  const { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: headSize } = config;
  const group = heads / keyHeads;
  const b = onnxBuilder("extend");
  b.input("ids", "int64", ["N"]);
  b.input("positions", "int64", ["B", "T"]);
  b.input("shape", "int64", [2]);
  b.input("slots", "int64", ["B"]);
  b.input("place", "int64", ["B", keyHeads, "T", 3]);
  b.input("reach", "int64", ["S"]);
  b.input("last", "int64", ["B"]);
  b.input("inverseTemperature", "float32", ["B", 1]);
  declareRope(b, config, ["cos", "sin"]);
  declareWeights(b, config);
  const t = tape(b);
  const constant = (values: readonly number[]): string => b.constant("int64", values);
  // Key s is visible from position p when s ≤ p: [B, 1, 1, T, S].
  const visible = b.node("LessOrEqual", ["reach", b.node("Unsqueeze", ["positions", constant([1, 2, 4])])]);
  const mask = b.node("Where", [visible, b.constant("float32", [0]), b.constant("float32", [-1e9])]);
  const rope = (x: string, count: number): string => {
    const three = b.node("Reshape", [x, b.node("Concat", ["shape", constant([count * headSize])], { axis: 0 })]);
    return b.node("RotaryEmbedding", [three, "positions", "cos", "sin"]);
  };
  const split = (x: string, sizes: readonly number[], perm: readonly number[]): string =>
    b.node("Transpose", [b.node("Reshape", [x, b.node("Concat", ["shape", constant(sizes)], { axis: 0 })])], { perm });
  const end = b.node("Shape", ["reach"]);
  // Keys and values that are looked at, as rows of a cache seen as [slots·K·capacity, d]: [B, K, S].
  const cells = (past: string): string => {
    const capacity = b.node("Gather", [b.node("Shape", [past]), constant([2])]);
    const heads = b.node("Mul", [b.constant("int64", [...Array(keyHeads).keys()], [keyHeads, 1]), capacity]);
    const rows = b.node("Mul", [
      b.node("Unsqueeze", ["slots", constant([1, 2])]),
      b.node("Mul", [capacity, constant([keyHeads])]),
    ]);
    return b.node("Add", [rows, b.node("Add", [heads, "reach"])]);
  };
  const hidden = decoder(t, config, (layer, q, k, v) => {
    const read = (name: "key" | "value", fresh: string): string => {
      const past = b.input(`past.${layer}.${name}`, "float32", cacheShape(config));
      const present = b.node("ScatterND", [past, "place", fresh]);
      b.output(`present.${layer}.${name}`, present, "float32", cacheShape(config));
      return b.node("Gather", [b.node("Reshape", [present, constant([-1, headSize])]), cells(past)]);
    };
    const keys = read("key", split(rope(k, keyHeads), [keyHeads, headSize], [0, 2, 1, 3]));
    const values = read("value", split(v, [keyHeads, headSize], [0, 2, 1, 3]));
    const queries = b.node("Reshape", [
      split(rope(q, heads), [keyHeads, group, headSize], [0, 2, 3, 1, 4]),
      constant([0, 0, -1, headSize]),
    ]);
    const scores = b.node("FusedMatMul", [queries, keys], { transB: 1, alpha: { float: 1 / Math.sqrt(headSize) } });
    const five = b.node("Reshape", [scores, b.node("Concat", [constant([0, 0, group, -1]), end], { axis: 0 })]);
    const weights = b.node("Softmax", [b.node("Add", [five, mask])], { axis: -1 });
    const flat = b.node("Reshape", [weights, b.node("Concat", [constant([0, 0, -1]), end], { axis: 0 })]);
    const context = b.node("Reshape", [b.node("MatMul", [flat, values]), constant([0, 0, group, -1, headSize])]);
    return b.node("Reshape", [
      b.node("Transpose", [context], { perm: [0, 3, 1, 2, 4] }),
      constant([-1, heads * headSize]),
    ]);
  });
  const x = t.apply("gatherRows", { x: hidden, rows: "last" }).y;
  b.output("probabilities", probabilities(b, x), "float32", ["B", config.vocab_size]);
  return b.finish();
};

/**
 * The decoding graph: one new token for each row of a contiguous part of the cache, whose lengths are `past` [B].
 * The cache is written in place: bind `present.*` to the memory of `past.*`.
 */
export const decodingGraph = (config: LlamaConfig): OnnxModel => {
  const { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: headSize } = config;
  const b = onnxBuilder("decode");
  b.input("ids", "int64", ["B"]);
  b.input("lengths", "int32", ["B"]);
  b.input("longest", "int32", [1]);
  b.input("inverseTemperature", "float32", ["B", 1]);
  declareRope(b, config, ["cos", "sin"]);
  declareWeights(b, config);
  const t = tape(b);
  const three = (x: string, count: number): string =>
    b.node("Reshape", [x, b.constant("int64", [-1, 1, count * headSize])]);
  const hidden = decoder(t, config, (layer, q, k, v) => {
    const past = (["key", "value"] as const).map((name) =>
      b.input(`past.${layer}.${name}`, "float32", cacheShape(config)),
    );
    const [y, key, value] = b.nodes(
      "GroupQueryAttention",
      [three(q, heads), three(k, keyHeads), three(v, keyHeads), ...past, "lengths", "longest", "cos", "sin"],
      3,
      { num_heads: heads, kv_num_heads: keyHeads, do_rotary: 1 },
    );
    b.output(`present.${layer}.key`, key as string, "float32", cacheShape(config));
    b.output(`present.${layer}.value`, value as string, "float32", cacheShape(config));
    return b.node("Reshape", [y as string, b.constant("int64", [-1, heads * headSize])]);
  });
  b.output("probabilities", probabilities(b, hidden), "float32", ["B", config.vocab_size]);
  return b.finish();
};
