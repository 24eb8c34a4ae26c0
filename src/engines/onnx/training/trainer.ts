import type { ForwardResult, ImportanceWeights, TrainingSequence } from "../../../engine.ts";
import { growingBlocks } from "../carriers/growing-blocks.ts";
import { floatsOf, type Runtime, type Session, type Tensor } from "../carriers/runtime.ts";
import { trainingGraph } from "../graph/graphs.ts";
import { angleTensors, layerKinds } from "../graph/training-tables.ts";
import type { ModelConfig } from "../model-config.ts";
import { bindings, type Weights } from "../weights.ts";
import { importanceAt } from "./importance.ts";
import { checkCoefficients, checkFinite, checkSequences } from "./training-checks.ts";

/** Sequences that go through the graph together: indices into the caller's list, padded to `length`. */
interface MicroBatch {
  readonly members: readonly number[];
  readonly length: number;
}

/** Padded tokens of one run of the graph: activations stay near the caches (4096 is a third slower, and takes 3x the memory). */
const MICRO_BATCH_TOKENS = 1024;
const LENGTH_STEP = 8;

/** Longest first, cut where the padded size would pass the limit. Depends on lengths and order alone. */
export const microBatches = (sequences: readonly TrainingSequence[], limit = MICRO_BATCH_TOKENS): MicroBatch[] => {
  const order = sequences.map((_, i) => i).filter((i) => (sequences[i]?.targets.length ?? 0) > 0);
  const padded = (i: number): number => Math.ceil((sequences[i]?.ids.length ?? 0) / LENGTH_STEP) * LENGTH_STEP;
  order.sort((a, b) => padded(b) - padded(a) || a - b);
  const out: MicroBatch[] = [];
  for (let at = 0; at < order.length; ) {
    const length = padded(order[at] as number);
    const count = Math.max(1, Math.floor(limit / length));
    out.push({ members: order.slice(at, at + count), length });
    at += count;
  }
  return out;
};

/** Runs the training graph over batches of sequences. */
export interface Trainer {
  forward(weights: Weights, sequences: readonly TrainingSequence[]): Promise<ForwardResult>;
  /** Adds the gradient of −Σ c·w·logp to `gradient`; the importance weights w are 1 unless said otherwise. */
  backward(
    weights: Weights,
    gradient: Weights,
    sequences: readonly TrainingSequence[],
    coefficients: readonly Float32Array[],
    options?: { readonly importance?: ImportanceWeights | undefined },
  ): Promise<ForwardResult>;
  dispose(): void;
}

export const createTrainer = (runtime: Runtime, config: ModelConfig): Trainer => {
  const sessions = new Map<boolean, Session>();
  const sessionFor = (gradients: boolean): Session => {
    const known = sessions.get(gradients);
    if (known) return known;
    const model = trainingGraph(config, { gradients });
    const session = runtime.session(model.bytes, model);
    sessions.set(gradients, session);
    return session;
  };

  const kinds = layerKinds(config);
  const angles = Object.fromEntries(
    [...kinds].flatMap(([type, prefix]) =>
      Object.entries(angleTensors(runtime, config, type, config.max_position_embeddings)).map(
        ([name, tensor]) => [prefix + name, tensor] as const,
      ),
    ),
  );

  const block = growingBlocks(runtime);
  const masks = new Map<number, Readonly<Record<string, Tensor>>>();
  const masksFor = (length: number): Readonly<Record<string, Tensor>> => {
    const known = masks.get(length);
    if (known) return known;
    const made = Object.fromEntries(
      [...kinds].map(([type, prefix]) => {
        const window = type === "sliding_attention" ? (config.sliding_window ?? length) : length;
        const memory = runtime.allocate("float32", length * length);
        const values = memory.data as Float32Array;
        values.fill(-1e9);
        for (let row = 0; row < length; row += 1)
          values.fill(0, row * length + Math.max(0, row + 1 - window), row * length + row + 1);
        return [`${prefix}mask`, runtime.tensor(memory, [length, length])] as const;
      }),
    );
    masks.set(length, made);
    return made;
  };

  const run = async (
    weights: Weights,
    sequences: readonly TrainingSequence[],
    training?: {
      readonly gradient: Weights;
      readonly coefficients: readonly Float32Array[];
      readonly importance: ImportanceWeights | undefined;
    },
  ): Promise<ForwardResult> => {
    checkSequences(config, config.max_position_embeddings, sequences);
    const logProbs = sequences.map(({ targets }) => new Float32Array(targets.length));
    const entropies = sequences.map(({ targets }) => new Float32Array(targets.length));
    const session = sessionFor(training !== undefined);
    const fixed = {
      ...angles,
      ...bindings(weights),
      ...(training && bindings(training.gradient, "into.")),
    };
    const gradients = training ? bindings(training.gradient, "gradient.") : {};
    for (const { members, length } of microBatches(sequences)) {
      const B = members.length;
      const flat = members.flatMap((member, row) =>
        (sequences[member]?.targets ?? []).map((target, i) => ({ member, i, row, target })),
      );
      // A matrix of one row takes another kernel with other last bits: the loss head never has one.
      const M = Math.max(2, flat.length);
      const ids = block("ids", "int64", [B * length]);
      const positions = block("positions", "int64", [B, length]);
      const shape = block("shape", "int64", [2]);
      const rows = block("rows", "int64", [M]);
      const targets = block("targets", "int64", [M]);
      const coefficients = block("coefficients", "float32", [M]);
      const behaviour = block("behaviour", "float32", [M]);
      const cap = block("cap", "float32", [M]);
      (shape.memory.data as BigInt64Array).set([BigInt(B), BigInt(length)]);
      const idData = ids.memory.data as BigInt64Array;
      const positionData = positions.memory.data as BigInt64Array;
      members.forEach((member, row) => {
        const own = sequences[member]?.ids ?? [];
        for (let t = 0; t < length; t += 1) {
          idData[row * length + t] = BigInt(own[t] ?? 0);
          positionData[row * length + t] = BigInt(t);
        }
      });
      const rowData = rows.memory.data as BigInt64Array;
      const targetData = targets.memory.data as BigInt64Array;
      const [coefficientData, behaviourData, capData] = [floatsOf(coefficients), floatsOf(behaviour), floatsOf(cap)];
      for (let m = 0; m < M; m += 1) {
        const item = flat[m];
        // The filler row of a single target is another row than the target's (targets start at 1: the last row is free).
        rowData[m] = BigInt(item ? item.row * length + item.target - 1 : B * length - 1);
        targetData[m] = item ? BigInt(sequences[item.member]?.ids[item.target] ?? 0) : 0n;
        coefficientData[m] = item ? (training?.coefficients[item.member]?.[item.i] ?? 0) : 0;
        const drawn = importanceAt(training?.importance, item?.member ?? -1, item?.i ?? -1);
        [behaviourData[m], capData[m]] = [drawn.behaviour, drawn.cap];
      }
      const outLogProbs = block("logProbs", "float32", [M]);
      const outEntropies = block("entropies", "float32", [M]);
      await session.run(
        {
          ...fixed,
          ids,
          positions,
          shape,
          ...masksFor(length),
          rows,
          targets,
          ...(training && { coefficients, behaviour, cap }),
        },
        { logProbs: outLogProbs, entropies: outEntropies, ...gradients },
      );
      const logs = floatsOf(outLogProbs);
      const entropy = floatsOf(outEntropies);
      flat.forEach(({ member, i }, m) => {
        (logProbs[member] as Float32Array)[i] = logs[m] as number;
        (entropies[member] as Float32Array)[i] = entropy[m] as number;
      });
    }
    checkFinite(logProbs);
    return { logProbs, entropies };
  };

  return {
    forward: (weights, sequences) => run(weights, sequences),
    backward: (weights, gradient, sequences, coefficients, { importance } = {}) => {
      checkCoefficients(sequences, coefficients, importance);
      return run(weights, sequences, { gradient, coefficients, importance });
    },
    dispose: () => {
      for (const session of sessions.values()) session.dispose();
      sessions.clear();
    },
  };
};
