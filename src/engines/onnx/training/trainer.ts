import type { ForwardResult, ImportanceWeights, TrainingSequence } from "../../../engine.ts";
import { type GrowingBlocks, growingBlocks } from "../carriers/growing-blocks.ts";
import { floatsOf, type Runtime, type Session } from "../carriers/runtime.ts";
import { trainingGraph } from "../graph/graphs.ts";
import { angleTensors, layerKinds } from "../graph/training-tables.ts";
import { invariantThreads } from "../invariant-threads.ts";
import type { ModelConfig } from "../model-config.ts";
import { allocateWeights, bindings, type Weights } from "../weights.ts";
import type { TargetWeights } from "./target-weights.ts";
import { checkCoefficients, checkFinite, checkSequences } from "./training-checks.ts";
import { dealt, fillHead, fillTokens, type TreeBatch, treeBatches } from "./tree-batch.ts";

/** Runs the training graph over batches of sequences, with their common prefixes computed once, in lanes side by side. */
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

/**
 * Each computes its share of the batches on its share of the threads: small products gain little from a second thread. There
 * are as many whatever the machine has, so that the bits are the same.
 */
const LANES = 2;

/** What one lane computes with: no two run the same session, or into the same memory. */
interface Lane {
  readonly session: (gradients: boolean) => Session;
  readonly block: GrowingBlocks;
  /** Of its own: zeros between calls. */
  readonly gradient: () => Weights;
  readonly dispose: () => void;
}

const createLane = (runtime: Runtime, config: ModelConfig): Lane => {
  const threads = invariantThreads(config, Math.ceil(runtime.description.threads / LANES));
  const sessions = new Map<boolean, Session>();
  let gradient: Weights | undefined;
  return {
    session: (gradients) => {
      const known = sessions.get(gradients);
      if (known) return known;
      const model = trainingGraph(config, { gradients });
      const session = runtime.session(model.bytes, { ...model, threads });
      sessions.set(gradients, session);
      return session;
    },
    block: growingBlocks(runtime),
    gradient: () => {
      gradient ??= allocateWeights(runtime, config);
      return gradient;
    },
    dispose: () => {
      for (const session of sessions.values()) session.dispose();
      sessions.clear();
    },
  };
};

const add = (into: Float32Array, own: Float32Array): void => {
  for (let i = 0; i < own.length; i += 1) into[i] = (into[i] as number) + (own[i] as number);
};

export const createTrainer = (runtime: Runtime, config: ModelConfig): Trainer => {
  const lanes = Array.from({ length: LANES }, () => createLane(runtime, config));
  const kinds = layerKinds(config);
  const angles = Object.fromEntries(
    [...kinds].flatMap(([type, prefix]) =>
      Object.entries(angleTensors(runtime, config, type, config.max_position_embeddings)).map(
        ([name, tensor]) => [prefix + name, tensor] as const,
      ),
    ),
  );

  const run = async (
    weights: Weights,
    sequences: readonly TrainingSequence[],
    training?: TargetWeights & { readonly gradient: Weights },
  ): Promise<ForwardResult> => {
    checkSequences(config, config.max_position_embeddings, sequences);
    const logProbs = sequences.map(({ targets }) => new Float32Array(targets.length));
    const entropies = sequences.map(({ targets }) => new Float32Array(targets.length));
    const fixed = { ...angles, ...bindings(weights) };
    /** Adds to `gradient`. */
    const runShare = async (lane: Lane, share: readonly TreeBatch[], gradient: Weights | undefined): Promise<void> => {
      if (share.length === 0) return;
      const { block } = lane;
      const session = lane.session(training !== undefined);
      const gradients = gradient ? bindings(gradient, "gradient.") : {};
      const into = gradient ? bindings(gradient, "into.") : {};
      for (const batch of share) {
        const head = fillHead(block, batch, training);
        const outLogProbs = block("logProbs", "float32", [head.count]);
        const outEntropies = block("entropies", "float32", [head.count]);
        await session.run(
          { ...fixed, ...into, ...fillTokens(block, batch, kinds, config.sliding_window), ...head.inputs },
          { logProbs: outLogProbs, entropies: outEntropies, ...gradients },
        );
        const [logs, entropy] = [floatsOf(outLogProbs), floatsOf(outEntropies)];
        for (const [m, { uses }] of head.targets.entries())
          for (const { sequence, index } of uses) {
            (logProbs[sequence] as Float32Array)[index] = logs[m] as number;
            (entropies[sequence] as Float32Array)[index] = entropy[m] as number;
          }
      }
    };
    // As many angles as a tree has tokens, however small their positions are.
    const shares = dealt(treeBatches(sequences, config.max_position_embeddings), LANES);
    // The first lane adds to what the caller has.
    const others = training ? lanes.slice(1).map((lane) => lane.gradient()) : [];
    const gradients = [training?.gradient, ...others];
    const runs = lanes.map((lane, i) => () => runShare(lane, shares[i] ?? [], gradients[i]));
    // No lane is under way any more when another one's failure is thrown.
    const ends: PromiseSettledResult<void>[] = [];
    for (const together of runtime.description.threads < LANES ? runs.map((one) => [one]) : [runs])
      ends.push(...(await Promise.allSettled(together.map((one) => one()))));
    const failed = ends.find((end) => end.status === "rejected");
    for (const own of others) {
      if (training && failed === undefined) add(training.gradient.floats, own.floats);
      own.floats.fill(0);
    }
    if (failed) throw failed.reason;
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
      for (const lane of lanes) lane.dispose();
    },
  };
};
