import type { ForwardResult, TrainingSequence } from "../../../engine.ts";
import { EngineError } from "../../../errors.ts";
import { growingBlocks } from "../carriers/growing-blocks.ts";
import { floatsOf, type Memory, type Runtime, type Session, type Tensor } from "../carriers/runtime.ts";
import { headGraph, headNames, layerGraph, layerLoraShapes, savedWidths } from "../graph/layer-graphs.ts";
import type { OnnxModel } from "../graph/onnx-builder.ts";
import { angleTensors, layerKinds } from "../graph/training-tables.ts";
import type { LoraConfig } from "../lora.ts";
import { layerShapes, layerTypeOf, type ModelConfig } from "../model-config.ts";
import { allocateTensors, type Weights } from "../weights.ts";
import { fillPackInputs, packSizes, paddedTokens } from "./pack-inputs.ts";
import { PACK_TOKENS, type Pack, packSequences } from "./packing.ts";
import { coefficientOf, importanceOf, type TargetWeights, targetsOf } from "./target-weights.ts";
import type { Trainer } from "./trainer.ts";
import { checkCoefficients, checkFinite, checkSequences } from "./training-checks.ts";

export interface LayerTrainerOptions {
  /** Longest sequence. */
  readonly contextLength: number;
  /** Train an adapter of a frozen base, whose tensors are float32 under their names of Hugging Face. @default all weights */
  readonly adapter?: { readonly base: ReadonlyMap<string, Tensor>; readonly lora: LoraConfig };
  /**
   * Room for products of the forward pass that wait for the backward pass. Layers whose products find none are computed
   * a second time, half as much work again; 0 keeps none. @default 304 MiB: all of SmolLM2-135M at 512 tokens
   */
  readonly savedBytes?: number;
  /** Tokens of one run. @default 1024 */
  readonly packTokens?: number;
}

/**
 * Trains a model layer by layer, with common prefixes of the sequences computed once. `weights` and `gradient` are an
 * adapter's (`loraShapes`), or, without `adapter`, the model's own (`parameterShapes`).
 */
export interface LayerTrainer extends Trainer {
  /** Without weights: the base alone, as if the adapter had never been trained. */
  forward(weights: Weights | undefined, sequences: readonly TrainingSequence[]): Promise<ForwardResult>;
}

/** Rows that go through the head at once: their distributions over the vocabulary are large. */
export const HEAD_ROWS = 128;

/** Room for products that wait for the backward pass. */
export const SAVED_BYTES = 304 * 2 ** 20;

type Bindings = Readonly<Record<string, Tensor>>;

export const createLayerTrainer = (
  runtime: Runtime,
  config: ModelConfig,
  { contextLength, adapter, savedBytes = SAVED_BYTES, packTokens = PACK_TOKENS }: LayerTrainerOptions,
): LayerTrainer => {
  const { hidden_size: d, num_hidden_layers: layers } = config;
  const lora = adapter?.lora;
  const sessions = new Map<string, Session>();
  const sessionOf = (name: string, graph: () => OnnxModel): Session => {
    const known = sessions.get(name);
    if (known) return known;
    const model = graph();
    const session = runtime.session(model.bytes, model);
    sessions.set(name, session);
    return session;
  };
  const layerSession = (part: "forward" | "backward"): Session =>
    sessionOf(part, () => layerGraph(config, { part, lora }));
  const headSession = (gradients: boolean): Session =>
    sessionOf(gradients ? "head" : "score", () => headGraph(config, { gradients, trained: lora ? "nothing" : "all" }));

  const block = growingBlocks(runtime);
  const kinds = layerKinds(config);
  const mostTokens = paddedTokens(Math.max(packTokens, contextLength));
  // RotaryEmbedding wants as many angles as there are tokens, however small their positions are.
  const angles = new Map([...kinds.keys()].map((type) => [type, angleTensors(runtime, config, type, mostTokens)]));
  const widths = savedWidths(config);
  const widthSum = [...widths.values()].reduce((a, b) => a + b, 0);
  /** Room for what is saved, taken once: pages that no pack is large enough to need are never touched. */
  const needed = layers * mostTokens * widthSum;
  let room: Memory | undefined;
  const savedRoom = (): Memory => (room ??= runtime.allocate("float32", Math.min(Math.floor(savedBytes / 4), needed)));
  const trainedOfLayer = [...(lora ? layerLoraShapes(config, lora) : layerShapes(config)).keys()];
  const namesOfLayer = [...new Set([...layerShapes(config).keys(), ...trainedOfLayer])];
  /** Stands for an adapter that does nothing: B is 0. The layers share it. */
  const nothing = lora && allocateTensors(runtime, layerLoraShapes(config, lora)).tensors;

  /** Finds a tensor of the model, in what is trained or in the base. */
  const finder =
    (weights: Weights | undefined) =>
    (name: string): Tensor => {
      const tensor =
        weights?.tensors.get(name) ??
        adapter?.base.get(name) ??
        (weights ? undefined : nothing?.get(name.replace(/^model\.layers\.\d+\./, "")));
      if (!tensor)
        throw new EngineError(`The trainer needs the tensor ${name}, which neither the weights nor the base have.`);
      return tensor;
    };
  const bindLayer = (find: (name: string) => Tensor, names: readonly string[], layer: number, prefix = ""): Bindings =>
    Object.fromEntries(names.map((name) => [`${prefix}layer.${name}`, find(`model.layers.${layer}.${name}`)]));

  /** Embeddings of a pack's tokens into `x`; padding has those of token 0. */
  const embed = (find: (name: string) => Tensor, { ids }: Pack, x: Float32Array): void => {
    const table = floatsOf(find("model.embed_tokens.weight"));
    const scale = config.embedding_scale ?? 1;
    for (let row = 0; row * d < x.length; row += 1) {
      const id = ids[row] ?? 0;
      x.set(table.subarray(id * d, (id + 1) * d), row * d);
    }
    if (scale !== 1) for (let i = 0; i < x.length; i += 1) x[i] = Math.fround(scale) * (x[i] as number);
  };

  const addEmbeddingGradient = (gradient: Weights, { ids }: Pack, dx: Float32Array): void => {
    const tensor = gradient.tensors.get("model.embed_tokens.weight");
    if (!tensor) return;
    const table = floatsOf(tensor);
    const scale = config.embedding_scale ?? 1;
    ids.forEach((id, row) => {
      for (let i = 0; i < d; i += 1)
        table[id * d + i] = (table[id * d + i] as number) + scale * (dx[row * d + i] as number);
    });
  };

  interface Results {
    readonly logProbs: readonly Float32Array[];
    readonly entropies: readonly Float32Array[];
  }
  interface Training extends TargetWeights {
    readonly gradient: Weights;
  }

  /** The head on all targets of a pack: results, and with `training` the gradient of the last hidden states into `dx`. */
  const runHead = async (
    find: (name: string) => Tensor,
    pack: Pack,
    hidden: Float32Array,
    results: Results,
    training?: Training & { readonly dx: Float32Array },
  ): Promise<void> => {
    const fixed = Object.fromEntries(headNames(config).map((name) => [name, find(name)]));
    const trained = training && !lora ? headNames(config) : [];
    const gradients = trained.map((name) => [name, training?.gradient.tensors.get(name) as Tensor] as const);
    const into = Object.fromEntries(gradients.map(([name, tensor]) => [`into.${name}`, tensor]));
    const outputs = Object.fromEntries(gradients.map(([name, tensor]) => [`gradient.${name}`, tensor]));
    const session = headSession(training !== undefined);
    const targets = targetsOf(pack.targets, training);
    const chunk = Math.ceil(targets.length / Math.ceil(targets.length / HEAD_ROWS));
    for (let from = 0; from < targets.length; from += chunk) {
      const own = targets.slice(from, from + chunk);
      // A matrix of one row takes another kernel with other last bits: there is never one. Its filler counts nothing.
      const M = Math.max(2, own.length);
      const x = block("head.x", "float32", [M, d]);
      const ids = block("head.targets", "int64", [M]);
      const coefficients = block("head.coefficients", "float32", [M]);
      const behaviour = block("head.behaviour", "float32", [M]);
      const cap = block("head.cap", "float32", [M]);
      const [xData, idData, coefficientData] = [floatsOf(x), ids.memory.data, floatsOf(coefficients)];
      const [behaviourData, capData] = [floatsOf(behaviour), floatsOf(cap)];
      for (let m = 0; m < M; m += 1) {
        const target = own[m] ?? (own[0] as (typeof own)[number]);
        xData.set(hidden.subarray(target.row * d, (target.row + 1) * d), m * d);
        idData[m] = BigInt(target.id);
        coefficientData[m] = m < own.length ? coefficientOf(target, training) : 0;
        const drawn = importanceOf(own[m], training);
        [behaviourData[m], capData[m]] = [drawn.behaviour, drawn.cap];
      }
      const logProbs = block("head.logProbs", "float32", [M]);
      const entropies = block("head.entropies", "float32", [M]);
      const gradient = block("head.gradient", "float32", [M, d]);
      await session.run(
        { ...fixed, ...into, x, targets: ids, ...(training && { coefficients, behaviour, cap }) },
        { logProbs, entropies, "gradient.x": gradient, ...outputs },
      );
      const [logs, entropy, rows] = [floatsOf(logProbs), floatsOf(entropies), floatsOf(gradient)];
      own.forEach(({ row, uses }, m) => {
        for (const { sequence, index } of uses) {
          (results.logProbs[sequence] as Float32Array)[index] = logs[m] as number;
          (results.entropies[sequence] as Float32Array)[index] = entropy[m] as number;
        }
        if (training)
          for (let i = 0; i < d; i += 1)
            training.dx[row * d + i] = (training.dx[row * d + i] as number) + (rows[m * d + i] as number);
      });
    }
  };

  const runPack = async (
    weights: Weights | undefined,
    pack: Pack,
    results: Results,
    training?: Training,
  ): Promise<void> => {
    const find = finder(weights);
    const { tokens } = packSizes(pack);
    const own = fillPackInputs(block, pack, kinds.keys(), config.sliding_window);
    const rows = (name: string): Tensor => block(name, "float32", [tokens, d]);
    const xOf = (layer: number): Tensor => rows(training ? `x.${layer}` : `x.${layer % 2}`);

    // The first layers have room of their own for their products; the others share one.
    const kept = training ? Math.floor(savedRoom().data.length / (tokens * widthSum)) : 0;
    let inScratch = -1;
    const savedOf = (layer: number): Bindings => {
      let offset = layer * tokens * widthSum;
      return Object.fromEntries(
        [...widths].map(([name, width]) => {
          const shape = [tokens, width];
          const own =
            layer < kept ? runtime.tensor(savedRoom(), shape, offset) : block(`shared.${name}`, "float32", shape);
          offset += tokens * width;
          return [`saved.${name}`, own];
        }),
      );
    };
    const inputsOf = (layer: number): Bindings => {
      const type = layerTypeOf(config, layer);
      return { ...own.get(type), ...angles.get(type), x: xOf(layer), ...bindLayer(find, namesOfLayer, layer) };
    };
    const forward = async (layer: number): Promise<void> => {
      await layerSession("forward").run(inputsOf(layer), { y: xOf(layer + 1), ...savedOf(layer) });
      if (layer >= kept) inScratch = layer;
    };

    embed(find, pack, floatsOf(xOf(0)));
    for (let layer = 0; layer < layers; layer += 1) await forward(layer);
    const hidden = floatsOf(xOf(layers));
    if (!training) return runHead(find, pack, hidden, results);

    const gradientOf = (layer: number): Tensor => rows(`gradient.${layer % 2}`);
    const dx = floatsOf(gradientOf(layers));
    dx.fill(0);
    await runHead(find, pack, hidden, results, { ...training, dx });
    const gradients = finder(training.gradient);
    for (let layer = layers - 1; layer >= 0; layer -= 1) {
      if (layer >= kept && inScratch !== layer) await forward(layer);
      await layerSession("backward").run(
        {
          ...inputsOf(layer),
          ...savedOf(layer),
          "gradient.y": gradientOf(layer + 1),
          ...bindLayer(gradients, trainedOfLayer, layer, "into."),
        },
        { "gradient.x": gradientOf(layer), ...bindLayer(gradients, trainedOfLayer, layer, "gradient.") },
      );
    }
    if (!lora) addEmbeddingGradient(training.gradient, pack, floatsOf(gradientOf(0)));
  };

  const run = async (
    weights: Weights | undefined,
    sequences: readonly TrainingSequence[],
    training?: Training,
  ): Promise<ForwardResult> => {
    checkSequences(config, contextLength, sequences);
    const results: Results = {
      logProbs: sequences.map(({ targets }) => new Float32Array(targets.length)),
      entropies: sequences.map(({ targets }) => new Float32Array(targets.length)),
    };
    for (const pack of packSequences(sequences, packTokens)) await runPack(weights, pack, results, training);
    checkFinite(results.logProbs);
    return results;
  };

  return {
    forward: (weights, sequences) => run(weights, sequences),
    backward: async (weights, gradient, sequences, coefficients, { importance } = {}) => {
      checkCoefficients(sequences, coefficients, importance);
      return run(weights, sequences, { gradient, coefficients, importance });
    },
    dispose: () => {
      for (const session of sessions.values()) session.dispose();
      sessions.clear();
    },
  };
};
