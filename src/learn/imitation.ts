import type { Policy, TrainingSequence } from "../engine.ts";
import type { World } from "../environment.ts";
import type { Toolset } from "../tool.ts";
import { linearSchedule, supervised } from "../train/index.ts";
import { demonstrator, exerciser } from "./demonstrations.ts";
import { imitation, lastArguments } from "./imitated-sequences.ts";
import type { Recipe } from "./recipe.ts";

/** Exercises begin at this index of training tasks: none is a plan that was shown as well. */
const FIRST_EXERCISE = 10_000_000;

export interface AdapterColdStartOptions {
  readonly world: World;
  readonly tools: Toolset;
  readonly policy: Policy;
  readonly recipe: Recipe;
  readonly seed: number;
  readonly onStep: (step: number, loss: number) => void;
  readonly abortSignal: AbortSignal;
}

/**
 * Teaches a planner that has never seen the tools the form of actions, references and reading, as the built-in planner
 * was taught: by imitation of random but valid plans on training pages. Publishes what was learnt.
 */
export const coldStartAdapter = async (options: AdapterColdStartOptions): Promise<void> => {
  const { world, tools, policy, recipe, seed, onStep, abortSignal } = options;
  const { steps, plans, exercises, learningRate } = recipe.coldStart;
  const show = demonstrator(world, seed);
  const exercise = exerciser(world, seed);
  const form = { tools, detail: recipe.detail, verdicts: recipe.verdicts };
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
  for await (const { step, loss } of training) onStep(step, loss);
};
