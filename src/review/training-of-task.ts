import { type AdvantageKind, advantages } from "../train/index.ts";
import type { StoredRow } from "./stored-rows.ts";

/** One rollout of a task in a step of training. */
export interface TrainedRollout {
  /** Its line in the run's `trajectories.jsonl`. */
  readonly line: number;
  /** Null where the rollout was not a sample. */
  readonly reward: number | null;
  /** What each of its turns was weighed with; null where it was not a sample. */
  readonly advantage: number | null;
  /** Turns that were taken for it: nobody learnt from them. */
  readonly begun: number;
  /** What the planner said, turn by turn. */
  readonly actions: readonly string[];
  readonly answer: string | null;
  /** The first turn, from 1, in which it went another way than the best rollout; null for that one and its like. */
  readonly partedAt: number | null;
}

/** The rollouts of a task that were compared with each other. */
export interface TrainedGroup {
  /** Counts from 1. */
  readonly step: number;
  /** The guard undid the step: the planner learnt nothing from it. */
  readonly undone: boolean;
  readonly rollouts: readonly TrainedRollout[];
}

/** What decides how rollouts are compared, of a run's `config.json`. */
export interface ComparedBy {
  readonly groupSize: number;
  readonly advantage: AdvantageKind;
}

/** The groups of one step, from its rows in their order: rows of a group stand together. */
export const groupsIn = <Row extends Pick<StoredRow, "reward">>(
  rows: readonly Row[],
  { groupSize, advantage }: ComparedBy,
): { readonly rows: readonly Row[]; readonly advantages: readonly (number | undefined)[] }[] =>
  Array.from({ length: Math.ceil(rows.length / groupSize) }, (_, g) => {
    const group = rows.slice(g * groupSize, (g + 1) * groupSize);
    return {
      rows: group,
      advantages: advantages(
        group.map(({ reward }) => reward),
        advantage,
      ),
    };
  });

/** The first turn, from 1, in which two plans differ; undefined where they are the same. */
export const partingOf = (one: readonly string[], other: readonly string[]): number | undefined => {
  const turns = Math.max(one.length, other.length);
  for (let i = 0; i < turns; i += 1) if (one[i] !== other[i]) return i + 1;
  return undefined;
};

/** A group of a step, with each rollout's advantage and where it parted from the best one. */
export const trainedGroup = (
  step: number,
  rows: readonly StoredRow[],
  by: ComparedBy,
  undone: boolean,
): TrainedGroup[] =>
  groupsIn(rows, by).map(({ rows: group, advantages: weighed }) => {
    const best = group.reduce<StoredRow | undefined>(
      (most, row) => ((row.reward ?? -1) > (most?.reward ?? -1) ? row : most),
      undefined,
    );
    return {
      step,
      undone,
      rollouts: group.map(({ line, reward, begun, actions, answer }, i) => ({
        line,
        reward: reward ?? null,
        advantage: weighed[i] ?? null,
        begun,
        actions: actions.map((action) => action.trim()),
        answer: answer ?? null,
        partedAt: partingOf(best?.actions ?? [], actions) ?? null,
      })),
    };
  });

/** What training made of a choice: rollouts that made it after the same turns, and their mean advantage. */
export interface ChoiceTraining {
  readonly rollouts: number;
  readonly advantage: number;
}

/** How often training met a choice after these turns, and how it was weighed; undefined where it never did. */
export const trainingOf = (
  groups: readonly TrainedGroup[],
  earlier: readonly string[],
  choice: string,
): ChoiceTraining | undefined => {
  const met = groups
    .filter(({ undone }) => !undone)
    .flatMap(({ rollouts }) => rollouts)
    .flatMap(({ actions, advantage, begun }) =>
      advantage !== null &&
      begun <= earlier.length &&
      actions[earlier.length] === choice &&
      earlier.every((action, i) => action === actions[i])
        ? [advantage]
        : [],
    );
  if (met.length === 0) return undefined;
  return { rollouts: met.length, advantage: met.reduce((sum, one) => sum + one, 0) / met.length };
};
