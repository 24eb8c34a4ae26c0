import type { PromptForm } from "../flow/model/prompt-form.ts";
import { type GrpoSettings, grpoDefaults, linearSchedule, type Schedule } from "../train/index.ts";

/** A weight that goes from one number to another, linear over the first `over` of a run, and stays there. */
export interface Descent {
  readonly from: number;
  readonly to: number;
  readonly over: number;
}

/** How `agentflow learn` trains and measures, as data: what a run's `config.json` records. */
export interface Recipe {
  /** Optimiser steps; each begins with fresh rollouts of the newest version. */
  readonly steps: number;
  /** Everything of Flow-GRPO but its learning rate, which goes by the length of the run. */
  readonly grpo: Omit<GrpoSettings, "learningRate">;
  /** Learning rate: linear from near 0 over `warmUp` steps, then linear down to `finalShare` of the peak. */
  readonly learningRate: { readonly peak: number; readonly warmUp: number; readonly finalShare: number };
  /**
   * Random but valid plans that are imitated beside the reward, so that no tool dies out. A step takes `episodes` whole
   * plans out of a pool of `pool`, and single actions at `states` places of trajectories whose whole group failed.
   * `reading`: how often a calculation is the one that the question asks, as in the cold start.
   */
  readonly replay: Descent & {
    readonly episodes: number;
    readonly states: number;
    readonly pool: number;
    readonly reading: number;
  };
  /**
   * Exercises in reading that are imitated beside the reward, `sequences` a step out of a pool of `pool`: what a question
   * asks is still read, and not known by heart.
   */
  readonly exercises: Descent & { readonly sequences: number; readonly pool: number };
  /** Routes that random calls found to answers are imitated beside the reward, in variations: `sequences` a step. */
  readonly routes: Descent & { readonly sequences: number };
  /** Rollouts of earlier steps that solved what was rarely solved, at most `sequences` a step, are imitated as well. */
  readonly successes: Descent & { readonly sequences: number };
  /**
   * A family is drawn by how likely its group is to be mixed, given its running solve rate (from `start`, moved by
   * `smoothing` a group), and never less than `floor` of the most; one that is never solved as at the start. `begun`: where the environment knows a route to the
   * answer of a task, some of its groups begin part of the way along it, so that long plans are learnt from their ends.
   */
  readonly families: {
    readonly floor: number;
    readonly start: number;
    readonly smoothing: number;
    readonly begun: boolean;
  };
  /**
   * What is imitated before the first rollout, in each of `steps` steps. Of an adapter or a planner that is made, which have
   * never seen the tools: random but valid plans and exercises in reading, which show the form of actions and no preference
   * for where to look and in which order. Of a built-in planner a shorter run has fewer steps, in proportion.
   */
  readonly coldStart: {
    readonly steps: number;
    readonly plans: number;
    readonly exercises: number;
    /** Routes that random calls found to answers, in variations. */
    readonly routes: number;
    readonly learningRate: number;
  };
  /**
   * Share of the turns of random plans that are mistakes. Then nothing that failed is imitated: a planner sees what goes
   * wrong, and imitates what works after it. @default 0, and all of a plan is imitated
   */
  readonly mistakes?: number;
  /**
   * Share of the calls of shown routes that fail for now and are made again. Where no call fails so, that would teach to make
   * calls again that will never work. @default 0, and with `toolFailures` 0.05
   */
  readonly unavailable?: number;
  /**
   * Of a verifier that learns: before the first rollout it imitates the rules' verdicts on this many runs, `batch` of them a
   * step, until it agrees with the rules in this share of verdicts on unseen tasks, or the steps are over.
   */
  readonly verifier?: {
    readonly steps: number;
    readonly trajectories: number;
    readonly batch: number;
    readonly learningRate: number;
    readonly agreement: number;
  };
  /** How the prompts of a chat model that learns are written. @default "chat" */
  readonly prompt?: PromptForm;
  /** How much of a result a planner in a chat sees. */
  readonly detail: "values" | "names";
  /** Whether a planner with a compact prompt is shown the verdict of each turn. @default false */
  readonly verdicts?: boolean;
  /** Whether a compact prompt says how many turns are left. A planner that sees it reads the length of its plan off it. @default true */
  readonly turnsLeft?: boolean;
  /** Whether a compact prompt marks the fields that are of the asked unit. @default false */
  readonly marked?: boolean;
  /**
   * How what is imitated refers to results: by entries (`@4.country`), or by the entities of the question that they go back to
   * (`q1.country`), which is the same in plans of any length. @default "entries"
   */
  readonly references?: "entries" | "things";
  /**
   * Whether the beginning of a varied route is shown that is longer than all that were found, instead of the route as it is.
   * @default false
   */
  readonly beginnings?: boolean;
  /**
   * What is kept at the end lies between the weights before the first rollout and the last ones, which count for this share:
   * it does as well on what was trained, and better on what was not (WiSE-FT, arXiv 2109.01903). @default 1
   */
  readonly average?: number;
  /** Of sampling; the same before, while and after training. */
  readonly temperature: number;
  /** Questions under way at once: each keeps its histories in the cache. Changes time, not results. */
  readonly concurrency: number;
  /** Longest action, in tokens. */
  readonly maxTokens: number;
  /** Validation while training: `tasks` tasks of trained families, every `every` steps. */
  readonly validation: { readonly tasks: number; readonly every: number };
  /** Steps between checkpoints: the most that a crash can lose. */
  readonly checkpointEvery: number;
  /** Training tasks on which the best fixed order of tools is searched. */
  readonly fixedOrderTasks: number;
}

const { learningRate: _, ...defaults } = grpoDefaults;

const noExercises: Recipe["exercises"] = { from: 0, to: 0, over: 1, sequences: 0, pool: 0 };
const noRoutes: Recipe["routes"] = { from: 0, to: 0, over: 1, sequences: 0 };
const noSuccesses: Recipe["successes"] = { from: 0, to: 0, over: 1, sequences: 0 };

/** Share of the last weights in those that are kept, where imitation went before. */
const AVERAGE = 0.6;

const noColdStart: Recipe["coldStart"] = { steps: 0, plans: 0, exercises: 0, routes: 0, learningRate: 0 };

/**
 * Of the built-in planner and models like it: all weights learn. First it imitates what random calls found, then it learns
 * in the flow, over quick steps.
 */
const tiny: Recipe = {
  steps: 75,
  grpo: {
    ...defaults,
    groupSize: 8,
    tasksPerStep: 12,
    optimiser: { beta1: 0.9, beta2: 0.97, gradientClip: 1 },
    beta: 0,
    klEvery: 10,
    minimumMixedGroups: 2,
    maxRefills: 1,
    fullStepGroups: 3,
    updatesPerBatch: 2,
  },
  learningRate: { peak: 3e-4, warmUp: 8, finalShare: 0.3 },
  replay: {
    from: 0.04,
    to: 0.002,
    over: 0.4,
    episodes: 6,
    states: 8,
    pool: 600,
    reading: 0.9,
  },
  exercises: { from: 0.02, to: 0.01, over: 1, sequences: 8, pool: 600 },
  routes: { from: 0.16, to: 0.12, over: 1, sequences: 12 },
  successes: { from: 0.2, to: 0.1, over: 1, sequences: 24 },
  families: { floor: 0.3, start: 0.1, smoothing: 0.3, begun: false },
  coldStart: { steps: 300, plans: 0, exercises: 0, routes: 32, learningRate: 2e-3 },
  references: "things",
  turnsLeft: false,
  beginnings: true,
  average: AVERAGE,
  detail: "values",
  concurrency: 144,
  temperature: 1,
  maxTokens: 24,
  validation: { tasks: 60, every: 25 },
  checkpointEvery: 25,
  fixedOrderTasks: 112,
};

/** As `tiny`, from rollouts alone: no route is imitated, and nothing before the first of them. */
const { references: __, turnsLeft: ___, beginnings: ____, average: _____, ...asMade } = tiny;
const flowOnly: Recipe = {
  ...asMade,
  steps: 400,
  grpo: { ...tiny.grpo, updatesPerBatch: 1 },
  coldStart: noColdStart,
  routes: noRoutes,
};

/**
 * Of an adapter on a published model that is large enough to read what tools are for: a step costs a hundred times as
 * much, so there are few of them; plans and exercises show it the form of actions, and no preference among them.
 */
const chat: Recipe = {
  ...flowOnly,
  steps: 60,
  // A step without mixed groups still imitates: it does not shrink.
  grpo: { ...flowOnly.grpo, fullStepGroups: 0 },
  learningRate: { peak: 2e-4, warmUp: 4, finalShare: 0.3 },
  replay: { ...tiny.replay, from: 0.1, to: 0.01, over: 0.5, episodes: 6, states: 6, pool: 300 },
  exercises: noExercises,
  successes: noSuccesses,
  coldStart: { steps: 60, plans: 6, exercises: 6, routes: 0, learningRate: 1e-3 },
  prompt: "chat",
  detail: "names",
  concurrency: 48,
  maxTokens: 32,
  validation: { tasks: 60, every: 10 },
  checkpointEvery: 2,
};

/**
 * Of an adapter on a small published model: compact prompts, a fifth as long as a chat, in which it imitates what random
 * calls found, as the built-in planner does; then a few steps in the flow.
 */
const adapter: Recipe = {
  ...chat,
  steps: 30,
  replay: tiny.replay,
  exercises: { ...tiny.exercises, sequences: 4 },
  routes: { ...tiny.routes, sequences: 6 },
  successes: { ...tiny.successes, sequences: 8 },
  coldStart: { ...tiny.coldStart, steps: 150, routes: 16, learningRate: 1e-3 },
  references: "things",
  average: AVERAGE,
  prompt: "compact",
};

/**
 * As published (arXiv 2510.05592, section 4), for a chat model of 7 B parameters on GPUs: 32 queries of 8 rollouts, a constant
 * learning rate, the KL to the reference in the loss; nothing is imitated, refilled or scaled.
 */
const paper: Recipe = {
  ...flowOnly,
  steps: 32,
  grpo: {
    ...flowOnly.grpo,
    tasksPerStep: 32,
    beta: 0.001,
    clipLow: 0.2,
    clipHigh: 0.3,
    minimumMixedGroups: 0,
    maxRefills: 0,
    fullStepGroups: 0,
    guard: false,
  },
  learningRate: { peak: 1e-6, warmUp: 0, finalShare: 1 },
  replay: { ...tiny.replay, from: 0, to: 0, episodes: 0, states: 0, pool: 0 },
  exercises: noExercises,
  successes: noSuccesses,
  families: { ...tiny.families, floor: 1 },
  detail: "names",
  temperature: 0.7,
  maxTokens: 2048,
  validation: { tasks: 60, every: 4 },
  checkpointEvery: 1,
};

/** Of a planner that is made for a project's tools: smaller, so that its steps are quick; its cold start is part of the run. */
const micro: Recipe = {
  ...tiny,
  steps: 160,
  // Its reference would be weights that know nothing: no KL is measured.
  grpo: { ...flowOnly.grpo, tasksPerStep: 8, fullStepGroups: 2, klEvery: 0 },
  learningRate: { peak: 6e-4, warmUp: 6, finalShare: 0.3 },
  replay: { ...tiny.replay, from: 0.1, to: 0.005, over: 0.7, episodes: 4, states: 12, pool: 300 },
  exercises: { from: 0.05, to: 0.02, over: 1, sequences: 4, pool: 300 },
  routes: { from: 0.16, to: 0.12, over: 1, sequences: 12 },
  successes: { from: 0.15, to: 0.08, over: 1, sequences: 12 },
  families: { ...tiny.families, begun: true },
  mistakes: 0.15,
  beginnings: false,
  marked: true,
  coldStart: { steps: 1000, plans: 2, exercises: 4, routes: 14, learningRate: 4e-3 },
  validation: { tasks: 40, every: 20 },
  fixedOrderTasks: 48,
};

/** Share of the calls of shown routes that fail for now, where calls do so in training. */
export const UNAVAILABLE = 0.05;

/** What a verifier that learns imitates first. */
export const verifierColdStart = { steps: 200, trajectories: 600, batch: 16, learningRate: 1e-3, agreement: 0.98 };

/** The recipe's learning rate over a run. */
export const learningRateOf = ({ learningRate }: Recipe, steps: number): Schedule =>
  linearSchedule({ ...learningRate, steps });

/** A weight over a run of that many steps. */
export const descentOf =
  ({ from, to, over }: Descent, steps: number): Schedule =>
  (step) =>
    from + (to - from) * Math.min(1, step / Math.max(1, over * steps));

/**
 * Recipes by what learns: `paper` as published; `tiny` for small models whose weights all learn, `flowOnly` for these without
 * a cold start; `adapter` for adapters on small published models, whose steps are few and slow, and `chat` for those on
 * models that read what tools are for; `micro` for small planners of a project's own tools.
 */
export const recipes = { paper, tiny, flowOnly, micro, adapter, chat } as const;
