import { hasBias, headOf, linearShapes, type ModelConfig, parameterShapes } from "./model-config.ts";
import type { TensorSource } from "./model-files.ts";
import { type Bits, BLOCK, dequantiseRow, type QuantisedMatrix, quantise } from "./quantise.ts";
import type { Constants, Runtime } from "./runtime.ts";
import { bitsOf, groupRows, headBitsOf, LINEAR_GROUPS, type Quantisation } from "./sampling-graph.ts";

/** The weights of the sampling graph, and the embedding table, which stays outside of it: a step looks up a few rows. */
export interface FrozenBase {
  readonly constants: Constants;
  /** Constants that a runtime may have laid out anew. */
  readonly matrices: readonly string[];
  /** Writes the embedding of a token. */
  embed(id: number, into: Float32Array, offset: number): void;
}

/**
 * Reads the tensors one by one and quantises each on its way: the model never lies in memory as float32. They are
 * written into `constants`, which are disposed of when it fails.
 */
export const loadFrozenBase = async (
  runtime: Runtime,
  config: ModelConfig,
  tensors: Pick<TensorSource, "read">,
  quantisation: Quantisation,
  constants: Constants = runtime.constants(),
): Promise<FrozenBase> => {
  const matrices: string[] = [];
  try {
    const table = await loadTables(constants, matrices, config, tensors, quantisation);
    for (let i = 0; i < config.num_hidden_layers; i += 1) {
      for (const group of LINEAR_GROUPS) {
        const layer = `model.layers.${i}`;
        const shapes = group.linears.map((linear) => linearShapes(config).get(linear) ?? ([0, 0] as const));
        const rows = groupRows(config, group);
        const columns = shapes[0]?.[1] ?? 0;
        const parts: Float32Array[] = [];
        for (const linear of group.linears) parts.push(await tensors.read(`${layer}.${linear}.weight`));
        const name = `${layer}.${group.name}`;
        matrices.push(setMatrix(constants, name, joined(parts), rows, columns, bitsOf(quantisation)).name);
        if (!group.linears.some((linear) => hasBias(config, linear))) continue;
        const biases: Float32Array[] = [];
        for (const [at, linear] of group.linears.entries())
          biases.push(
            hasBias(config, linear)
              ? await tensors.read(`${layer}.${linear}.bias`)
              : new Float32Array(shapes[at]?.[0] ?? 0),
          );
        constants.set(`${name}.bias`, "float32", [rows], joined(biases));
      }
    }
    for (const [name, shape] of parameterShapes(config))
      if (shape.length === 1 && !name.endsWith(".bias"))
        constants.set(name, "float32", shape, await tensors.read(name));
    const { hidden_size: D, embedding_scale = 1 } = config;
    const factor = Math.fround(embedding_scale);
    return {
      constants,
      matrices,
      embed: (id, into, offset) => {
        if (table instanceof Float32Array) into.set(table.subarray(id * D, (id + 1) * D), offset);
        else dequantiseRow(table, id, into, offset);
        if (factor !== 1) for (let i = offset; i < offset + D; i += 1) into[i] = (into[i] as number) * factor;
      },
    };
  } catch (failure) {
    constants.dispose();
    throw failure;
  }
};

/** Sets the head, and returns the embedding table: the same matrix in a tied model. */
const loadTables = async (
  constants: Constants,
  matrices: string[],
  config: ModelConfig,
  tensors: Pick<TensorSource, "read">,
  quantisation: Quantisation,
): Promise<QuantisedMatrix | Float32Array> => {
  const { vocab_size: V, hidden_size: D } = config;
  const bits = headBitsOf(quantisation);
  const head = await tensors.read(headOf(config));
  const { name, matrix } = setMatrix(constants, "head", head, V, D, bits);
  matrices.push(name);
  if (headOf(config) === "model.embed_tokens.weight") return matrix ?? head;
  const table = await tensors.read("model.embed_tokens.weight");
  return bits === undefined ? table : quantise(table, V, D, 8);
};

const setMatrix = (
  constants: Constants,
  name: string,
  values: Float32Array,
  rows: number,
  columns: number,
  bits: Bits | undefined,
): { readonly name: string; readonly matrix?: QuantisedMatrix } => {
  if (bits === undefined) {
    constants.set(`${name}.weight`, "float32", [rows, columns], values);
    return { name: `${name}.weight` };
  }
  const matrix = quantise(values, rows, columns, bits);
  const blocks = Math.ceil(columns / BLOCK);
  constants.set(`${name}.codes`, "uint8", [rows, blocks, (BLOCK * bits) / 8], matrix.codes);
  constants.set(`${name}.scales`, "float32", [rows * blocks], matrix.scales);
  return { name: `${name}.codes`, matrix };
};

const joined = (parts: readonly Float32Array[]): Float32Array => {
  const [only] = parts;
  if (only && parts.length === 1) return only;
  const out = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
};
