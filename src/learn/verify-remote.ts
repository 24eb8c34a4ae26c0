import { join } from "node:path";
import { type Environment, type EnvironmentTask, setNames } from "../environment.ts";
import { readLines } from "../store/lines.ts";
import { readTrajectories } from "../store/stored-run.ts";
import { setsOf } from "./record.ts";
import type { StoredOptions } from "./stored-options.ts";

/** What a verification of a run at a server found. */
export interface RemoteVerification {
  readonly differences: readonly string[];
  /** What was done again, and came out the same where there are no differences. */
  readonly covered: readonly string[];
  readonly notCovered: readonly string[];
}

/** Where the weights of a run were, as its `config.json` says; undefined for a run that trained here. */
export const serverOf = ({ config }: Pick<StoredOptions, "config">): string | undefined => {
  const machine = config.machine as { readonly runtime?: unknown; readonly server?: unknown } | undefined;
  return machine?.runtime === "tinker" ? String(machine.server) : undefined;
};

interface Row {
  readonly phase?: string;
  readonly step?: number;
  readonly set?: string;
  readonly task?: string;
  readonly reward?: number | null;
  readonly trajectory?: { readonly id: string; readonly answer?: string; readonly status: string };
}

const MEAN_EPSILON = 1e-9;

/**
 * Does again what of a run at a server can be done here: its tasks are drawn again and its answers scored again, and the
 * rewards of its steps are averaged again. What the server did cannot be repeated: another draw is another sample.
 */
export const verifyRemote = async (
  folder: string,
  server: string,
  stored: StoredOptions,
  environment: Environment,
): Promise<RemoteVerification> => {
  const rows = (await readTrajectories({ folder })) as readonly Row[];
  const evaluated = rows.filter(({ set }) => set !== undefined);
  const scored = await scoredAgain(evaluated, stored, environment);
  const steps = await averagedAgain(folder, rows, stored);
  return {
    differences: [...scored, ...steps.differences],
    covered: [
      `rewards of ${evaluated.length} answers in evaluations, on tasks that were drawn again`,
      ...(steps.count > 0 ? [`the mean reward of ${steps.count} steps, from their rows`] : []),
    ],
    notCovered: [
      `samples, log-probabilities, gradients and weights: they were made at ${server}, and would be others there a second time`,
      "trajectories.jsonl: rewards in training are compared with the metrics only, since they may depend on the calls",
      "metrics.jsonl: everything but the mean reward",
      "weights: the folder has no weights, tinker.json says where they were",
    ],
  };
};

/** The answers of evaluations, scored again. */
const scoredAgain = async (
  rows: readonly Row[],
  { settings }: StoredOptions,
  environment: Environment,
): Promise<string[]> => {
  const sets = setsOf(environment, settings);
  const tasks = new Map<string, EnvironmentTask>(setNames.flatMap((name) => sets[name]).map((task) => [task.id, task]));
  const differences: string[] = [];
  for (const { phase, task: id = "", reward = null, trajectory } of rows) {
    const where = `trajectories.jsonl: ${String(phase)}, task ${id}`;
    const task = tasks.get(id);
    if (task === undefined) differences.push(`${where}: the environment has no such task`);
    else if (trajectory !== undefined && trajectory.status !== "failed") {
      const again = (await environment.reward(task, trajectory.answer)) ?? null;
      if (again !== reward)
        differences.push(`${where}: its reward is ${String(reward)}, and scored again ${String(again)}`);
    }
  }
  return differences;
};

/** The mean rewards of steps; with rollouts ahead of training a step's rows are not its batch. */
const averagedAgain = async (
  folder: string,
  rows: readonly Row[],
  { settings }: StoredOptions,
): Promise<{ readonly differences: readonly string[]; readonly count: number }> => {
  if ((settings.maxStaleness ?? 0) > 0) return { differences: [], count: 0 };
  const metrics = (await readLines(join(folder, "metrics.jsonl"))) as {
    readonly index: number;
    readonly reward: { readonly mean: number };
  }[];
  const differences = metrics.flatMap(({ index, reward: { mean } }) => {
    const rewards = rows.flatMap(({ phase, step, reward }) =>
      phase === "train" && step === index && typeof reward === "number" ? [reward] : [],
    );
    const again = rewards.reduce((sum, reward) => sum + reward, 0) / rewards.length;
    return Math.abs(again - mean) <= MEAN_EPSILON
      ? []
      : [`metrics.jsonl: the mean reward of step ${index + 1} is ${mean}, and that of its rows ${again}`];
  });
  return { differences, count: metrics.length };
};
