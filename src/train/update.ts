import type { Policy } from "../engine.ts";
import type { BatchSequence } from "./batch.ts";
import type { GrpoSettings } from "./grpo-options.ts";
import { coefficients, type LossOutput } from "./loss.ts";
import { withObservations } from "./observation-loss.ts";
import { partOf, type Replay } from "./replay.ts";
import { requireFinite } from "./step-metrics.ts";
import { countFirstBackward, countLosses, type Tally } from "./tally.ts";

/** What all updates of one policy on one batch have in common. */
export interface Update
  extends Pick<
    GrpoSettings,
    "beta" | "clip" | "clipLow" | "clipHigh" | "importanceCap" | "updatesPerBatch" | "optimiser" | "observationWeight"
  > {
  readonly policy: Policy;
  readonly sequences: readonly BatchSequence[];
  /** One a target, by sequence. */
  readonly advantages: readonly Float64Array[];
  readonly replay: Replay;
  /** log π_old, one array a sequence; after the first update the trainer's own, from its backward. */
  readonly old: ArrayLike<number>[];
  /** log π_ref, one array a sequence; empty without a KL term. */
  readonly reference: readonly ArrayLike<number>[];
  /** Whether the engine weighs tokens by π_old/π_behaviour in the first backward. */
  readonly weighs: boolean;
  /** The training step, which counts from 0. */
  readonly index: number;
  readonly learningRate: number;
  readonly tally: Tally;
}

/** The loss of update `u`, one a sequence. Throws `EngineError` for a coefficient that is not finite. */
export const lossesOf = async (update: Update, u: number): Promise<readonly LossOutput[]> => {
  const { policy, sequences, advantages, old, reference, beta, clip, clipLow, clipHigh, importanceCap } = update;
  // In the first update old is what is updated, and the backward's own forward is the only one.
  const logProbs = u === 0 ? old : (await policy.forward(sequences)).logProbs;
  const losses = sequences.map(({ behaviour, weights }, i) =>
    coefficients({
      logProbs: logProbs[i] ?? [],
      old: old[i] ?? [],
      reference: reference[i],
      behaviour,
      advantage: advantages[i] ?? 0,
      weight: weights,
      clip,
      clipLow,
      clipHigh,
      beta,
      importanceCap,
    }),
  );
  countLosses(update.tally, losses, u, beta);
  for (const { c } of losses) requireFinite(update.index, c, "coefficient");
  return losses;
};

/** Backward and optimiser of update `u`. Returns false, and changes nothing, where no coefficient is left. */
export const stepOn = async (update: Update, losses: readonly LossOutput[], u: number): Promise<boolean> => {
  const { policy, sequences, old, weighs, importanceCap, observationWeight, updatesPerBatch } = update;
  const replay = partOf(update.replay, u, updatesPerBatch);
  const { optimiser, learningRate, tally } = update;
  const used = sequences.flatMap((sequence, i) => {
    const c = losses[i]?.c;
    return c !== undefined && (observationWeight > 0 || c.some((value) => value !== 0)) ? [{ sequence, c, i }] : [];
  });
  if (used.length + replay.sequences.length === 0) return false;
  const behaviour = used.map(({ sequence }) => sequence.behaviour);
  const trained = withObservations(
    used.map(({ sequence }) => sequence),
    used.map(({ c }) => c),
    observationWeight,
  );
  const result = await policy.backward(
    [...trained.sequences, ...replay.sequences],
    [...trained.coefficients, ...replay.coefficients],
    { importance: weighs && u === 0 ? { behaviour, cap: importanceCap } : undefined },
  );
  const { gradientNorm } = await policy.optimStep({ ...optimiser, learningRate });
  tally.trainedTokens += used.reduce((sum, { sequence }) => sum + sequence.ids.length, 0);
  tally.squaredNorm += gradientNorm ** 2 / updatesPerBatch;
  if (u > 0) return true;
  countFirstBackward(tally, result, behaviour);
  // From now on old is the trainer's own number, to which the sampler's was equal but for rounding.
  for (const [place, { i, c }] of used.entries())
    old[i] = (result.logProbs[place] ?? new Float32Array()).subarray(0, c.length);
  return true;
};
