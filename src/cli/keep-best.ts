import type { Policy } from "../engine.ts";

/** Remembers the version that did best on validation, and goes back to it when training has clearly lost since. */
export interface KeepBest {
  /** What the newest version scored after a step. */
  offer(step: number, accuracy: number): void;
  /** Whether anything was offered. */
  readonly offered: boolean;
  /** Validations since the best one. */
  readonly since: number;
  /**
   * Goes back to the best version if the last one scored lower by more than two standard errors. Returns the step that is
   * gone back to, and lets all versions go.
   */
  settle(): Promise<number | undefined>;
}

export const keepBest = (policies: readonly Policy[], tasks: number): KeepBest => {
  let best: { step: number; accuracy: number; versions: readonly string[]; letGo: () => void } | undefined;
  let last: { step: number; accuracy: number } | undefined;
  let since = 0;
  return {
    get offered() {
      return best !== undefined;
    },
    get since() {
      return since;
    },
    offer: (step, accuracy) => {
      last = { step, accuracy };
      since += 1;
      if (best !== undefined && accuracy < best.accuracy) return;
      since = 0;
      best?.letGo();
      const release = policies.map((policy) => policy.hold(policy.version));
      best = {
        step,
        accuracy,
        versions: policies.map(({ version }) => version),
        letGo: () => {
          for (const letGo of release) letGo();
        },
      };
    },
    settle: async () => {
      if (best === undefined || last === undefined) return undefined;
      const { step, accuracy, versions, letGo } = best;
      try {
        const error = Math.sqrt((accuracy * (1 - accuracy) + last.accuracy * (1 - last.accuracy)) / tasks);
        if (accuracy - last.accuracy <= 2 * error) return undefined;
        for (const [i, policy] of policies.entries()) await policy.restore(versions[i] ?? "");
        return step;
      } finally {
        letGo();
      }
    },
  };
};
