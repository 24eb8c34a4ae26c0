import {
  attentionScaleOf,
  hasBias,
  layerTypeOf,
  linearShapes,
  type ModelConfig,
  parameterShapes,
} from "../model-config.ts";
import { type Bits, BLOCK } from "../sampling/quantise.ts";
import { decoderLayer } from "./decoder.ts";
import { type OnnxBuilder, type OnnxModel, onnxBuilder } from "./onnx-builder.ts";
import { type Tape, tape } from "./tape.ts";
import { layerKinds } from "./training-tables.ts";

/** Linears of a layer that read the same input: one matrix, and one product. */
export interface LinearGroup {
  readonly name: string;
  readonly linears: readonly string[];
}

export const LINEAR_GROUPS: readonly LinearGroup[] = [
  { name: "self_attn.qkv", linears: ["self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj"] },
  { name: "self_attn.out", linears: ["self_attn.o_proj"] },
  { name: "mlp.gate_up", linears: ["mlp.gate_proj", "mlp.up_proj"] },
  { name: "mlp.down", linears: ["mlp.down_proj"] },
];

/** Adapters of one shape. They lie side by side on the axis of ranks, a slot each. */
export interface AdapterKind {
  readonly rank: number;
  readonly targets: readonly string[];
}

/** The sum over inner elements goes in parts of at most this many, so that no kernel splits it in another way for another batch. */
const INNER = 128;

/** Where the adapters of a kind lie in the matrices of a group. */
export interface AdapterPlace {
  /** Linears of the group that they change. */
  readonly linears: readonly string[];
  /** Width of the input, and the equal parts in which it is summed. */
  readonly into: number;
  readonly parts: number;
  /** Rows of all linears of the group. */
  readonly out: number;
  /** Ranks that a slot takes: a power of two, or a multiple of 128, so that no sum over ranks is split inside a slot. */
  readonly stride: number;
}

/** The place of a kind in a group, or undefined if it changes none of its linears. */
export const adapterPlace = (config: ModelConfig, kind: AdapterKind, group: LinearGroup): AdapterPlace | undefined => {
  const linears = group.linears.filter((name) => kind.targets.includes(name));
  if (linears.length === 0) return undefined;
  const shapes = linearShapes(config);
  const into = shapes.get(linears[0] as string)?.[1] ?? 0;
  let parts = Math.ceil(into / INNER);
  while (into % parts !== 0) parts += 1;
  const ranks = linears.length * kind.rank;
  const stride = ranks > INNER ? Math.ceil(ranks / INNER) * INNER : 2 ** Math.ceil(Math.log2(ranks));
  return { linears, into, parts, out: groupRows(config, group), stride };
};

export const groupRows = (config: ModelConfig, { linears }: LinearGroup): number =>
  linears.reduce((sum, name) => sum + (linearShapes(config).get(name)?.[0] ?? 0), 0);

/** Names of an adapter kind's inputs. */
export const adapterNames = (
  kind: number,
  layer: string,
  group: string,
): { readonly a: string; readonly b: string } => ({
  a: `adapter.${kind}.${layer}.${group}.a`,
  b: `adapter.${kind}.${layer}.${group}.b`,
});
export const maskName = (kind: number, stride: number): string => `adapter.${kind}.mask.${stride}`;

/** Bits of the base's matrices; undefined is float32. The head has 8 at least, as in the usual files of 4 bits. */
export type Quantisation = "int8" | "int4" | "none";
export const bitsOf = (quantisation: Quantisation): Bits | undefined =>
  (({ int8: 8, int4: 4, none: undefined }) as const)[quantisation];
export const headBitsOf = (quantisation: Quantisation): Bits | undefined => (quantisation === "none" ? undefined : 8);

/** A product with a weight [rows, columns] called `name`, and its bias if it has one. */
const product = (
  b: OnnxBuilder,
  x: string,
  {
    name,
    rows,
    columns,
    bits,
    bias,
  }: { name: string; rows: number; columns: number; bits: Bits | undefined; bias: boolean },
): string => {
  const added = bias ? [b.weight(`${name}.bias`, "float32", [rows])] : [];
  if (bits === undefined)
    return b.node("Gemm", [x, b.weight(`${name}.weight`, "float32", [rows, columns]), ...added], { transB: 1 });
  const blocks = Math.ceil(columns / BLOCK);
  const codes = b.weight(`${name}.codes`, "uint8", [rows, blocks, (BLOCK * bits) / 8]);
  const scales = b.weight(`${name}.scales`, "float32", [rows * blocks]);
  return b.node("MatMulNBits", [x, codes, scales, ...(bias ? ["", "", ...added] : [])], {
    K: columns,
    N: rows,
    bits,
    block_size: BLOCK,
    accuracy_level: 4,
  });
};

/**
 * Adds B·A·x of all adapters of a kind; the mask [N, slots·stride] holds 4·alpha/rank where a row's own adapter lies and
 * 0 elsewhere. Both products are halved: a factor of 1 would give a single row another kernel with other last bits.
 */
const adapted = (
  b: OnnxBuilder,
  y: string,
  x: string,
  place: AdapterPlace,
  names: { a: string; b: string; mask: string },
): string => {
  const half = { float: 0.5 };
  const { into, parts, out, stride } = place;
  const a = b.input(names.a, "float32", [parts, "R", into / parts]);
  const split = b.node("Reshape", [x, b.constant("int64", [-1, parts, into / parts])]);
  const products = b.node("FusedMatMul", [b.node("Transpose", [split], { perm: [1, 0, 2] }), a], {
    transB: 1,
    alpha: half,
  });
  const h = b.node("ReduceSum", [products, b.constant("int64", [0])], { keepdims: 0 });
  const masked = b.node("Mul", [h, names.mask]);
  return b.node("Gemm", [masked, b.input(names.b, "float32", [out, `R${stride}`]), y], { transB: 1, alpha: half });
};

/**
 * The sampling graph over a frozen base: takes in hidden inputs x [B·T, D] (T = 1, or B = 1) for a contiguous part of
 * the cache, and gives the distributions after the tokens `rows` [R]. `lengths` [B] are the last positions of the rows,
 * `longest` counts the longest one. The cache is written in place: bind `present.*` to the memory of `past.*`.
 */
export const samplingGraph = (
  config: ModelConfig,
  quantisation: Quantisation,
  adapters: readonly AdapterKind[] = [],
): OnnxModel => {
  const { num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim: headSize, hidden_size: D } = config;
  const b = onnxBuilder("sample");
  b.input("x", "float32", ["N", D]);
  b.input("shape", "int64", [3]);
  b.input("lengths", "int32", ["B"]);
  b.input("longest", "int32", [1]);
  b.input("rows", "int64", ["R"]);
  b.input("inverseTemperature", "float32", ["R", 1]);
  for (const prefix of layerKinds(config).values())
    for (const name of ["cos", "sin"]) b.input(prefix + name, "float32", ["C", headSize / 2]);
  const matrices = new Set([...parameterShapes(config)].filter(([, { length }]) => length > 1).map(([name]) => name));
  for (const [name, shape] of parameterShapes(config))
    if (!matrices.has(name) && !name.endsWith(".bias")) b.weight(name, "float32", shape);
  adapters.forEach((kind, index) => {
    const strides = LINEAR_GROUPS.map((group) => adapterPlace(config, kind, group)?.stride);
    for (const stride of new Set(strides))
      if (stride !== undefined) b.input(maskName(index, stride), "float32", ["N", `R${stride}`]);
  });

  const t = tape(b);
  const shapes = linearShapes(config);
  const made = new Map<string, string>();
  /** The product of a whole group with its adapters. */
  const grouped = (x: string, layer: string, group: LinearGroup): string => {
    const name = `${layer}.${group.name}`;
    const known = made.get(name);
    if (known) return known;
    const columns = shapes.get(group.linears[0] as string)?.[1] ?? 0;
    const bias = group.linears.some((linear) => hasBias(config, linear));
    let y = product(b, x, { name, rows: groupRows(config, group), columns, bits: bitsOf(quantisation), bias });
    adapters.forEach((kind, index) => {
      const place = adapterPlace(config, kind, group);
      if (place)
        y = adapted(b, y, x, place, { ...adapterNames(index, layer, group.name), mask: maskName(index, place.stride) });
    });
    made.set(name, y);
    return y;
  };
  // Attention takes queries, keys and values as they come, in one, unless something is done to them first.
  const packed = !config.qk_norm;
  const linear = (_: Tape, x: string, layer: string, name: string): string => {
    const group = LINEAR_GROUPS.find(({ linears }) => linears.includes(name)) as LinearGroup; // Every linear is in one.
    const y = grouped(x, layer, group);
    if (group.linears.length === 1 || (packed && group.name === "self_attn.qkv")) return y;
    const sizes = group.linears.map((each) => shapes.get(each)?.[0] ?? 0);
    return b.nodes("Split", [y, b.constant("int64", sizes)], sizes.length, { axis: 1 })[
      group.linears.indexOf(name)
    ] as string;
  };
  const three = (x: string): string => b.node("Reshape", [x, "shape"]);
  const kinds = layerKinds(config);
  const attend = (layer: number, q: string, k: string, v: string): string => {
    const prefix = kinds.get(layerTypeOf(config, layer)) ?? "";
    const cache = ["slots", keyHeads, "capacity", headSize];
    const past = ["key", "value"].map((name) => b.input(`past.${layer}.${name}`, "float32", cache));
    const fresh = packed ? [three(q), "", ""] : [three(q), three(k), three(v)];
    const [y, key, value] = b.nodes(
      "GroupQueryAttention",
      [...fresh, ...past, "lengths", "longest", `${prefix}cos`, `${prefix}sin`],
      3,
      {
        num_heads: heads,
        kv_num_heads: keyHeads,
        do_rotary: 1,
        scale: { float: attentionScaleOf(config) },
        ...(prefix !== "" && { local_window_size: config.sliding_window ?? -1 }),
      },
    );
    b.output(`present.${layer}.key`, key as string, "float32", cache);
    b.output(`present.${layer}.value`, value as string, "float32", cache);
    return b.node("Reshape", [y as string, b.constant("int64", [-1, heads * headSize])]);
  };
  let x = "x";
  for (let index = 0; index < config.num_hidden_layers; index += 1)
    x = decoderLayer(t, config, x, { index, layer: `model.layers.${index}`, attend, linear });
  const last = t.apply("gatherRows", { x, rows: "rows" }).y;
  const normed = t.apply("rmsNorm", { x: last, weight: "model.norm.weight" }, { epsilon: config.rms_norm_eps }).y;
  // The temperature goes where a row is narrow.
  const logits = product(b, b.node("Mul", [normed, "inverseTemperature"]), {
    name: "head",
    rows: config.vocab_size,
    columns: D,
    bits: headBitsOf(quantisation),
    bias: false,
  });
  b.output("probabilities", b.node("Softmax", [logits], { axis: -1 }), "float32", ["R", config.vocab_size]);
  return b.finish();
};
