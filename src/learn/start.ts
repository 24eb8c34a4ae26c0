import type { Engine } from "../engine.ts";
import type { Environment } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { createFlow, type Flow } from "../flow/flow.ts";
import { ruleExecutor } from "../flow/rules/executor.ts";
import { defined } from "../options.ts";
import type { Run } from "../store/run-folder.ts";
import type { Toolset } from "../tool.ts";
import { type Cast, castOf } from "./cast.ts";
import { chooseRecipe, type RecipeChoice } from "./choose-recipe.ts";
import type { Emit } from "./event.ts";
import { findRoutes } from "./found-routes.ts";
import type { OpenedPlanner, PlannerSource } from "./planner-source.ts";
import type { Recipe } from "./recipe.ts";
import type { LearnSettings } from "./settings.ts";
import { silentModel } from "./silent-model.ts";
import { failingCalls, requireTools, withToolFailures } from "./tool-failures.ts";

/** Everything that training needs, as the settings ask for it. */
export interface Learning extends OpenedPlanner, Pick<Cast, "policies" | "modules" | "recipe"> {
  readonly environment: Environment;
  readonly planner: PlannerSource;
  readonly steps: number;
  readonly concurrency: number;
  readonly tools: Toolset;
  readonly flow: Flow;
  /** Of the planner as it was opened: the recipe with the prompts that it knows, and its flow. */
  readonly recipeBefore: Recipe;
  readonly flowBefore: Flow;
  /** Where training happens, and what is imitated: the same environment and flow, or with calls that fail at a rate. */
  readonly practice: { readonly environment: Environment; readonly flow: Flow };
  /** The environment with its routes: those that it knows, or that random calls find when they are first asked for. */
  walked(): Promise<Environment>;
  /** Seconds that it took to make the planner, where it was made. */
  readonly seconds?: number | undefined;
  /** Gives the engine back, where the run has opened it. */
  dispose(): Promise<void>;
}

export interface LearningParts {
  readonly settings: LearnSettings;
  readonly environment: Environment;
  readonly planner: PlannerSource;
  /** The recipe that was asked for; by default it is chosen. */
  readonly recipe: Recipe | undefined;
  /** Whether what is new is shown something before its first rollout, but for one that is made. @default true */
  readonly isShown?: boolean;
  readonly emit: Emit;
  /** Seconds on the run's clock. */
  readonly now: () => number;
  readonly abortSignal: AbortSignal;
}

/** Closes the run's folder and gives the engine back, also where a row could not be written. */
export const closeAll = async (run: Pick<Run, "close"> | undefined, learning: Learning | undefined): Promise<void> => {
  try {
    await run?.close();
  } finally {
    await learning?.dispose();
  }
};

/** Opens the planner and puts it into its flow. The caller disposes of it; nobody has to where this throws. */
export const openLearning = async (parts: LearningParts): Promise<Learning> => {
  const { settings, environment, planner, emit, now, abortSignal } = parts;
  const begun = now();
  if (planner.isMade === true && settings.coldStart === 0)
    throw new ConfigError(
      "A planner that is made for these tools knows nothing before its cold start. Set coldStart to at least 1, or leave it out.",
    );
  // Which one it is comes out when it is known what learns.
  let recipe = chooseRecipe(choiceOf(parts));
  let found: Promise<Environment> | undefined;
  const walked = (): Promise<Environment> => {
    found ??= withRoutes(parts, recipe);
    return found;
  };
  const shown = planner.isMade === true && recipe.coldStart.routes > 0 ? await walked() : environment;
  const opened = await planner.open({
    environment: practised({ ...parts, environment: shown }),
    recipe,
    settings,
    onStep: (step, steps, loss) => emit({ type: "imitation-step", step, steps, loss }),
    abortSignal,
  });
  const dispose = async (): Promise<void> => {
    if (planner.isShared !== true) await opened.engine.dispose();
  };
  try {
    const flow = withFlow(parts, opened);
    recipe = flow.recipe;
    return {
      ...flow,
      walked,
      ...(planner.isMade === true && { seconds: now() - begun }),
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};

/** What a person should know of an engine that keeps fewer settings of an optimiser than a recipe has. */
const NOT_KEPT = {
  unclipped: "The server does not clip gradients: gradientClip is 0 in this run.",
  "learning-rate": "The server takes a learning rate only: the other settings of the optimiser are its own.",
} as const;

/** The environment of training and imitation. */
const practised = ({ environment, settings: { toolFailures, seed } }: LearningParts): Environment =>
  toolFailures === undefined ? environment : withToolFailures(environment, toolFailures, seed);

/** An environment that knows no routes looks for as many as are shown. */
const withRoutes = async (
  { environment, settings, emit, abortSignal }: LearningParts,
  recipe: Recipe,
): Promise<Environment> => {
  if (environment.routes !== undefined) return environment;
  const { seed, steps = recipe.steps, permuteRewards: permuted } = settings;
  const tools = environment.tools(silentModel);
  const onProgress = (done: number, total: number): void =>
    emit({ type: "stage", stage: `calling the tools at random: ${done}/${total}` });
  const shown = recipe.coldStart.steps * recipe.coldStart.routes + steps * recipe.routes.sequences;
  const ofFamily = Math.ceil(shown / environment.families.length);
  return {
    ...environment,
    routes: await findRoutes({ environment, tools, seed, ofFamily, permuted, onProgress, abortSignal }),
  };
};

/** What the recipe is chosen by. A model that was trained before begins as it is. */
const choiceOf = (
  { settings, environment: { builtInModel }, planner, recipe, isShown = true }: LearningParts,
  opened?: Pick<Engine, "learns">,
): RecipeChoice => {
  const { algorithm, learningRate, permuteRewards, steps, toolFailures, train, verdicts } = settings;
  const isNew =
    opened === undefined || opened.learns === "adapters" || planner.isMade === true || planner.name === builtInModel;
  if (!isNew && (settings.coldStart ?? 0) > 0)
    throw new ConfigError(
      `${planner.name} is trained as it is: a cold start is for the built-in planner, for adapters and for planners that are made. Leave coldStart out.`,
    );
  const { coldStart } = settings;
  const isTaught = !isNew || (!isShown && planner.isMade !== true);
  const own = { algorithm, coldStart, learningRate, permuteRewards, steps, toolFailures, train, verdicts };
  return { ...own, recipe, builtInModel, isTaught };
};

/** Who plays which module, and the flow of it all. */
const withFlow = (parts: LearningParts, opened: OpenedPlanner): Omit<Learning, "dispose" | "seconds" | "walked"> => {
  const { settings, environment, planner, emit } = parts;
  const { engine } = opened;
  const { learns, optimiser } = engine;
  if (optimiser !== undefined) emit({ type: "diagnosis", message: NOT_KEPT[optimiser] });
  const { seed, prompt = parts.recipe?.prompt ?? opened.prompt, verdicts = opened.verdicts, toolFailures } = settings;
  const { turnsLeft, marked, references } = opened;
  const choice = { ...choiceOf(parts, engine), prompt, verdicts, turnsLeft, marked, references, learns, optimiser };
  const cast = castOf(engine, { ...settings, recipe: chooseRecipe(choice) });
  const { policies, model, recipe, modules, flow } = cast;
  const { steps = recipe.steps, concurrency = recipe.concurrency } = settings;
  const tools = environment.tools(model);
  requireTools(toolFailures, Object.keys(tools));
  const playing = { ...environment.flow, ...flow, tools };
  // Until it has imitated something, a planner knows the prompts that it was opened with.
  const recipeBefore = { ...recipe, ...defined({ turnsLeft, marked }) };
  const before = { ...playing, ...castOf(engine, { ...settings, recipe: recipeBefore }).flow };
  const executor = playing.executor ?? ruleExecutor();
  return {
    ...opened,
    environment,
    planner,
    policies,
    modules,
    recipe,
    steps,
    concurrency,
    tools,
    flow: createFlow(playing),
    recipeBefore,
    flowBefore: createFlow(before),
    practice: {
      environment: practised(parts),
      flow: createFlow(
        toolFailures === undefined ? playing : { ...playing, executor: failingCalls(executor, toolFailures, seed) },
      ),
    },
  };
};
