import { EngineError } from "../../errors.ts";

/** Watches how far the sampler's log-probabilities are from the trainer's, for the same tokens. */
export interface Drift {
  /**
   * Takes one batch in. Throws `EngineError` when they are two different models: training on what the sampler drew would
   * teach the trainer nothing that it can see.
   */
  measure(sampled: readonly (ArrayLike<number> | undefined)[], trained: readonly Float32Array[]): void;
  /** Mean k3 estimate of KL(sampler‖trainer), in nats a token, of the first batch and of the last. */
  readonly first: number | undefined;
  readonly last: number | undefined;
}

/** `limit`: nats a token, on average over a batch. */
export const watchDrift = (limit: number): Drift => {
  let first: number | undefined;
  let last: number | undefined;
  return {
    get first() {
      return first;
    },
    get last() {
      return last;
    },
    measure: (sampled, trained) => {
      let [sum, count] = [0, 0];
      for (const [i, drawn] of sampled.entries())
        for (const [t, logProb] of (trained[i] ?? []).entries()) {
          const was = drawn?.[t];
          if (was === undefined) continue;
          sum += k3(logProb - was);
          count += 1;
        }
      if (count === 0) return;
      last = sum / count;
      const begun = first === undefined;
      first ??= last;
      if (last > limit)
        throw new EngineError(
          `The server's sampler and its trainer differ by ${last.toFixed(3)} nats a token${begun ? "" : `, where it was ${first.toFixed(3)} at first`}: accepted are ${limit}. ${begun ? "Do they serve the same weights, and log-probabilities of the untempered distribution? Run agentflow engine probe." : "Publish more often, use fresher rollouts, or lower the learning rate."}`,
        );
    },
  };
};

/** Of a token that the sampler drew: E[exp(d) − 1 − d] is KL(sampler‖trainer), d = log trainer − log sampler. */
const k3 = (d: number): number => Math.min(Math.exp(d) - 1 - d, 100);
