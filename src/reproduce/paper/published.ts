/**
 * The published run of Flow-GRPO (arXiv 2510.05592) as a configuration: Qwen2.5-7B-Instruct in all four modules, of which the
 * planner learns; 32 tasks × 8 rollouts a step; at most 3 turns in training and 10 in evaluation.
 */
import type { Environment, EnvironmentSource, EnvironmentTask, TaskSets } from "../../environment.ts";
import { moduleNames, recipes } from "../../learn/index.ts";

export const TURNS = { training: 3, evaluation: 10 } as const;

export const published = {
  model: "Qwen/Qwen2.5-7B-Instruct",
  modules: moduleNames,
  train: ["planner"],
  recipe: recipes.paper,
} as const;

const limited = (task: EnvironmentTask, turnLimit: number): EnvironmentTask => ({ ...task, turnLimit });

/** An environment with the published limits of turns. */
export const publishedTurns = (source: EnvironmentSource): EnvironmentSource => ({
  ...source,
  open: async (opening) => {
    const environment: Environment = await source.open(opening);
    return {
      ...environment,
      train: (family, index) => limited(environment.train(family, index), TURNS.training),
      evaluation: (split, sizes) =>
        Object.fromEntries(
          Object.entries(environment.evaluation(split, sizes)).map(([set, tasks]) => [
            set,
            tasks.map((task) => limited(task, TURNS.evaluation)),
          ]),
        ) as unknown as TaskSets,
    };
  },
});
