import type { Engine } from "../engine.ts";
import { defined } from "../options.ts";
import { algorithms } from "./algorithms.ts";
import { type Recipe, recipes, UNAVAILABLE, verifierColdStart } from "./recipe.ts";
import type { LearnSettings } from "./settings.ts";
import type { ToolFailures } from "./tool-failures.ts";

/** What a recipe is chosen by, and what is changed in it. */
export interface RecipeChoice
  extends Pick<
    LearnSettings,
    "algorithm" | "coldStart" | "learningRate" | "prompt" | "steps" | "toolFailures" | "train" | "verdicts"
  > {
  /** Taken as it is, whatever learns, but for settings of the optimiser that the engine cannot keep. */
  readonly recipe?: Recipe | undefined;
  /** A model that knows the environment's tools, where there is one. */
  readonly builtInModel?: string | undefined;
  /** Whether what was opened knows prompts that say how many turns are left, where that is known. */
  readonly turnsLeft?: boolean | undefined;
  /** Whether what was opened knows prompts that mark the fields of the asked unit, where that is known. */
  readonly marked?: boolean | undefined;
  /** How what it imitated refers to results, where that is known. */
  readonly references?: Recipe["references"] | undefined;
  /**
   * Whether it is used as it was trained before: then there is no cold start, but for a recipe that was asked for, and prompts
   * and what is imitated are as it knows them. @default false
   */
  readonly isTaught?: boolean | undefined;
  /** Whether rewards are dealt out at random: then no call leads to an answer, and a built-in planner is shown none. @default false */
  readonly permuteRewards?: boolean | undefined;
  /** What learns on the engine, once it is open. */
  readonly learns?: Engine["learns"] | undefined;
  /** What the engine keeps of an optimiser's settings. @default all */
  readonly optimiser?: Engine["optimiser"] | undefined;
}

/**
 * The recipe of a run: the one that was asked for, or the one for what learns, with the settings of the run in it.
 *
 * @example
 * ```ts
 * import { chooseRecipe, learn } from "agentflow/learn";
 * import { almanac } from "agentflow/almanac";
 *
 * const recipe = chooseRecipe({ builtInModel: "agentflow-tiny", learningRate: 1e-4 });
 * const run = learn({ environment: almanac(), recipe, folder: "runs", steps: 2 });
 * ```
 */
export const chooseRecipe = ({
  recipe,
  builtInModel,
  learns,
  optimiser,
  algorithm,
  coldStart,
  learningRate,
  permuteRewards = false,
  prompt,
  steps,
  toolFailures,
  train = [],
  verdicts = false,
  turnsLeft,
  marked,
  references,
  isTaught = false,
}: RecipeChoice): Recipe => {
  const isAdapter = learns === "adapters";
  const isBuiltIn = builtInModel !== undefined && !isAdapter;
  const adapters = prompt === "chat" ? recipes.chat : recipes.adapter;
  const base =
    recipe ?? (isAdapter ? adapters : isBuiltIn ? (coldStart === 0 ? recipes.flowOnly : recipes.tiny) : recipes.micro);
  // Only compact prompts show verdicts, turns and marks as it is asked.
  const isCompact = !isAdapter || (prompt ?? base.prompt) === "compact";
  const isAsItWas = isTaught && recipe === undefined;
  const share = recipe === undefined && isBuiltIn ? Math.min(1, (steps ?? base.steps) / base.steps) : 1;
  const shown = isAsItWas ? 0 : (coldStart ?? Math.ceil(share * base.coldStart.steps));
  // What imitates learns the recipe's prompts; what does not keeps those that it knows.
  const hasLesson = !permuteRewards || base.coldStart.plans + base.coldStart.exercises > 0;
  const isTeaching = !isTaught && hasLesson && shown > 0 && (train.length === 0 || train.includes("planner"));
  const { turnsLeft: _, marked: __, ...rest } = base;
  // A model for the tools of the built-in one that says nothing of its prompts is taken to know that one's.
  const own = (isAsItWas || !hasLesson) && isBuiltIn ? {} : defined({ turnsLeft: base.turnsLeft, marked: base.marked });
  const known = isCompact ? defined({ turnsLeft, marked }) : {};
  return {
    ...rest,
    ...(isTeaching ? { ...known, ...own } : { ...own, ...known }),
    grpo: { ...base.grpo, ...(algorithm && algorithms[algorithm]), optimiser: keptOf(base.grpo.optimiser, optimiser) },
    learningRate: { ...base.learningRate, peak: learningRate ?? base.learningRate.peak },
    coldStart: { ...base.coldStart, steps: shown },
    ...(isAsItWas && references !== undefined && { references }),
    ...(train.includes("verifier") && { verifier: base.verifier ?? verifierColdStart }),
    ...(fails(toolFailures) && { unavailable: base.unavailable ?? UNAVAILABLE }),
    ...(prompt !== undefined && { prompt }),
    ...(verdicts && isCompact && { verdicts }),
  };
};

const fails = (shares: ToolFailures | undefined): boolean =>
  typeof shares === "object" ? Object.values(shares).some((one) => one > 0) : (shares ?? 0) > 0;

/** Settings of an optimiser as the engine will keep them. */
const keptOf = (settings: Recipe["grpo"]["optimiser"], kept: Engine["optimiser"]): Recipe["grpo"]["optimiser"] =>
  kept === undefined ? settings : { ...(kept === "unclipped" && settings), gradientClip: 0 };
