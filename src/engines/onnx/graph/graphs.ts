import {
  attentionScaleOf,
  hasSlidingLayers,
  headOf,
  layerTypeOf,
  type ModelConfig,
  parameterShapes,
} from "../model-config.ts";
import { attentionAttributes, decoder } from "./decoder.ts";
import { type OnnxBuilder, type OnnxModel, onnxBuilder } from "./onnx-builder.ts";
import { tape } from "./tape.ts";
import { tokenGradient } from "./token-gradient.ts";

const declareWeights = (b: OnnxBuilder, config: ModelConfig): void => {
  for (const [name, shape] of parameterShapes(config)) b.input(name, "float32", shape);
};

/** The tables of angles of each kind of layer: sliding layers have their own, with names of their own. */
const declareRope = (b: OnnxBuilder, config: ModelConfig, names: readonly string[]): void => {
  for (const prefix of hasSlidingLayers(config) ? ["", "sliding."] : [""])
    for (const name of names) b.input(prefix + name, "float32", ["C", config.head_dim / 2]);
};

/** Names of inputs that differ between full and sliding layers begin with it. */
const prefixOf = (config: ModelConfig, layer: number): "" | "sliding." =>
  layerTypeOf(config, layer) === "sliding_attention" ? "sliding." : "";

/**
 * The training graph: log-probability and entropy of the tokens `targets` [M] at the hidden states `rows` [R], of which
 * `which` [M] says whose each is. Tokens [B, T] see each other by `mask` [B, 1, 1, T, T]: a row may be a tree. With `gradients`, also ∂(−Σ coefficient·w·logp)/∂weight, added to what `into.<name>` holds,
 * where w is the importance weight of a token.
 */
export const trainingGraph = (config: ModelConfig, { gradients }: { readonly gradients: boolean }): OnnxModel => {
  const b = onnxBuilder(gradients ? "train" : "score");
  b.input("ids", "int64", ["N"]);
  b.input("positions", "int64", ["B", "T"]);
  b.input("shape", "int64", [2]);
  for (const prefix of hasSlidingLayers(config) ? ["", "sliding."] : [""])
    b.input(`${prefix}mask`, "float32", ["B", 1, 1, "T", "T"]);
  b.input("rows", "int64", ["R"]);
  b.input("which", "int64", ["M"]);
  b.input("targets", "int64", ["M"]);
  declareRope(b, config, gradients ? ["cos", "sin", "minusSin"] : ["cos", "sin"]);
  declareWeights(b, config);

  const t = tape(b);
  const attributes = attentionAttributes(config);
  const rope = (x: string, heads: number, prefix: string): string =>
    t.apply(
      "rope",
      {
        x,
        positions: "positions",
        cos: `${prefix}cos`,
        sin: `${prefix}sin`,
        minusSin: `${prefix}minusSin`,
        shape: "shape",
      },
      { width: heads * config.head_dim },
    ).y;
  const hidden = decoder(t, config, {
    rows: "rows",
    attend: (layer, q, k, v) => {
      const prefix = prefixOf(config, layer);
      return t.apply(
        "attention",
        {
          q: rope(q, attributes.heads, prefix),
          k: rope(k, attributes.keyHeads, prefix),
          v,
          mask: `${prefix}mask`,
          shape: "shape",
          keyShape: "shape",
        },
        attributes,
      ).y;
    },
  });
  const x = t.apply("repeatRows", { x: hidden, which: "which" }).y;
  const { y, entropy } = t.apply("logProb", { x, table: headOf(config), targets: "targets" });
  b.output("logProbs", y, "float32", ["M"]);
  b.output("entropies", entropy, "float32", ["M"]);
  if (gradients) {
    const shapes = parameterShapes(config);
    const into = new Map(
      [...shapes].map(([name, shape]) => [name, b.input(`into.${name}`, "float32", shape)] as const),
    );
    for (const [name, gradient] of t.backward(y, tokenGradient(b, y), into)) {
      b.output(`gradient.${name}`, gradient, "float32", shapes.get(name) ?? []);
    }
  }
  return b.finish();
};

const cacheShape = (config: ModelConfig): (number | string)[] => [
  "slots",
  config.num_key_value_heads,
  "capacity",
  config.head_dim,
];

/** Distribution at `x` [B, D] for the next token, after temperature: probabilities [B, V]. */
const probabilities = (b: OnnxBuilder, config: ModelConfig, x: string): string => {
  const logits = b.node("Gemm", [x, headOf(config)], { transB: 1 });
  return b.node("Softmax", [b.node("Mul", [logits, "inverseTemperature"])], { axis: -1 });
};

/**
 * The extension graph: feeds [B, T] new tokens (right-padded) to rows of the cache and gives the distribution after the
 * last one of each row. `place` [B, K, T, 3] says where in the cache each key goes; `slots` [B] which rows are used; keys
 * up to `reach` are looked at. The cache is written in place: bind `present.*` to the memory of `past.*`.
 */
export const extensionGraph = (config: ModelConfig): OnnxModel => {
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
  // Key s is visible from position p when s ≤ p, and not behind the window: [B, 1, 1, T, S].
  const queryPositions = b.node("Unsqueeze", ["positions", constant([1, 2, 4])]);
  const visible = b.node("LessOrEqual", ["reach", queryPositions]);
  const maskOf = (seen: string): string =>
    b.node("Where", [seen, b.constant("float32", [0]), b.constant("float32", [-1e9])]);
  const near = (): string =>
    b.node("And", [
      visible,
      b.node("Greater", ["reach", b.node("Sub", [queryPositions, constant([config.sliding_window ?? 0])])]),
    ]);
  const masks = { "": maskOf(visible), "sliding.": hasSlidingLayers(config) ? maskOf(near()) : "" };
  const rope = (x: string, count: number, prefix: string): string => {
    const three = b.node("Reshape", [x, b.node("Concat", ["shape", constant([count * headSize])], { axis: 0 })]);
    return b.node("RotaryEmbedding", [three, "positions", `${prefix}cos`, `${prefix}sin`]);
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
  const attend = (layer: number, q: string, k: string, v: string): string => {
    const prefix = prefixOf(config, layer);
    const read = (name: "key" | "value", fresh: string): string => {
      const past = b.input(`past.${layer}.${name}`, "float32", cacheShape(config));
      const present = b.node("ScatterND", [past, "place", fresh]);
      b.output(`present.${layer}.${name}`, present, "float32", cacheShape(config));
      return b.node("Gather", [b.node("Reshape", [present, constant([-1, headSize])]), cells(past)]);
    };
    const keys = read("key", split(rope(k, keyHeads, prefix), [keyHeads, headSize], [0, 2, 1, 3]));
    const values = read("value", split(v, [keyHeads, headSize], [0, 2, 1, 3]));
    const queries = b.node("Reshape", [
      split(rope(q, heads, prefix), [keyHeads, group, headSize], [0, 2, 3, 1, 4]),
      constant([0, 0, -1, headSize]),
    ]);
    const scores = b.node("FusedMatMul", [queries, keys], { transB: 1, alpha: { float: attentionScaleOf(config) } });
    const five = b.node("Reshape", [scores, b.node("Concat", [constant([0, 0, group, -1]), end], { axis: 0 })]);
    const weights = b.node("Softmax", [b.node("Add", [five, masks[prefix]])], { axis: -1 });
    const flat = b.node("Reshape", [weights, b.node("Concat", [constant([0, 0, -1]), end], { axis: 0 })]);
    const context = b.node("Reshape", [b.node("MatMul", [flat, values]), constant([0, 0, group, -1, headSize])]);
    return b.node("Reshape", [
      b.node("Transpose", [context], { perm: [0, 3, 1, 2, 4] }),
      constant([-1, heads * headSize]),
    ]);
  };
  const x = decoder(t, config, { attend, rows: "last" });
  b.output("probabilities", probabilities(b, config, x), "float32", ["B", config.vocab_size]);
  return b.finish();
};

/**
 * The decoding graph: one new token for each row of a contiguous part of the cache, whose lengths are `past` [B].
 * The cache is written in place: bind `present.*` to the memory of `past.*`.
 */
export const decodingGraph = (config: ModelConfig): OnnxModel => {
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
  const attend = (layer: number, q: string, k: string, v: string): string => {
    const prefix = prefixOf(config, layer);
    const past = (["key", "value"] as const).map((name) =>
      b.input(`past.${layer}.${name}`, "float32", cacheShape(config)),
    );
    const [y, key, value] = b.nodes(
      "GroupQueryAttention",
      [
        three(q, heads),
        three(k, keyHeads),
        three(v, keyHeads),
        ...past,
        "lengths",
        "longest",
        `${prefix}cos`,
        `${prefix}sin`,
      ],
      3,
      {
        num_heads: heads,
        kv_num_heads: keyHeads,
        do_rotary: 1,
        scale: { float: attentionScaleOf(config) },
        ...(prefix !== "" && { local_window_size: config.sliding_window ?? -1 }),
      },
    );
    b.output(`present.${layer}.key`, key as string, "float32", cacheShape(config));
    b.output(`present.${layer}.value`, value as string, "float32", cacheShape(config));
    return b.node("Reshape", [y as string, b.constant("int64", [-1, heads * headSize])]);
  };
  const hidden = decoder(t, config, { attend });
  b.output("probabilities", probabilities(b, config, hidden), "float32", ["B", config.vocab_size]);
  return b.finish();
};
