import type { Policy, TrainingSequence } from "../engine.ts";
import type { Toolset } from "../tool.ts";
import { linearSchedule, supervised } from "../train/index.ts";
import { type DemonstrationEnvironment, demonstrator, exerciser } from "./demonstrations.ts";
import { imitation, lastArguments } from "./imitated-sequences.ts";
import type { Recipe } from "./recipe.ts";
import { promptsOf } from "./recipe-prompts.ts";

/** Exercises begin at this index of training tasks: none is a plan that was shown as well. */
const FIRST_EXERCISE = 10_000_000;

export interface AdapterColdStartOptions {
  readonly environment: DemonstrationEnvironment;
  readonly tools: Toolset;
  readonly policy: Policy;
  readonly recipe: Recipe;
  readonly seed: number;
  /** Told of each step, counted from 1. */
  readonly onStep: (step: number, steps: number, loss: number) => void;
  readonly abortSignal: AbortSignal;
}

/**
 * Teaches a planner that has never seen the tools the form of actions, references and reading, as the built-in planner
 * was taught: by imitation of random but valid plans on training pages. Publishes what was learnt.
 */
export const coldStartAdapter = async (options: AdapterColdStartOptions): Promise<void> => {
  const { environment, tools, policy, recipe, seed, onStep, abortSignal } = options;
  const { steps, plans, exercises, learningRate } = recipe.coldStart;
  const show = demonstrator(environment, seed, abortSignal);
  const exercise = exerciser(environment, seed, abortSignal);
  const form = { tools, ...promptsOf(recipe) };
  const sequences = async (step: number): Promise<TrainingSequence[]> => {
    const shown = await show(step * plans, plans);
    const read = await exercise(FIRST_EXERCISE + step * exercises, exercises);
    return [
      ...shown.map(({ trajectory }) => imitation(policy.engine, trajectory, form)),
      ...read.map(({ trajectory }) => lastArguments(policy.engine, trajectory, form)),
    ];
  };
  const training = supervised({
    policy,
    sequences,
    steps,
    learningRate: linearSchedule({ peak: learningRate, steps, warmUp: 4, finalShare: 0.1 }),
    abortSignal,
  });
  for await (const { step, loss } of training) onStep(step + 1, steps, loss);
};
