import type { Engine, TrainingSequence } from "../engine.ts";
import type { Environment, EnvironmentSealed } from "../environment.ts";
import { type TrajectorySegmentsOptions, trajectorySegments } from "../flow/model/trajectory-segments.ts";
import type { FlowState, ModuleContext, Planner } from "../module.ts";
import { deriveKey, type Random, type RandomKey, random, randomKey } from "../random.ts";
import { queryOf } from "../task.ts";
import type { Toolset } from "../tool.ts";
import type { ReplayOptions } from "../train/index.ts";
import type { MemoryEntry, Trajectory } from "../trajectory.ts";
import { exerciser, scriptedFlow } from "./demonstrations.ts";
import { imitatedOf, lastArguments } from "./imitated-sequences.ts";
import { descentOf, type Recipe } from "./recipe.ts";
import { promptsOf } from "./recipe-prompts.ts";
import { showRoutes } from "./shown-routes.ts";
import { silentModel } from "./silent-model.ts";
import { openSuccesses, type SuccessesState } from "./successes.ts";
import { exercisesOf, varied } from "./varied-exercises.ts";

/** What is imitated beside the reward, and with which weight: plans at random, exercises in reading, routes, rare successes. */
export interface Replay {
  readonly sources: readonly ReplayOptions<EnvironmentSealed>[];
  state(): SuccessesState;
}

/** Training tasks of this index and on are for replay alone. */
const FIRST_INDEX = 1_000_000;

export interface OpenReplayOptions {
  readonly environment: Environment;
  /** Where routes are walked and known. @default `environment` */
  readonly walked?: Environment | undefined;
  /** Of the planner that imitates. */
  readonly engine: Engine;
  readonly seed: number;
  /** Of the run. */
  readonly steps: number;
  readonly recipe: Recipe;
  /** The control: routes are those of other tasks. @default false */
  readonly permuted?: boolean | undefined;
  /** Where to resume. @default at the first step */
  readonly from?: SuccessesState | undefined;
  readonly abortSignal: AbortSignal;
}

/**
 * Makes a pool of random but valid plans on training tasks, and from then on each step's share of it, with single
 * random valid actions at places where all rollouts of a task failed, exercises in reading, and rollouts of earlier steps
 * that solved what is rarely solved.
 */
export const openReplay = async ({
  environment,
  walked = environment,
  engine,
  seed,
  steps,
  recipe,
  permuted,
  from,
  abortSignal,
}: OpenReplayOptions): Promise<Replay> => {
  const { episodes, states, reading } = recipe.replay;
  const pool = poolOf(recipe, steps);
  // A guess would end a random plan before it shows anything.
  const tools = environment.tools(silentModel);
  const form = { tools, ...promptsOf(recipe) };
  const { families } = environment;
  const drawn = Array.from({ length: pool }, (_, i) => families[i % families.length]).flatMap((family, i) =>
    family === undefined ? [] : environment.train(family, FIRST_INDEX + Math.floor(i / families.length)),
  );
  const known = new Map(drawn.map((task) => [task.id, task]));
  const flow = scriptedFlow(environment, known, reading, recipe.mistakes).with({ tools });
  const whole: TrainingSequence[] = [];
  for (const [i, task] of drawn.entries()) {
    abortSignal.throwIfAborted();
    const { trajectory } = await flow.solve(queryOf(task), {
      id: `replay-${i}`,
      randomKey: randomKey(seed, "pool", i),
      abortSignal,
    });
    whole.push(imitatedOf(recipe)(engine, trajectory, form));
  }

  const { sequences, pool: exercisePool } = recipe.exercises;
  const count = sequences === 0 ? 0 : Math.min(exercisePool, sequences * Math.max(1, steps));
  const made = count === 0 ? [] : await exerciser(environment, seed, abortSignal)(FIRST_INDEX, count);
  const exercised = exercisesOf(made.map(({ trajectory }) => trajectory));
  const { sequences: routeCount } = recipe.routes;
  const showRoute =
    routeCount === 0
      ? undefined
      : await showRoutes({ environment: walked, tools, recipe, seed, permuted, abortSignal });
  const routes = (step: number): readonly TrainingSequence[] =>
    Array.from({ length: routeCount }, (_, i) => showRoute?.(engine, FIRST_INDEX + step * routeCount + i) ?? []).flat();
  const successes = openSuccesses({ recipe, policy: "planner", seed, from });

  const plans: ReplayOptions<EnvironmentSealed>["sequences"] = (step, groups) => {
    const draws = random(randomKey(seed, "replay", step));
    const failed = groups.filter(({ rollouts_G }) => rollouts_G.every(({ reward }) => reward === 0));
    const actions = Array.from({ length: failed.length === 0 ? 0 : states }, (_, i) => {
      const { task, rollouts_G } = draws.pick(failed);
      const { trajectory } = draws.pick(rollouts_G);
      const guess = environment.randomValid(reading, () => task);
      const key = randomKey(seed, "replay", step, i);
      const { turnLimit, sealed } = task;
      return actionAt({ planner: guess, engine, form, turnLimit, begun: sealed.begun }, trajectory, draws, key);
    });
    return [...draws.shuffle(whole).slice(0, episodes), ...actions.flatMap((sequence) => sequence ?? [])];
  };
  const readings = (step: number): TrainingSequence[] =>
    Array.from({ length: made.length === 0 ? 0 : sequences }, (_, i) => {
      const key = randomKey(seed, "exercise", step, i);
      const { trajectory } = random(key).pick(made);
      return lastArguments(engine, varied(trajectory, exercised, deriveKey(key, "variation")), form);
    });
  return {
    sources: [
      { sequences: plans, weight: descentOf(recipe.replay, steps) },
      { sequences: readings, weight: descentOf(recipe.exercises, steps) },
      { sequences: routes, weight: descentOf(recipe.routes, steps) },
      { sequences: successes.draw, weight: successes.weight(descentOf(recipe.successes, steps)) },
    ],
    state: successes.state,
  };
};

/** How many plans a run draws from: a short one needs no more than it takes. */
export const poolOf = ({ replay: { pool, episodes } }: Pick<Recipe, "replay">, steps: number): number =>
  Math.min(pool, episodes * Math.max(1, steps));

interface ActionParts {
  readonly planner: Planner;
  readonly engine: Engine;
  readonly form: TrajectorySegmentsOptions & { readonly tools: Toolset };
  readonly turnLimit: number | undefined;
  /** Turns that were taken before: then what comes after them is the place. */
  readonly begun?: number | undefined;
}

/** One action of the random planner after a trajectory's beginning, or a random number of its turns; only that is a target. */
const actionAt = (
  { planner, engine, form, turnLimit, begun = 0 }: ActionParts,
  { query, analysis, memory }: Trajectory,
  draws: Random,
  key: RandomKey,
): TrainingSequence | undefined => {
  const earlier = memory.slice(0, begun > 0 ? begun : draws.below(Math.max(1, memory.length)));
  const [first] = memory;
  // What the planner saw: a task without a limit of its own has that of the flow.
  const turnsLeft = earlier.at(-1)?.turnsLeft ?? (first === undefined ? (turnLimit ?? 1) : first.turnsLeft + 1);
  const state: FlowState = { query, analysis, tools: form.tools, memory: earlier, turn: earlier.length + 1, turnsLeft };
  const context: ModuleContext = {
    history: "replay",
    randomKey: key,
    turns: [],
    versions: {},
    abortSignal: new AbortController().signal,
  };
  const plan = planner(state, context);
  if (plan instanceof Promise) return undefined;
  const entry: MemoryEntry = {
    index: state.turn,
    step: plan.step,
    observation: { status: "refused", reason: "malformed", error: "" },
    verdict: { decision: "continue", reason: "" },
    turnsLeft: turnsLeft - 1,
  };
  const { ids, targets, turns } = trajectorySegments(engine, { query, analysis, memory: [...earlier, entry] }, form);
  return { ids, targets: targets.filter((_, i) => turns[i] === earlier.length) };
};
