import type { ForwardResult, ImportanceWeights, TrainingSequence } from "../../../engine.ts";
import { growingBlocks } from "../carriers/growing-blocks.ts";
import { floatsOf, type Runtime, type Session } from "../carriers/runtime.ts";
import { trainingGraph } from "../graph/graphs.ts";
import { angleTensors, layerKinds } from "../graph/training-tables.ts";
import type { ModelConfig } from "../model-config.ts";
import { bindings, type Weights } from "../weights.ts";
import type { TargetWeights } from "./target-weights.ts";
import { checkCoefficients, checkFinite, checkSequences } from "./training-checks.ts";
import { fillHead, fillTokens, treeBatches } from "./tree-batch.ts";

/** Runs the training graph over batches of sequences, with their common prefixes computed once. */
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
  const run = async (
    weights: Weights,
    sequences: readonly TrainingSequence[],
    training?: TargetWeights & { readonly gradient: Weights },
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
    // As many angles as a tree has tokens, however small their positions are.
    for (const batch of treeBatches(sequences, config.max_position_embeddings)) {
      const head = fillHead(block, batch, training);
      const outLogProbs = block("logProbs", "float32", [head.count]);
      const outEntropies = block("entropies", "float32", [head.count]);
      await session.run(
        { ...fixed, ...fillTokens(block, batch, kinds, config.sliding_window), ...head.inputs },
        { logProbs: outLogProbs, entropies: outEntropies, ...gradients },
      );
      const [logs, entropy] = [floatsOf(outLogProbs), floatsOf(outEntropies)];
      for (const [m, { uses }] of head.targets.entries())
        for (const { sequence, index } of uses) {
          (logProbs[sequence] as Float32Array)[index] = logs[m] as number;
          (entropies[sequence] as Float32Array)[index] = entropy[m] as number;
        }
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
