import { type LoraConfig, loraNames } from "../lora.ts";
import { headOf, layerShapes, linearShapes, type ModelConfig } from "../model-config.ts";
import { attentionAttributes, decoderLayer, type Linear, plainLinear } from "./decoder.ts";
import { type OnnxModel, onnxBuilder } from "./onnx-builder.ts";
import { blocks } from "./operators.ts";
import { tape } from "./tape.ts";
import { tokenGradient } from "./token-gradient.ts";

/**
 * Graphs of one layer and of the head. One pair of sessions serves all layers: the weights of a layer are inputs, called
 * `layer.<name>`; full and sliding layers differ in the mask and the tables of angles, which are inputs as well.
 */

/** Products of a layer that its backward graph takes from the forward graph instead of computing them again, and their widths. */
export const savedWidths = (config: ModelConfig): ReadonlyMap<string, number> => {
  const linears = linearShapes(config);
  const out = (linear: string): readonly [string, number] => [linear, linears.get(linear)?.[0] ?? 0];
  return new Map([
    out("self_attn.q_proj"),
    out("self_attn.k_proj"),
    out("self_attn.v_proj"),
    ["context", out("self_attn.q_proj")[1]],
    ...(config.sandwich_norms ? [out("self_attn.o_proj")] : []),
    ["middle", config.hidden_size],
    out("mlp.gate_proj"),
    out("mlp.up_proj"),
    ...(config.sandwich_norms ? [out("mlp.down_proj")] : []),
  ]);
};

/** Names (without their layer) and shapes of what an adapter adds to a layer. */
export const layerLoraShapes = (config: ModelConfig, lora: LoraConfig): ReadonlyMap<string, readonly number[]> => {
  const linears = linearShapes(config);
  return new Map(
    lora.targets.flatMap((linear) => {
      const [out, into] = linears.get(linear) ?? [0, 0];
      const { a, b } = loraNames("", linear);
      return [
        [a.slice(1), [lora.rank, into]],
        [b.slice(1), [out, lora.rank]],
      ] as const;
    }),
  );
};

const adapted = (config: ModelConfig, lora: LoraConfig): Linear => {
  const plain = plainLinear(config);
  return (t, x, layer, linear) => {
    const base = plain(t, x, layer, linear);
    if (!lora.targets.includes(linear)) return base;
    return t.apply("lora", { base, x, ...loraNames(layer, linear) }, { factor: lora.alpha / lora.rank }).y;
  };
};

/**
 * One layer, x [N, D] → y [N, D]. The forward graph also gives `saved.<name>`; the backward graph takes them, and the
 * gradient of y, and gives that of x and, added to `into.layer.<name>`, those of what is trained: the adapter, or without
 * one all weights of the layer.
 */
export const layerGraph = (
  config: ModelConfig,
  { part, lora }: { readonly part: "forward" | "backward"; readonly lora?: LoraConfig | undefined },
): OnnxModel => {
  const b = onnxBuilder(part);
  const { hidden_size: d } = config;
  b.input("x", "float32", ["N", d]);
  b.input("positions", "int64", [1, "N"]);
  b.input("bounds", "int64", [blocks.length + 1]);
  for (const i of blocks) b.input(`mask.${i}`, "float32", [`T${i}`, `S${i}`]);
  for (const name of ["cos", "sin", "minusSin"]) b.input(name, "float32", ["C", config.head_dim / 2]);
  const base = layerShapes(config);
  const trained = lora ? layerLoraShapes(config, lora) : base;
  for (const [name, shape] of new Map([...base, ...trained])) b.input(`layer.${name}`, "float32", shape);

  const t = tape(b);
  const attributes = attentionAttributes(config);
  const shape = b.node("Shape", ["positions"]);
  const rope = (x: string, heads: number): string =>
    t.apply(
      "rope",
      { x, positions: "positions", cos: "cos", sin: "sin", minusSin: "minusSin", shape },
      { width: heads * config.head_dim },
    ).y;
  const widths = savedWidths(config);
  const y = decoderLayer(t, config, "x", {
    index: 0,
    layer: "layer",
    ...(lora && { linear: adapted(config, lora) }),
    attend: (_, q, k, v) =>
      t.apply(
        "blockAttention",
        {
          q: rope(q, attributes.heads),
          k: rope(k, attributes.keyHeads),
          v,
          bounds: "bounds",
          "mask.0": "mask.0",
          "mask.1": "mask.1",
          "mask.2": "mask.2",
          "mask.3": "mask.3",
        },
        attributes,
      ).y,
    keep: (name, value) => {
      const size = ["N", widths.get(name) ?? 0];
      if (part === "backward") return t.standIn(value, b.input(`saved.${name}`, "float32", size));
      b.output(`saved.${name}`, value, "float32", size);
      return value;
    },
  });
  if (part === "forward") {
    b.output("y", y, "float32", ["N", d]);
    return b.finish();
  }
  const into = new Map<string, string | undefined>([["x", undefined]]);
  for (const [name, size] of trained) into.set(`layer.${name}`, b.input(`into.layer.${name}`, "float32", size));
  for (const [name, gradient] of t.backward(y, b.input("gradient.y", "float32", ["N", d]), into))
    b.output(`gradient.${name}`, gradient, "float32", name === "x" ? ["N", d] : (trained.get(name.slice(6)) ?? []));
  return b.finish();
};

/** What of the head is trained when all weights are. */
export const headNames = (config: ModelConfig): readonly string[] => ["model.norm.weight", headOf(config)];

/**
 * The head on some rows: log-probability and entropy of `targets` [M] at the hidden states `x` [M, D] before the last
 * norm. With `gradients`, also that of −Σ coefficient·w·logp with respect to x, and for `trained: "all"` to norm and table.
 */
export const headGraph = (
  config: ModelConfig,
  { gradients, trained }: { readonly gradients: boolean; readonly trained: "nothing" | "all" },
): OnnxModel => {
  const b = onnxBuilder("head");
  const { hidden_size: d, vocab_size } = config;
  b.input("x", "float32", ["M", d]);
  b.input("targets", "int64", ["M"]);
  const shapes = new Map<string, readonly (number | string)[]>([
    ["model.norm.weight", [d]],
    [headOf(config), [vocab_size, d]],
  ]);
  for (const [name, shape] of shapes) b.input(name, "float32", shape);
  const t = tape(b);
  const hidden = t.apply("rmsNorm", { x: "x", weight: "model.norm.weight" }, { epsilon: config.rms_norm_eps }).y;
  const { y, entropy } = t.apply("logProb", { x: hidden, table: headOf(config), targets: "targets" });
  b.output("logProbs", y, "float32", ["M"]);
  b.output("entropies", entropy, "float32", ["M"]);
  if (gradients) {
    const into = new Map<string, string | undefined>([["x", undefined]]);
    if (trained === "all")
      for (const [name, shape] of shapes) into.set(name, b.input(`into.${name}`, "float32", shape));
    for (const [name, gradient] of t.backward(y, tokenGradient(b, y), into))
      b.output(`gradient.${name}`, gradient, "float32", shapes.get(name) ?? ["M", d]);
  }
  return b.finish();
};
