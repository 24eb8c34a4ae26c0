import type { TrainingSequence } from "../engine.ts";
import type { EnvironmentSealed } from "../environment.ts";
import { random, randomKey } from "../random.ts";
import { batchOf, type Group, hasSpread, mean } from "../train/index.ts";
import type { Recipe } from "./recipe.ts";

/** A rollout that solved its task where most others did not, as it was sampled. */
interface Success extends TrainingSequence {
  readonly family: string;
}

/** All that the next draws depend on, as JSON. */
export interface SuccessesState {
  readonly kept: readonly Success[];
  /** Running solve rate of each family. */
  readonly rates: Readonly<Record<string, number>>;
}

/** Successes that are rare: what a single step of reward teaches of them the next steps would unteach. */
export interface Successes {
  /** Takes in a step's groups, and draws among what is kept of families that are still hard. */
  draw(step: number, groups: readonly Group<EnvironmentSealed>[]): readonly TrainingSequence[];
  /** A weight for as many sequences as a step takes, less for fewer: one success alone is not to be learnt by heart. */
  weight(full: (step: number) => number): (step: number, sequences: number) => number;
  state(): SuccessesState;
}

/** Successes that are kept, the newest ones. */
const MOST = 400;
/** A family that is solved more often is hard no longer, and so is a group of which more is solved. */
const HARD = 0.5;

export interface SuccessesOptions {
  readonly recipe: Pick<Recipe, "successes" | "families">;
  /** Policy whose turns are kept. */
  readonly policy: string;
  readonly seed: number;
  readonly from?: SuccessesState | undefined;
}

/** Keeps rollouts that solved what others of their group did not, to imitate them while their family is hard. */
export const openSuccesses = ({ recipe, policy, seed, from }: SuccessesOptions): Successes => {
  const { start, smoothing } = recipe.families;
  let kept: readonly Success[] = from?.kept ?? [];
  const rates = new Map(Object.entries(from?.rates ?? {}));
  const record = ({ task, rollouts_G }: Group<EnvironmentSealed>): void => {
    const { family } = task.sealed;
    const rewards = rollouts_G.flatMap(({ reward }) => reward ?? []);
    if (rewards.length === 0) return;
    const share = rewards.filter((reward) => reward === 1).length / rewards.length;
    const rate = rates.get(family) ?? start;
    rates.set(family, rate + smoothing * (share - rate));
    if (!hasSpread(rewards) || share > HARD || mean(rewards) === 0) return;
    const solved = rollouts_G.flatMap(({ trajectory, reward }) => (reward === 1 ? trajectory : []));
    const versions = new Set(solved.flatMap(({ turns }) => turns.map(({ version }) => version)));
    const sequences = batchOf(solved, { policy, versions, trained: "", aggregation: "turn-mean" });
    kept = [...kept, ...sequences.map(({ ids, targets }) => ({ family, ids, targets }))].slice(-MOST);
  };
  return {
    draw: (step, groups) => {
      if (recipe.successes.sequences === 0) return [];
      for (const group of groups) record(group);
      const hard = kept.filter(({ family }) => (rates.get(family) ?? start) < HARD);
      return random(randomKey(seed, "successes", step))
        .shuffle(hard)
        .slice(0, recipe.successes.sequences);
    },
    weight: (full) => (step, sequences) => (full(step) * sequences) / Math.max(1, recipe.successes.sequences),
    state: () => ({ kept, rates: Object.fromEntries(rates) }),
  };
};
