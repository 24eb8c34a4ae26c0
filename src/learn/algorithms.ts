import type { GrpoSettings } from "../train/index.ts";

/**
 * Algorithms by name, each as what it changes in a recipe: Flow-GRPO as published, and what came after it.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { algorithms, learn, recipes } from "agentflow/learn";
 *
 * const recipe = { ...recipes.tiny, grpo: { ...recipes.tiny.grpo, ...algorithms.gigpo } };
 * const run = learn({ environment: almanac(), recipe, folder: "runs", steps: 2 });
 * ```
 */
export const algorithms = {
  /** Flow-GRPO (arXiv 2510.05592): the outcome of a rollout for each of its turns. */
  paper: { stepCredit: "none" },
  /** The same without the standard deviation (Dr. GRPO). */
  "no-std": { advantage: "no-std" },
  /** RLOO. */
  "leave-one-out": { advantage: "leave-one-out" },
  /** MaxRL (arXiv 2602.02710): rare successes weigh more. */
  "max-rl": { advantage: "max-rl" },
  /** GiGPO (arXiv 2505.10978): steps from the same state are compared with each other. */
  gigpo: { stepCredit: "same-state" },
  /** After GraphGPO (arXiv 2605.26684): a step is worth how much nearer it came to a success of its group. */
  progress: { stepCredit: "progress" },
  /** A step that brought something new is worth more than one that did not, also where all rollouts fail. */
  discovery: { stepCredit: "discovery" },
  /** A control: only the last turn of a rollout learns from its outcome. */
  "last-turn": { stepCredit: "last-turn" },
  /** ECHO (arXiv 2605.24517): what tools return is modelled, too. */
  echo: { observationWeight: 0.05 },
  /** Tree-GRPO (arXiv 2509.21240): half of the rollouts of a group fork from a turn of the others. */
  tree: { forks: 4 },
  /** GSPO: two updates a batch under one ratio a sequence. */
  gspo: { clip: "sequence", clipLow: 3e-4, clipHigh: 4e-4, updatesPerBatch: 2 },
  /** CISPO: two updates a batch, in which no token is left out. */
  cispo: { clip: "weight", clipHigh: 0.3, updatesPerBatch: 2 },
  /** SAMPO (arXiv 2602.21534): GSPO's clip with GiGPO's credit. */
  sampo: { clip: "sequence", clipLow: 3e-4, clipHigh: 4e-4, updatesPerBatch: 2, stepCredit: "same-state" },
} as const satisfies Readonly<Record<string, Partial<GrpoSettings>>>;

export type AlgorithmName = keyof typeof algorithms;

export const algorithmNames = Object.keys(algorithms) as readonly AlgorithmName[];
