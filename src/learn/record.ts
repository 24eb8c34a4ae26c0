import { type Environment, type SetName, setNames, type TaskSets } from "../environment.ts";
import { defined } from "../options.ts";
import type { LearnSettings } from "./settings.ts";
import type { Learning } from "./start.ts";

/** What a run is measured on, by its settings. */
export const setsOf = (environment: Environment, { validation, evalTasks }: LearnSettings): TaskSets =>
  environment.evaluation(splitOf(validation), sizesOf(evalTasks));

export const splitOf = (validation: boolean): "validation" | "test" => (validation ? "validation" : "test");

export const sizesOf = (tasks: number | undefined): Partial<Readonly<Record<SetName, number>>> =>
  tasks === undefined ? {} : Object.fromEntries(setNames.map((name) => [name, tasks]));

/** Everything that decides about the result, and what it ran on: `config.json`. */
export const recordOf = (
  settings: LearnSettings,
  { environment, planner, engine, policies, modules, recipe, steps, concurrency }: Learning,
): Readonly<Record<string, unknown>> => {
  const { seed, minutes, rank = 16, validation, evalTasks, replay, guard } = settings;
  const { maxStaleness, patience, checkpointEvery, toolFailures, permuteRewards } = settings;
  const { grpo, ...measured } = recipe;
  return {
    ...measured,
    ...grpo,
    seed,
    steps,
    model: planner.name,
    weights: policies[0]?.version,
    modules,
    train: policies.map(({ name }) => name),
    ...defined({ minutes }),
    ...(engine.learns === "adapters" && { rank }),
    ...planner.record,
    ...environment.record,
    split: splitOf(validation),
    ...defined({ evalTasks }),
    ...(!replay && { replay: false }),
    ...(!guard && { guard: false }),
    ...defined({ maxStaleness, patience, checkpointEvery, toolFailures }),
    permuteRewards,
    concurrency,
    machine: engine.description,
  };
};
