import type { Policy } from "../engine.ts";
import { ConfigError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import {
  abortSignal as aSignal,
  callback,
  checked,
  count,
  defined,
  listOf,
  objectWith,
  type Rules,
  required,
} from "../options.ts";
import { randomKey } from "../random.ts";
import type { Reward, Task } from "../task.ts";
import { mapConcurrently } from "./concurrency.ts";
import { flowGrpoRules } from "./flow-grpo-options.ts";
import { type Rollout, rollOut } from "./roll-out.ts";
import {
  type Interval,
  mean,
  type PairedDifference,
  pairedCounts,
  pairedDifference,
  wilsonInterval,
} from "./statistics.ts";
import { type ToolOrder, type ToolUse, toolOrders, toolUse } from "./tool-use.ts";

/** Solved tasks among all tasks. A task counts as solved at reward 1. */
export interface Accuracy {
  readonly n: number;
  readonly accuracy: number;
  /** Wilson, 95 %. */
  readonly interval: Interval;
}

/** Reward of each task by its id; null is an infrastructure failure. */
export type Outcomes = Readonly<Record<string, number | null>>;

/** A flow's score on a set of tasks. `n` is the number of all tasks: a failure of infrastructure is not solved. */
export interface EvaluationReport extends Accuracy, ToolUse {
  readonly schemaVersion: 1;
  readonly meanReward: number;
  readonly families: Readonly<Record<string, Accuracy>>;
  readonly toolOrders: readonly ToolOrder[];
  /** Tasks without a sample, which a failure of infrastructure is. */
  readonly noSample: number;
  readonly outcomes: Outcomes;
  /** Policy → content hash of the weights that were evaluated. */
  readonly versions: Readonly<Record<string, string>>;
}

export interface EvaluateOptions<Sealed> {
  readonly flow: Pick<Flow, "solve">;
  readonly tasks: readonly Task<Sealed>[];
  readonly reward: Reward<Sealed>;
  /** @default 0 */
  readonly seed?: number;
  /** @default 64 */
  readonly concurrency?: number;
  /** Pinned at their newest versions while the evaluation runs. @default [] */
  readonly policies?: readonly Policy[];
  /** The family of a task, for the rows of the report. */
  readonly families?: (task: Task<Sealed>) => string;
  /** Called after each task, in the order in which they end. */
  readonly onProgress?: (progress: { readonly done: number; readonly total: number; readonly solved: number }) => void;
  /** Called for each task at the end, in the order of the tasks. */
  readonly onTrajectory?: (rollout: Rollout & { readonly task: Task<Sealed> }) => void;
  readonly abortSignal?: AbortSignal | undefined;
}

const optionRules: Rules<EvaluateOptions<unknown>> = {
  flow: flowGrpoRules.flow,
  tasks: required(listOf(objectWith("a task"))),
  reward: flowGrpoRules.reward,
  seed: flowGrpoRules.seed,
  concurrency: count,
  policies: listOf(objectWith("a policy", "hold")),
  families: callback,
  onProgress: callback,
  onTrajectory: callback,
  abortSignal: aSignal,
};

/**
 * Solves every task once and reports accuracy and conduct. A task's randomness depends on the seed and its id alone,
 * so that two planners meet the same draws and order does not matter. Throws `ConfigError` for two tasks of one id.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { exactMatch } from "agentflow/tasks";
 * import { evaluate } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {} });
 * const tasks = [{ id: "t1", question: "How many days has June?", sealed: { kind: "number", answer: "30" } as const }];
 * const { accuracy, interval } = await evaluate({ flow, tasks, reward: exactMatch, seed: 7 });
 * ```
 */
export const evaluate = async <Sealed>(options: EvaluateOptions<Sealed>): Promise<EvaluationReport> => {
  checked("evaluate", options, optionRules);
  const { flow, tasks, reward, seed = 0, concurrency = 64, policies = [] } = options;
  const { families, onProgress, onTrajectory, abortSignal } = options;
  if (tasks.length === 0) throw new ConfigError("Nothing to evaluate: the list of tasks is empty.");
  const ids = new Set(tasks.map(({ id }) => id));
  if (ids.size < tasks.length)
    throw new ConfigError(`${tasks.length} tasks have ${ids.size} ids: each task needs its own.`);
  const versions = Object.fromEntries(policies.map((policy) => [policy.name, policy.version]));
  const release = policies.map((policy) => policy.hold(policy.version));
  // A right answer is right, whatever it took.
  const ofAnswer: Reward<Sealed> = (task, answer) => reward(task, answer);
  let done = 0;
  let solved = 0;
  try {
    const rollouts = await mapConcurrently(tasks, concurrency, async (task) => {
      abortSignal?.throwIfAborted();
      const rollout = await rollOut(flow, task, ofAnswer, {
        id: `evaluate/${seed}/${task.id}`,
        randomKey: randomKey(seed, "evaluate", task.id),
        versions,
        ...defined({ abortSignal }),
      });
      done += 1;
      if (isSolved(rollout.reward)) solved += 1;
      onProgress?.({ done, total: tasks.length, solved });
      return rollout;
    });
    abortSignal?.throwIfAborted();
    const scored = tasks.map((task, i) => ({ task, ...(rollouts[i] as Rollout) }));
    for (const one of scored) onTrajectory?.(one);
    return reportOf(scored, families, versions);
  } finally {
    for (const letGo of release) letGo();
  }
};

type Scored<Sealed> = Rollout & { readonly task: Task<Sealed> };

const reportOf = <Sealed>(
  scored: readonly Scored<Sealed>[],
  families: ((task: Task<Sealed>) => string) | undefined,
  versions: Readonly<Record<string, string>>,
): EvaluationReport => {
  const trajectories = scored.map(({ trajectory }) => trajectory);
  const byFamily = new Map<string, (number | null)[]>();
  for (const { task, reward } of families === undefined ? [] : scored) {
    const family = families?.(task) ?? "";
    byFamily.set(family, [...(byFamily.get(family) ?? []), reward ?? null]);
  }
  const rewards = scored.map(({ reward }) => reward ?? null);
  return {
    schemaVersion: 1,
    ...accuracyOf(rewards),
    meanReward: mean(rewards.map((reward) => reward ?? 0)),
    families: Object.fromEntries(
      [...byFamily].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, all]) => [name, accuracyOf(all)]),
    ),
    ...toolUse(trajectories),
    toolOrders: toolOrders(trajectories),
    noSample: rewards.filter((reward) => reward === null).length,
    outcomes: Object.fromEntries(scored.map(({ task, reward }) => [task.id, reward ?? null])),
    versions,
  };
};

const isSolved = (reward: number | null | undefined): boolean => reward === 1;

/**
 * Accuracy of a list of rewards, with its interval; null, no sample, counts as unsolved.
 *
 * @example
 * ```ts
 * import { accuracyOf } from "agentflow/train";
 *
 * const { accuracy, interval } = accuracyOf([1, 0, 1, 1]);
 * console.log(`${accuracy} in [${interval.join(", ")}]`);
 * ```
 */
export const accuracyOf = (rewards: readonly (number | null)[]): Accuracy => {
  const solved = rewards.filter(isSolved).length;
  return {
    n: rewards.length,
    accuracy: rewards.length === 0 ? 0 : solved / rewards.length,
    interval: wilsonInterval(solved, rewards.length),
  };
};

/**
 * The gain from one evaluation to another of the same tasks, paired by id. Throws `ConfigError` when the tasks differ.
 *
 * @example
 * ```ts
 * import { compare } from "agentflow/train";
 *
 * const before = { outcomes: { t1: 0, t2: 1, t3: 0 } };
 * const after = { outcomes: { t1: 1, t2: 1, t3: 0 } };
 * console.log(compare(before, after).points);
 * ```
 */
export const compare = (
  before: { readonly outcomes: Outcomes },
  after: { readonly outcomes: Outcomes },
): PairedDifference => {
  const ids = Object.keys(before.outcomes);
  const missing = ids.find((id) => after.outcomes[id] === undefined);
  if (missing !== undefined || Object.keys(after.outcomes).length !== ids.length)
    throw new ConfigError(
      `Only evaluations of the same tasks can be compared; these have ${ids.length} and ${Object.keys(after.outcomes).length} tasks` +
        (missing === undefined ? "." : `, and ${missing} is in the first only.`),
    );
  return pairedDifference(
    pairedCounts(
      ids.map((id) => isSolved(before.outcomes[id])),
      ids.map((id) => isSolved(after.outcomes[id])),
    ),
  );
};
