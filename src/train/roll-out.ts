import { AgentFlowError, ConfigError } from "../errors.ts";
import type { Flow, SolveOptions } from "../flow/flow.ts";
import { count, defined, listOf, number, objectWith, required } from "../options.ts";
import { deriveKey, type Random, type RandomKey, random, randomKey } from "../random.ts";
import { queryOf, type Reward, type RolloutCost, type Task } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import { limited, mapConcurrently } from "./concurrency.ts";

/** A finished run of the flow and what it was worth. Without a reward it is not a sample. */
export interface Rollout {
  readonly trajectory: Trajectory;
  readonly reward: number | undefined;
}

/** All rollouts of one task by one version of the policies. */
export interface Group<Sealed = unknown> {
  readonly task: Task<Sealed>;
  readonly rollouts_G: readonly Rollout[];
}

/**
 * Solves a task once and scores it. A flow that failed, or a reward that is undefined, makes no sample.
 *
 * @example
 * ```ts
 * import { createFlow, randomKey } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { rollOut } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const task = { id: "t1", question: "How many days has June?", sealed: "30" };
 * const judge = ({ sealed }: typeof task, said: string | undefined) => Number(said === sealed);
 * const { reward } = await rollOut(createFlow({ model, tools: {} }), task, judge, { randomKey: randomKey("t1", 7) });
 * ```
 */
export const rollOut = async <Sealed>(
  flow: Pick<Flow, "solve">,
  task: Task<Sealed>,
  reward: Reward<Sealed>,
  options: SolveOptions,
): Promise<Rollout> => {
  required(objectWith("a flow", "solve"))(flow, "rollOut: the flow");
  const { trajectory } = await flow.solve(queryOf(task), options);
  const value = trajectory.status === "failed" ? undefined : await reward(task, trajectory.answer, costOf(trajectory));
  if (value !== undefined && !(value >= 0 && value <= 1))
    throw new ConfigError(`The reward of task ${task.id} is ${value}: it must be a number from 0 to 1, or undefined.`);
  return { trajectory, reward: value };
};

const costOf = ({ memory }: Trajectory): RolloutCost => ({
  turns: memory.length,
  calls: memory.filter(({ observation }) => observation.status !== "refused").length,
});

export interface RollOutOptions<Sealed> {
  readonly flow: Pick<Flow, "solve">;
  readonly tasks: readonly Task<Sealed>[];
  readonly reward: Reward<Sealed>;
  readonly groupSize: number;
  readonly seed: number;
  readonly step: number;
  /** Of the rollouts of a task, how many fork from a turn of another one. @default 0 */
  readonly forks?: number | undefined;
  /** Turns that were taken before the rollouts of a task begin: nobody learns from them. @default none */
  readonly begun?: ((task: Task<Sealed>) => Pick<Trajectory, "memory" | "turns"> | undefined) | undefined;
  /** Number of the first of these tasks within the step. @default 0 */
  readonly firstTask?: number | undefined;
  /** Version that each policy samples, by policy name. */
  readonly versions: Readonly<Record<string, string>>;
  /** @default 64 */
  readonly concurrency?: number | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/**
 * G rollouts of the whole live flow for each task; the last `forks` of them continue from a turn of one of the others. A
 * rollout is a function of (weights, seed, step, task, rollout) alone, and stands at its place whatever finishes first. Throws the signal's reason once it is aborted.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { advantages, rollOutGroups } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const tasks = [{ id: "t1", question: "How many days has June?", sealed: "30" }];
 * const reward = ({ sealed }: { sealed: string }, said?: string) => Number(said === sealed);
 * const flow = createFlow({ model, tools: {} });
 * const groups = await rollOutGroups({ flow, tasks, reward, groupSize: 4, seed: 7, step: 0, versions: {} });
 * for (const { rollouts_G } of groups) console.log(advantages(rollouts_G.map((rollout) => rollout.reward)));
 * ```
 */
export const rollOutGroups = async <Sealed>(options: RollOutOptions<Sealed>): Promise<Group<Sealed>[]> => {
  required(objectWith("an object of options"))(options, "rollOutGroups");
  const { tasks, groupSize, forks = 0, concurrency = 64, abortSignal } = options;
  required(listOf(objectWith("a task")))(tasks, "rollOutGroups: tasks");
  required(count)(groupSize, "rollOutGroups: groupSize");
  required(number({ whole: true, below: groupSize }))(forks, "rollOutGroups: forks");
  required(count)(concurrency, "rollOutGroups: concurrency");
  const whole = groupSize - forks;
  const jobsOf = (from: number, until: number) =>
    tasks.flatMap((task, p) => Array.from({ length: until - from }, (_, i) => ({ task, p, g: from + i })));
  const rolled = await mapConcurrently(jobsOf(0, whole), concurrency, ({ task, p, g }) =>
    rollOutOne(options, task, p, g),
  );
  const forked = await mapConcurrently(jobsOf(whole, groupSize), concurrency, ({ task, p, g }) =>
    rollOutOne(options, task, p, g, rolled.slice(p * whole, (p + 1) * whole)),
  );
  // A solve that was aborted is not a result, whatever it holds.
  abortSignal?.throwIfAborted();
  return tasks.map((task, p) => ({
    task,
    rollouts_G: [...rolled.slice(p * whole, (p + 1) * whole), ...forked.slice(p * forks, (p + 1) * forks)],
  }));
};

/**
 * The same groups, each as soon as it is complete. A rollout that takes longer than `rollOutSeconds` is ended and is not a
 * sample. Which ones that meets depends on the machine: such a run does not repeat.
 */
export const rollOutEach = <Sealed>(
  options: RollOutOptions<Sealed> & { readonly rollOutSeconds: number },
): Promise<Group<Sealed>>[] => {
  const { tasks, groupSize, forks = 0, concurrency = 64, abortSignal, rollOutSeconds } = options;
  const inTurn = limited(concurrency);
  const timed = (task: Task<Sealed>, p: number, g: number, others: readonly Rollout[] = []): Promise<Rollout> =>
    inTurn(async () => {
      const deadline = AbortSignal.timeout(rollOutSeconds * 1000);
      const signal = abortSignal === undefined ? deadline : AbortSignal.any([abortSignal, deadline]);
      const rollout = await rollOutOne({ ...options, abortSignal: signal }, task, p, g, others);
      abortSignal?.throwIfAborted();
      return deadline.aborted ? { trajectory: rollout.trajectory, reward: undefined } : rollout;
    });
  return tasks.map(async (task, p) => {
    const whole = groupSize - forks;
    const rolled = await Promise.all(Array.from({ length: whole }, (_, g) => timed(task, p, g)));
    const forked = await Promise.all(Array.from({ length: forks }, (_, i) => timed(task, p, whole + i, rolled)));
    return { task, rollouts_G: [...rolled, ...forked] };
  });
};

const rollOutOne = <Sealed>(
  { flow, reward, seed, step, firstTask = 0, versions, begun, abortSignal }: RollOutOptions<Sealed>,
  task: Task<Sealed>,
  p: number,
  g: number,
  others: readonly Rollout[] = [],
): Promise<Rollout> => {
  abortSignal?.throwIfAborted();
  const key = randomKey(seed, "rollout", step, firstTask + p, g);
  return rollOut(flow, task, reward, {
    id: `${step}/${firstTask + p}/${g}`,
    randomKey: key,
    versions,
    ...defined({ abortSignal, from: forkOf(others, random(deriveKey(key, "fork"))) ?? begun?.(task) }),
  });
};

/** The first turns of one of several rollouts, at least one turn less than all; undefined where none took two. */
const forkOf = (others: readonly Rollout[], draws: Random): Pick<Trajectory, "memory" | "turns"> | undefined => {
  const long = others.filter(({ trajectory }) => trajectory.memory.length > 1);
  if (long.length === 0) return undefined;
  const { memory, turns } = draws.pick(long).trajectory;
  const kept = 1 + draws.below(memory.length - 1);
  return { memory: memory.slice(0, kept), turns: turns.filter(({ turn }) => turn <= kept) };
};

/**
 * The control of an experiment: the same rewards, dealt out among the trajectories at random.
 *
 * @example
 * ```ts
 * import { createFlow, randomKey } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { permuteRewards, rollOutGroups } from "agentflow/train";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const flow = createFlow({ model, tools: {} });
 * const tasks = [{ id: "t1", question: "How many days has June?", sealed: "30" }];
 * const reward = () => 1;
 * const groups = await rollOutGroups({ flow, tasks, reward, groupSize: 4, seed: 7, step: 0, versions: {} });
 * const control = permuteRewards(groups, randomKey("permuted", 7));
 * ```
 */
export const permuteRewards = <Sealed>(groups: readonly Group<Sealed>[], key: RandomKey): Group<Sealed>[] => {
  const rewards = groups.flatMap(({ rollouts_G }) => rollouts_G.map(({ reward }) => reward));
  const dealt = random(key).shuffle(rewards.filter((reward) => reward !== undefined));
  let next = 0;
  return groups.map(({ task, rollouts_G }) => ({
    task,
    rollouts_G: rollouts_G.map(({ trajectory, reward }) => ({
      trajectory,
      reward: reward === undefined ? undefined : dealt[next++],
    })),
  }));
};

/** Throws when nothing of a step is a sample: the tools, models or rewards behind the flow are down. */
export const requireSamples = (groups: readonly Group[], step: number): void => {
  const rollouts = groups.flatMap(({ rollouts_G }) => rollouts_G);
  if (rollouts.some(({ reward }) => reward !== undefined)) return;
  const failure = rollouts.find(({ trajectory }) => trajectory.failure !== undefined)?.trajectory.failure;
  throw new AgentFlowError(
    `Step ${step}: none of ${rollouts.length} rollouts is a sample. ` +
      (failure === undefined ? "The reward was undefined for each." : `The first failure was: ${failure}`),
  );
};
