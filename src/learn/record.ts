import type { Engine, Policy } from "../engine.ts";
import { type SetName, setNames, type World, type WorldSets } from "../environment.ts";
import { BUILT_IN_MODEL } from "../setup/local-model.ts";
import type { ModuleName } from "./cast.ts";
import { MICRO_PLANNER } from "./micro-planner.ts";
import type { LearnOptions } from "./options.ts";
import type { Recipe } from "./recipe.ts";
import type { Learning } from "./start.ts";

/** What a run is measured on, by its options. */
export const setsOf = (world: World, { validation, evalTasks }: LearnOptions): WorldSets =>
  world.evaluation(splitOf(validation), sizesOf(evalTasks));

const splitOf = (validation: boolean): "validation" | "test" => (validation ? "validation" : "test");

const sizesOf = (tasks: number | undefined): Partial<Readonly<Record<SetName, number>>> =>
  tasks === undefined ? {} : Object.fromEntries(setNames.map((name) => [name, tasks]));

/**
 * Everything that decides about the result, and what it ran on: `config.json`. `projectSha256` is that of a project's
 * configuration; modules that the configuration imports are not in it.
 */
export const recordOf = (
  options: LearnOptions,
  { engine, policies, modules, recipe, steps, concurrency }: Learning,
  world: World,
  projectSha256: unknown,
): Readonly<Record<string, unknown>> =>
  configOf({ ...options, concurrency }, recipe, steps, engine, {
    policies,
    modules,
    world: world.hash,
    projectSha256,
  });

const configOf = (
  {
    seed,
    config,
    model = config === undefined ? BUILT_IN_MODEL : MICRO_PLANNER,
    concurrency,
    validation,
    evalTasks,
    replay,
    permuteRewards,
    minutes,
    rank = 16,
    context,
    quantisation,
    maxStaleness,
    guard,
    patience,
    checkpointEvery,
  }: LearnOptions,
  { secondsPerStep: _, secondsAround: __, grpo, ...used }: Recipe,
  steps: number,
  engine: Engine,
  {
    policies,
    modules,
    world,
    projectSha256,
  }: {
    readonly policies: readonly Policy[];
    readonly modules: readonly ModuleName[];
    readonly world: string;
    readonly projectSha256: unknown;
  },
): Readonly<Record<string, unknown>> => {
  return {
    ...grpo,
    ...used,
    seed,
    steps,
    model,
    weights: policies[0]?.version,
    modules,
    train: policies.map(({ name }) => name),
    ...(minutes === undefined ? {} : { minutes }),
    ...(engine.learns === "adapters" ? { rank } : {}),
    ...(context === undefined ? {} : { context }),
    ...(quantisation === undefined ? {} : { quantisation }),
    ...(config === undefined ? { almanac: world } : { project: config, projectSha256, tasks: world }),
    split: splitOf(validation),
    ...(evalTasks === undefined ? {} : { evalTasks }),
    ...(replay ? {} : { replay: false }),
    ...(guard ? {} : { guard: false }),
    ...(maxStaleness === undefined ? {} : { maxStaleness }),
    ...(patience === undefined ? {} : { patience }),
    ...(checkpointEvery === undefined ? {} : { checkpointEvery }),
    permuteRewards,
    concurrency,
    machine: engine.description,
  };
};
