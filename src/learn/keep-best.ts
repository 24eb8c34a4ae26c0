import type { Policy } from "../engine.ts";

/** The state that did best on validation. */
export interface Best {
  readonly step: number;
  readonly accuracy: number;
  /** Training state of each policy, in their order. */
  readonly states: readonly Uint8Array[];
}

/** What a run resumes with. */
export interface KeptBest {
  readonly best: Best | undefined;
  /** Validations since the best one. */
  readonly since: number;
  /** What the newest validated state scored. */
  readonly last: number | undefined;
}

/** Remembers the state that did best on validation, and goes back to it when training has clearly lost since. */
export interface KeepBest extends KeptBest {
  /** What the newest version scored after a step. */
  offer(step: number, accuracy: number): Promise<void>;
  /** Goes back to the best state if the last one scored lower by more than two standard errors. Returns its step. */
  settle(): Promise<number | undefined>;
}

export const keepBest = (policies: readonly Policy[], tasks: number, kept?: KeptBest): KeepBest => {
  let best = kept?.best;
  let since = kept?.since ?? 0;
  let last = kept?.last;
  return {
    get best() {
      return best;
    },
    get last() {
      return last;
    },
    get since() {
      return since;
    },
    offer: async (step, accuracy) => {
      last = accuracy;
      since += 1;
      if (best !== undefined && accuracy < best.accuracy) return;
      since = 0;
      best = { step, accuracy, states: await Promise.all(policies.map((policy) => policy.exportState())) };
    },
    settle: async () => {
      if (best === undefined || last === undefined) return undefined;
      const { step, accuracy, states } = best;
      const error = Math.sqrt((accuracy * (1 - accuracy) + last * (1 - last)) / tasks);
      if (accuracy - last <= 2 * error) return undefined;
      for (const [i, policy] of policies.entries()) {
        const state = states[i];
        if (state !== undefined) await policy.importState(state);
      }
      return step;
    },
  };
};
