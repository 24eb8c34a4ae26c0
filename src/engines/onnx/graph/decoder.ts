import { attentionScaleOf, hasBias, linearShapes, type ModelConfig } from "../model-config.ts";
import type { Tape } from "./tape.ts";

/** Mixes tokens: queries, keys and values of one layer in, [N, H·d] out. The part in which training and sampling differ. */
export type Attend = (layer: number, q: string, k: string, v: string) => string;

/** A linear of a layer, by its name there (`self_attn.q_proj`). @default a product with the weight of that name */
export type Linear = (t: Tape, x: string, layer: string, linear: string) => string;

export interface DecoderParts {
  readonly attend: Attend;
  readonly linear?: Linear;
  /** Sees a value of a layer that is expensive to recompute, and returns the name under which the graph uses it. */
  readonly keep?: (name: string, value: string) => string;
  /** Rows of the last hidden states that anybody reads, all different: behind its attention, the last layer computes no others. */
  readonly rows?: string | undefined;
}

/** The linear of a model as it is: weights, and the bias where the architecture has one. */
export const plainLinear =
  (config: ModelConfig): Linear =>
  (t, x, layer, linear) => {
    const weight = `${layer}.${linear}.weight`;
    return hasBias(config, linear)
      ? t.apply("affine", { x, weight, bias: `${layer}.${linear}.bias` }).y
      : t.apply("linear", { x, weight }).y;
  };

/** One decoder layer, [N, D] → [N, D], or to the rows that are read; its weights are called `<layer>.<name>`. */
export const decoderLayer = (
  t: Tape,
  config: ModelConfig,
  x: string,
  { index, layer, attend, linear = plainLinear(config), keep = (_, value) => value, rows }: LayerParts,
): string => {
  const read = (value: string): string => (rows === undefined ? value : t.apply("gatherRows", { x: value, rows }).y);
  const norm = (value: string, name: string): string =>
    t.apply("rmsNorm", { x: value, weight: `${layer}.${name}.weight` }, { epsilon: config.rms_norm_eps }).y;
  const project = (value: string, name: string): string => keep(name, linear(t, value, layer, name));
  const headNorm = (value: string, name: "q_norm" | "k_norm"): string =>
    config.qk_norm
      ? t.apply(
          "headNorm",
          { x: value, weight: `${layer}.self_attn.${name}.weight` },
          {
            epsilon: config.rms_norm_eps,
            headSize: config.head_dim,
            width: linearShapes(config).get(name === "q_norm" ? "self_attn.q_proj" : "self_attn.k_proj")?.[0] ?? 0,
          },
        ).y
      : value;

  const a = norm(x, "input_layernorm");
  const q = headNorm(project(a, "self_attn.q_proj"), "q_norm");
  const k = headNorm(project(a, "self_attn.k_proj"), "k_norm");
  const context = read(keep("context", attend(index, q, k, project(a, "self_attn.v_proj"))));
  // A norm's gradient needs what goes in; a sum's does not.
  const output = (value: string, name: string): string =>
    config.sandwich_norms ? project(value, name) : linear(t, value, layer, name);
  const attended = output(context, "self_attn.o_proj");
  const middle = keep(
    "middle",
    t.apply("add", { a: read(x), b: config.sandwich_norms ? norm(attended, "post_attention_layernorm") : attended }).y,
  );
  const m = norm(middle, config.sandwich_norms ? "pre_feedforward_layernorm" : "post_attention_layernorm");
  const gate = project(m, "mlp.gate_proj");
  const up = project(m, "mlp.up_proj");
  const activated = t.apply(config.hidden_act === "gelu_pytorch_tanh" ? "geglu" : "swiglu", { gate, up }).y;
  const fed = output(activated, "mlp.down_proj");
  return t.apply("add", { a: middle, b: config.sandwich_norms ? norm(fed, "post_feedforward_layernorm") : fed }).y;
};

interface LayerParts extends DecoderParts {
  readonly index: number;
  /** What the layer's weights are called, without a dot at the end. */
  readonly layer: string;
}

/** The decoder from ids [N] to its last normed hidden states: [N, D], or the rows that are read. */
export const decoder = (t: Tape, config: ModelConfig, { rows, ...parts }: DecoderParts): string => {
  let x = t.apply("embed", { table: "model.embed_tokens.weight", ids: "ids" }).y;
  if (config.embedding_scale !== undefined) x = t.apply("scale", { x }, { factor: config.embedding_scale }).y;
  for (let index = 0; index < config.num_hidden_layers; index += 1) {
    const isLast = index === config.num_hidden_layers - 1;
    x = decoderLayer(t, config, x, {
      ...parts,
      rows: isLast ? rows : undefined,
      index,
      layer: `model.layers.${index}`,
    });
  }
  return t.apply("rmsNorm", { x, weight: "model.norm.weight" }, { epsilon: config.rms_norm_eps }).y;
};

/** What `attention` needs to know of a model. */
export const attentionAttributes = (
  config: ModelConfig,
): { readonly heads: number; readonly keyHeads: number; readonly headSize: number; readonly scale: number } => ({
  heads: config.num_attention_heads,
  keyHeads: config.num_key_value_heads,
  headSize: config.head_dim,
  scale: attentionScaleOf(config),
});
