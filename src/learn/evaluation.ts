import type { Policy } from "../engine.ts";
import { type Environment, type EnvironmentTask, type SetName, setNames, type TaskSets } from "../environment.ts";
import type { Flow } from "../flow/flow.ts";
import { defined } from "../options.ts";
import {
  type Accuracy,
  accuracyOf,
  compare,
  type EvaluationReport,
  evaluate,
  type Interval,
  type Outcomes,
  type ToolOrder,
  toolUse,
} from "../train/index.ts";
import type { Trajectory } from "../trajectory.ts";
import { metFailure } from "./tool-failures.ts";

/** How a planner did on one set: solved tasks, turns, and (refused + failed) of all calls. */
export interface SetFigures extends Accuracy {
  readonly averageTurns: number;
  readonly toolErrorRate: number;
}

/** How a planner did: what `agentflow learn --json` says of it. Conduct outside the sets is over the tasks of all. */
export type PlannerFigures = Readonly<Record<SetName, SetFigures>> & {
  /** Over `heldOutPages`, `heldOutFamily` and `deep`. */
  readonly families: Readonly<Record<string, Accuracy & { readonly heldOut: boolean }>>;
  readonly averageTurns: number;
  readonly toolErrorRate: number;
  readonly toolShares: Readonly<Record<string, number>>;
  readonly toolOrders: readonly ToolOrder[];
  /** Tasks without a result, for a failure of infrastructure. They count as unsolved. */
  readonly noSample: number;
  /** Content hash of the planner's weights, or of the first module's that learns; absent for scripted planners. */
  readonly weights?: string;
  /** The same of every module that learns, where they are several. */
  readonly versions?: Readonly<Record<string, string>>;
};

/** How a planner did where calls fail: on all tasks, and on those that met a failure. */
export interface FailureFigures extends SetFigures {
  readonly met: Accuracy;
}

/** A planner's figures with what they were counted from. */
export interface Evaluated {
  readonly figures: PlannerFigures;
  readonly outcomes: Readonly<Record<SetName, Outcomes>>;
  readonly trajectories: ReadonlyMap<string, Trajectory>;
}

export interface EvaluateSetsOptions {
  readonly flow: Flow;
  readonly sets: TaskSets;
  readonly environment: Pick<Environment, "reward">;
  readonly seed: number;
  readonly concurrency: number;
  /** Those that are trained; a report names the versions that were sampled. */
  readonly policies?: readonly Policy[];
  readonly onProgress?: (done: number, total: number) => void;
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * Solves every task of all sets once. The same seed meets different planners with the same draws.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { almanac } from "agentflow/almanac";
 * import { evaluateSets } from "agentflow/learn";
 * import { openaiCompatible } from "agentflow/models";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const environment = await almanac().open({ seed: 7 });
 * const sets = environment.evaluation("test");
 * const flow = createFlow({ model, tools: {} });
 * const { figures } = await evaluateSets({ flow, sets, environment, seed: 7, concurrency: 8 });
 * console.log(figures.heldOutPages.accuracy);
 * ```
 */
export const evaluateSets = async (options: EvaluateSetsOptions): Promise<Evaluated> => {
  const { flow, sets, environment, seed, concurrency, policies = [], onProgress, abortSignal } = options;
  const trajectories = new Map<string, Trajectory>();
  const report = await evaluate({
    flow,
    tasks: setNames.flatMap((name) => sets[name]),
    reward: environment.reward,
    seed,
    concurrency,
    policies,
    onProgress: ({ done, total }) => onProgress?.(done, total),
    onTrajectory: ({ task, trajectory }) => trajectories.set(task.id, trajectory),
    abortSignal,
  });
  const outcomes = bySet((name) => Object.fromEntries(sets[name].map(({ id }) => [id, report.outcomes[id] ?? null])));
  return { figures: figuresOf(report, sets, outcomes, trajectories, policies), outcomes, trajectories };
};

const bySet = <T>(make: (name: SetName) => T): Readonly<Record<SetName, T>> => ({
  heldOutPages: make("heldOutPages"),
  heldOutFamily: make("heldOutFamily"),
  heldOutParaphrase: make("heldOutParaphrase"),
  deep: make("deep"),
});

const figuresOf = (
  { averageTurns, toolErrorRate, toolShares, toolOrders, noSample, versions }: EvaluationReport,
  sets: TaskSets,
  outcomes: Evaluated["outcomes"],
  trajectories: Evaluated["trajectories"],
  policies: readonly Policy[],
): PlannerFigures => {
  const conduct = (name: SetName): Pick<SetFigures, "averageTurns" | "toolErrorRate"> => {
    const use = toolUse(sets[name].flatMap(({ id }) => trajectories.get(id) ?? []));
    return { averageTurns: use.averageTurns, toolErrorRate: use.toolErrorRate };
  };
  const [first] = policies;
  const weights = first === undefined ? undefined : versions[first.name];
  return {
    ...bySet((name) => ({ ...accuracyOf(Object.values(outcomes[name])), ...conduct(name) })),
    families: familiesOf(sets, outcomes),
    averageTurns,
    toolErrorRate,
    toolShares,
    toolOrders,
    noSample,
    ...defined({ weights }),
    ...(policies.length > 1 ? { versions } : {}),
  };
};

/** Other words for the same families would blur their rows: that set stays out. */
const familiesOf = (sets: TaskSets, outcomes: Evaluated["outcomes"]): PlannerFigures["families"] => {
  const rows = new Map<string, { readonly heldOut: boolean; readonly rewards: (number | null)[] }>();
  const add = (name: SetName, { id, sealed }: EnvironmentTask): void => {
    const row = rows.get(sealed.family) ?? { heldOut: sealed.role !== "trained", rewards: [] };
    row.rewards.push(outcomes[name][id] ?? null);
    rows.set(sealed.family, row);
  };
  for (const name of ["heldOutPages", "heldOutFamily", "deep"] as const) for (const task of sets[name]) add(name, task);
  return Object.fromEntries(
    [...rows].map(([name, { heldOut, rewards }]) => [name, { ...accuracyOf(rewards), heldOut }]),
  );
};

/** The figures of one set that was solved where calls fail. */
export const underFailures = ({ figures, outcomes, trajectories }: Evaluated): FailureFigures => {
  const rewards = Object.entries(outcomes.heldOutPages).flatMap(([id, reward]) => {
    const trajectory = trajectories.get(id);
    return trajectory !== undefined && metFailure(trajectory) ? [reward] : [];
  });
  return { ...figures.heldOutPages, met: accuracyOf(rewards) };
};

/** Paired gain on one set. */
export interface Gain {
  readonly points: number;
  readonly interval: Interval;
  /** McNemar's exact p. */
  readonly p: number;
}

/**
 * What was gained from one evaluation to another of the same tasks, set by set.
 *
 * @example
 * ```ts
 * import { type Evaluated, gainOf } from "agentflow/learn";
 *
 * const report = (before: Evaluated, after: Evaluated): void => {
 *   const { points, interval } = gainOf(before, after).heldOutPages;
 *   console.log(points, interval);
 * };
 * ```
 */
export const gainOf = (before: Evaluated, after: Evaluated): Readonly<Record<SetName, Gain>> =>
  bySet((name) => {
    const { points, interval, p } = compare({ outcomes: before.outcomes[name] }, { outcomes: after.outcomes[name] });
    return { points, interval, p };
  });
