import { linearSchedule, type Schedule } from "../train/index.ts";

/** How `agentflow learn` trains and measures, as data: what a run's `config.json` records. */
export const recipe = {
  /** Optimiser steps; each begins with fresh rollouts of the newest version. */
  steps: 320,
  /** Rollouts of a task, among which rewards are compared. */
  groupSize: 8,
  /** Tasks of a step. */
  tasksPerStep: 32,
  /** Learning rate: linear from near 0 over `warmUp` steps, then linear down to `finalShare` of the peak. */
  learningRate: { peak: 3e-4, warmUp: 8, finalShare: 0.3 },
  /** AdamW and the norm that gradients are clipped to. */
  optimiser: { beta1: 0.9, beta2: 0.97, gradientClip: 1 },
  /** Weight of the KL to the cold start in the loss; at 0 it is only measured, every `klEvery` steps. */
  beta: 0,
  klEvery: 1,
  /** Further tasks are rolled out until so many groups are mixed, in at most `maxRefills` rounds. */
  minimumMixedGroups: 3,
  maxRefills: 1,
  /** With fewer mixed groups the learning rate shrinks in proportion. */
  fullStepGroups: 6,
  /**
   * Random but valid plans that are imitated beside the reward, so that no tool dies out: weight `from` → `to`, linear
   * over the first `over` of the run. A step takes `episodes` whole plans out of a pool of `pool`, and single
   * actions at `states` places of trajectories whose whole group failed. `reading`: how often a calculation is the one
   * that the question asks, as in the cold start.
   */
  replay: { from: 0.04, to: 0.002, over: 0.7, episodes: 12, states: 16, pool: 600, reading: 0.9 },
  /**
   * A family is drawn by how likely its group is to be mixed, given its running solve rate (from `start`, moved by
   * `smoothing` a group), and never less than `floor` of the most.
   */
  families: { floor: 0.3, start: 0.1, smoothing: 0.3 },
  /** Of sampling; the same before, while and after training. */
  temperature: 1,
  /** Longest action, in tokens. */
  maxTokens: 24,
  /** Validation while training: so many tasks of trained families, every so many steps. */
  validation: { tasks: 60, every: 25 },
  /** Training tasks on which the best fixed order of tools is searched. */
  fixedOrderTasks: 112,
  /** What a step takes on two quiet cores, for the forecast at the start. */
  secondsPerStep: 1.7,
} as const;

/** The recipe's learning rate over a run. */
export const learningRateOf = (steps: number): Schedule => linearSchedule({ ...recipe.learningRate, steps });

/** The recipe's replay weight over a run: constant from the end of its descent on. */
export const replayWeightOf = (steps: number): Schedule => {
  const { from, to, over } = recipe.replay;
  return (step) => from + (to - from) * Math.min(1, step / Math.max(1, over * steps));
};
