import type { Engine } from "../engine.ts";
import { availableMemory } from "../engines/onnx/available-memory.ts";
import { type OpenEngineOptions, openEngine } from "../engines/onnx/index.ts";
import type { Environment } from "../environment.ts";
import type { PromptForm } from "../flow/model/prompt-form.ts";
import { MICRO_PLANNER, makeMicroPlanner } from "./micro-planner.ts";
import type { Recipe } from "./recipe.ts";
import type { LearnSettings } from "./settings.ts";

/** What a run gives a planner when it opens it. */
export interface PlannerOpening {
  readonly environment: Environment;
  /** How a planner that has never seen the tools is shown them. */
  readonly recipe: Recipe;
  readonly settings: Pick<LearnSettings, "seed" | "train" | "concurrency"> &
    Partial<Pick<LearnSettings, "permuteRewards">>;
  /** Told of each step of imitation, counted from 1. */
  readonly onStep: (step: number, steps: number, loss: number) => void;
  readonly abortSignal: AbortSignal;
}

/** The engine of a planner that learns. */
export interface OpenedPlanner {
  readonly engine: Engine;
  /** Folders of the adapters that policies start from, by policy. */
  readonly adapters?: Readonly<Record<string, string>> | undefined;
  /** How its prompts are written, where that is known. */
  readonly prompt?: PromptForm | undefined;
  /** Whether it was trained on prompts with verdicts: without them it is not itself. */
  readonly verdicts?: boolean | undefined;
  /** Whether it was trained on prompts that say how many turns are left, where that is known. */
  readonly turnsLeft?: boolean | undefined;
  /** Whether it was trained on prompts that mark the fields of the asked unit, where that is known. */
  readonly marked?: boolean | undefined;
  /** How what it imitated refers to results, where that is known. */
  readonly references?: Recipe["references"] | undefined;
  /** The tokenizer.json of a planner that was made for the tools: workers have no other way to it. */
  readonly tokenizer?: unknown;
}

/** A planner that each run opens for itself: a model in a folder, or one that is made for the tools. */
export interface PlannerSource {
  readonly name: string;
  /** What identifies how it is opened, for a run's `config.json`. */
  readonly record?: Readonly<Record<string, unknown>> | undefined;
  /** Whether it is made from nothing for the environment's tools. @default false */
  readonly isMade?: boolean | undefined;
  /** Whether the caller disposes of its engine. @default false */
  readonly isShared?: boolean | undefined;
  open(opening: PlannerOpening): Promise<OpenedPlanner>;
}

/** Rows of a small model cost little. */
const FEWEST_SLOTS = 192;
const MOST_CACHE_BYTES = 4 * 2 ** 30;
const CONCURRENCY = 48;

/**
 * Room for the histories of a run: one a question and module that learns, and as much again for what the others ask.
 * A third of the memory that is left, at most 4 GiB: where there is less, histories are taken in anew turn by turn, which
 * changes time only.
 */
export const roomFor = ({
  concurrency = CONCURRENCY,
  train = ["planner"],
}: Pick<LearnSettings, "concurrency" | "train"> = {}): Pick<OpenEngineOptions, "slots" | "cacheBytes"> => ({
  slots: Math.max(FEWEST_SLOTS, concurrency * (train.length + 1)),
  cacheBytes: Math.min(MOST_CACHE_BYTES, Math.floor(availableMemory() / 3)),
});

/**
 * A planner that is made for the environment's tools, by imitation of what random calls found.
 *
 * @example
 * ```ts
 * import { learn, microPlanner, project } from "agentflow/learn";
 * import { calculate } from "agentflow/tools";
 *
 * const tasks = [{ id: "t1", question: 'What is "12" plus "30"?', sealed: { answer: 42 } }];
 * const environment = project({ tools: { calculate }, tasks });
 * const run = learn({ environment, planner: microPlanner(), folder: "runs", seed: 7 });
 * ```
 */
export const microPlanner = (): PlannerSource => ({
  name: MICRO_PLANNER,
  isMade: true,
  open: async ({ environment, recipe, settings: { seed, permuteRewards }, onStep, abortSignal }) =>
    makeMicroPlanner({ environment, recipe, seed, permuteRewards, onStep, abortSignal }),
});

/** A model that the package ships, made on prompts that say how many turns are left and mark nothing. */
const builtInPlanner = (name: string): PlannerSource => ({
  name,
  open: async ({ settings }) => ({
    engine: await openEngine(name, roomFor(settings)),
    turnsLeft: true,
    marked: false,
  }),
});

const isSource = (planner: PlannerSource | Engine): planner is PlannerSource => "open" in planner;

/** The planner that was asked for, an engine as it is; by default what the environment has for its tools. */
export const plannerSource = (
  planner: PlannerSource | Engine | undefined,
  { builtInModel }: Pick<Environment, "builtInModel">,
): PlannerSource => {
  if (planner === undefined) return builtInModel === undefined ? microPlanner() : builtInPlanner(builtInModel);
  if (isSource(planner)) return planner;
  return { name: planner.model, isShared: true, open: async () => ({ engine: planner }) };
};
