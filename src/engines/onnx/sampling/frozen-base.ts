import type { Constants, Runtime } from "../carriers/runtime.ts";
import type { TensorSource } from "../files/model-files.ts";
import { bitsOf, groupRows, headBitsOf, LINEAR_GROUPS, type Quantisation } from "../graph/sampling-graph.ts";
import { hasBias, headOf, linearShapes, type ModelConfig, parameterShapes } from "../model-config.ts";
import { BLOCK, dequantiseRow, matrixScratch, type QuantisedMatrix, quantise, quantiseRows } from "./quantise.ts";

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
  const matrixOf = matrixScratch();
  const floatsOf = floatScratch();
  const shapes = linearShapes(config);
  const bits = bitsOf(quantisation);
  try {
    const table = await loadTables(constants, matrices, config, tensors, quantisation);
    for (let i = 0; i < config.num_hidden_layers; i += 1) {
      for (const group of LINEAR_GROUPS) {
        const layer = `model.layers.${i}`;
        const name = `${layer}.${group.name}`;
        const rows = groupRows(config, group);
        const columns = shapes.get(group.linears[0] as string)?.[1] ?? 0;
        const joined = bits === undefined ? floatsOf(rows * columns) : matrixOf(rows, columns, bits);
        let row = 0;
        for (const linear of group.linears) {
          const values = await tensors.read(`${layer}.${linear}.weight`);
          if (joined instanceof Float32Array) joined.set(values, row * columns);
          else quantiseRows(joined, values, row);
          row += values.length / columns;
        }
        matrices.push(setMatrix(constants, name, joined, rows, columns));
        if (!group.linears.some((linear) => hasBias(config, linear))) continue;
        const biases = new Float32Array(rows);
        row = 0;
        for (const linear of group.linears) {
          if (hasBias(config, linear)) biases.set(await tensors.read(`${layer}.${linear}.bias`), row);
          row += shapes.get(linear)?.[0] ?? 0;
        }
        constants.set(`${name}.bias`, "float32", [rows], biases);
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
  const values = await tensors.read(headOf(config));
  const matrix = bits === undefined ? values : quantise(values, V, D, bits);
  matrices.push(setMatrix(constants, "head", matrix, V, D));
  if (headOf(config) === "model.embed_tokens.weight") return matrix;
  const table = await tensors.read("model.embed_tokens.weight");
  return bits === undefined ? table : quantise(table, V, D, 8);
};

/** Floats whose memory is good until the next are made. */
const floatScratch = (): ((length: number) => Float32Array) => {
  let floats = new Float32Array(0);
  return (length) => {
    if (floats.length < length) floats = new Float32Array(length);
    return floats.subarray(0, length);
  };
};

/** Sets a matrix, and returns the name of the constant that a runtime may lay out anew. */
const setMatrix = (
  constants: Constants,
  name: string,
  matrix: QuantisedMatrix | Float32Array,
  rows: number,
  columns: number,
): string => {
  if (matrix instanceof Float32Array) {
    constants.set(`${name}.weight`, "float32", [rows, columns], matrix);
    return `${name}.weight`;
  }
  const blocks = Math.ceil(columns / BLOCK);
  constants.set(`${name}.codes`, "uint8", [rows, blocks, (BLOCK * matrix.bits) / 8], matrix.codes);
  constants.set(`${name}.scales`, "float32", [rows * blocks], matrix.scales);
  return `${name}.codes`;
};
