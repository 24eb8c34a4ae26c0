import type { Policy, TrainingSequence } from "../engine.ts";
import type { Toolset } from "../tool.ts";
import { linearSchedule, supervised } from "../train/index.ts";
import { type DemonstrationEnvironment, demonstrator, exerciser } from "./demonstrations.ts";
import { imitation, lastArguments } from "./imitated-sequences.ts";
import type { Recipe } from "./recipe.ts";
import { promptsOf } from "./recipe-prompts.ts";
import { showRoutes } from "./shown-routes.ts";

/** Exercises begin at this index of training tasks: none is a plan that was shown as well. */
const FIRST_EXERCISE = 10_000_000;

export interface PlannerColdStartOptions {
  readonly environment: DemonstrationEnvironment;
  readonly tools: Toolset;
  readonly policy: Policy;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Where routes are walked and known. @default `environment` */
  readonly walked?: DemonstrationEnvironment | undefined;
  /** The control: routes are those of other tasks. @default false */
  readonly permuted?: boolean | undefined;
  /** Told of each step, counted from 1. */
  readonly onStep: (step: number, steps: number, loss: number) => void;
  readonly abortSignal: AbortSignal;
}

/**
 * What a planner is shown before its first rollout. One that has never seen the tools: the form of actions, references and
 * reading, by random but valid plans on training pages and exercises, as the built-in planner was. One that knows them:
 * calls that led to answers when tools were called at random, in variations. Publishes what was learnt. Returns whether there
 * was anything to show.
 */
export const coldStartPlanner = async (options: PlannerColdStartOptions): Promise<boolean> => {
  const { environment, walked = environment, tools, policy, recipe, seed, permuted, onStep, abortSignal } = options;
  const { steps, plans, exercises, routes, learningRate } = recipe.coldStart;
  const show = demonstrator(environment, seed, abortSignal);
  const exercise = exerciser(environment, seed, abortSignal);
  const showRoute =
    routes === 0 ? undefined : await showRoutes({ environment: walked, tools, recipe, seed, permuted, abortSignal });
  const form = { tools, ...promptsOf(recipe) };
  const sequences = async (step: number): Promise<TrainingSequence[]> => {
    const shown = await show(step * plans, plans);
    const read = await exercise(FIRST_EXERCISE + step * exercises, exercises);
    return [
      ...shown.map(({ trajectory }) => imitation(policy.engine, trajectory, form)),
      ...read.map(({ trajectory }) => lastArguments(policy.engine, trajectory, form)),
      ...Array.from({ length: routes }, (_, i) => showRoute?.(policy.engine, step * routes + i) ?? []).flat(),
    ];
  };
  if (plans + exercises === 0 && (await sequences(0)).length === 0) return false;
  const training = supervised({
    policy,
    sequences,
    steps,
    learningRate: linearSchedule({ peak: learningRate, steps, warmUp: 4, finalShare: 0.1 }),
    abortSignal,
  });
  for await (const { step, loss } of training) onStep(step + 1, steps, loss);
  return true;
};
