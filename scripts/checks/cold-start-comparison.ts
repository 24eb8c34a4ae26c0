import type { Policy } from "../../src/engine.ts";
import type { Environment, EnvironmentTask } from "../../src/environment.ts";
import { createFlow, type Flow } from "../../src/flow/flow.ts";
import { modelPlanner } from "../../src/flow/model/planner.ts";
import { scriptedFlow } from "../../src/learn/demonstrations.ts";
import { engineModel } from "../../src/models/index.ts";
import { evaluate, wilsonInterval } from "../../src/train/index.ts";
import type { Trajectory } from "../../src/trajectory.ts";

/** How a planner behaves: accuracy, and shares of tools and of pairs of tools that follow each other. */
export interface Behaviour {
  readonly accuracy: number;
  readonly interval: readonly [number, number];
  readonly averageTurns: number;
  readonly tools: Readonly<Record<string, number>>;
  readonly bigrams: Readonly<Record<string, number>>;
}

/** The scripted planner and its imitation on the same tasks. */
export interface ColdStartComparison {
  readonly n: number;
  readonly scripted: Behaviour;
  readonly imitation: Behaviour;
  /** Half the sum of absolute differences of shares: 0 is equal, 1 is disjoint. */
  readonly totalVariation: { readonly tools: number; readonly bigrams: number };
}

/**
 * Measures whether the imitation has learnt a preference that its model does not have. Tasks are of training pages and
 * trained families. Both ask the same language model behind `base_generator`: the imitation's own weights.
 */
export const compareWithScript = async ({
  environment,
  policy,
  tasks: count,
  seed,
}: {
  readonly environment: Environment;
  readonly policy: Policy;
  readonly tasks: number;
  readonly seed: number;
}): Promise<ColdStartComparison> => {
  const { families } = environment;
  const tasks = Array.from({ length: count }, (_, i) => families[i % families.length]).flatMap(
    (family, i): EnvironmentTask[] => (family === undefined ? [] : [environment.train(family, 5_000_000 + i)]),
  );
  const tools = environment.tools(engineModel(policy, { version: policy.version }));
  const known = new Map(tasks.map((task) => [task.id, task]));
  const measure = async (flow: Flow): Promise<Behaviour> => {
    const trajectories: Trajectory[] = [];
    const report = await evaluate({
      flow,
      tasks,
      reward: environment.reward,
      seed,
      concurrency: 128,
      onTrajectory: ({ trajectory }) => void trajectories.push(trajectory),
    });
    const solved = Math.round(report.accuracy * report.n);
    const orders = trajectories.map(({ memory }) => memory.map(({ step }) => step.tool));
    return {
      accuracy: report.accuracy,
      interval: wilsonInterval(solved, report.n),
      averageTurns: report.averageTurns,
      tools: shares(orders.flat()),
      bigrams: shares(orders.flatMap((order) => order.map((tool, i) => `${order[i - 1] ?? "start"} → ${tool}`))),
    };
  };
  const scripted = await measure(scriptedFlow(environment, known).with({ tools }));
  const imitation = await measure(createFlow({ planner: modelPlanner(policy), tools }));
  return {
    n: tasks.length,
    scripted,
    imitation,
    totalVariation: {
      tools: totalVariation(scripted.tools, imitation.tools),
      bigrams: totalVariation(scripted.bigrams, imitation.bigrams),
    },
  };
};

const shares = (names: readonly string[]): Record<string, number> => {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return Object.fromEntries(
    [...counts]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([name, count]) => [name, Number((count / names.length).toFixed(4))]),
  );
};

const totalVariation = (a: Readonly<Record<string, number>>, b: Readonly<Record<string, number>>): number => {
  const names = new Set([...Object.keys(a), ...Object.keys(b)]);
  let sum = 0;
  for (const name of names) sum += Math.abs((a[name] ?? 0) - (b[name] ?? 0));
  return Number((sum / 2).toFixed(4));
};
