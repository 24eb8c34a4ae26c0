import { openWorld } from "../almanac/environment.ts";
import type { Interrupts } from "../cli/interrupt.ts";
import type { Screen } from "../cli/screen.ts";
import { writeJson } from "../cli/terminal.ts";
import type { Engine } from "../engine.ts";
import { openEngine } from "../engines/onnx/index.ts";
import type { World } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { createFlow, type Flow } from "../flow/flow.ts";
import { BUILT_IN_MODEL, engineOptions, findPlayers, type Players, roomFor } from "../setup/local-model.ts";
import type { ReplyJournal } from "../store/reply-journal.ts";
import type { Toolset } from "../tool.ts";
import { type Cast, castOf } from "./cast.ts";
import { makeMicroPlanner } from "./micro-planner.ts";
import type { LearnOptions } from "./options.ts";
import type { Finding } from "./project/check-project.ts";
import { findingLines, openProject, requireSound } from "./project/open-project.ts";
import { recipe as builtInRecipe, microRecipe, type Recipe, withColdStart, withPeak, withVerdicts } from "./recipe.ts";

/**
 * The world to train on, and what a check of it found; of the built-in one nothing. What a project's tools reply is kept:
 * who knows whether they would say it again. Throws for a project that training would be vain on.
 */
export const openWorldOf = async (
  { config, check, seed, maxStaleness }: LearnOptions,
  screen: Screen,
  { abortSignal }: Pick<Interrupts, "abortSignal">,
  replies: ReplyJournal,
): Promise<{ readonly world: World; readonly findings: readonly Finding[] }> => {
  if (config === undefined && check === true)
    throw new ConfigError("learn --check checks a project: name its file, --config agentflow.config.ts.");
  if (config === undefined) return { world: await openWorld(seed), findings: [] };
  await replies.enter("opening");
  const { world, findings } = await openProject({
    file: config,
    seed,
    // With rollouts ahead of training no run repeats, whatever its tools answer.
    replies: (maxStaleness ?? 0) > 0 ? undefined : replies,
    onStage: (stage) => screen.live(`project: ${stage}`),
    abortSignal,
  });
  if (check === true) return { world, findings };
  for (const line of findingLines(findings.filter(({ level }) => level === "warning"))) screen.line(line);
  requireSound(findings);
  return { world, findings };
};

/** What `learn --check` says. Returns the exit code: 1 when training would be vain. */
export const showFindings = (findings: readonly Finding[], screen: Screen, json: boolean): number => {
  const sound = findings.every(({ level }) => level !== "error");
  if (json) writeJson({ schemaVersion: 1, sound, findings });
  for (const line of findingLines(findings)) screen.line(line);
  screen.line(sound ? "The project is ready to learn." : "Not ready: see the errors above.");
  return sound ? 0 : 1;
};

/** The engine of the planner that learns. */
export interface OpenedPlanner {
  readonly engine: Engine;
  readonly adapters?: Players["adapters"];
  readonly verdicts?: Players["verdicts"];
  /** What it took to make it, where it was made now. */
  readonly seconds?: number;
}

/** Opens the model that was asked for; for a project without one makes a small planner for its tools. */
export const openPlanner = async (
  options: LearnOptions,
  world: World,
  recipe: Recipe,
  screen: Screen,
  { abortSignal }: Pick<Interrupts, "abortSignal">,
): Promise<OpenedPlanner> => {
  if (options.config !== undefined && options.model === undefined) {
    const begun = performance.now();
    const { engine } = await makeMicroPlanner({
      world,
      recipe,
      seed: options.seed,
      onStep: (step, steps, loss) => {
        const text = `making a planner for these tools: step ${step + 1}/${steps}, loss ${loss.toFixed(2)}`;
        if (screen.interactive) screen.live(text);
        else if ((step + 1) % 40 === 0) screen.line(text);
      },
      abortSignal,
    });
    return { engine, seconds: (performance.now() - begun) / 1000 };
  }
  const { model, ...players } = await findPlayers(options.model ?? BUILT_IN_MODEL);
  const engine = await openEngine(model, {
    ...engineOptions({ ...options, adapters: players.adapters }),
    ...roomFor(options),
  });
  return { engine, ...players };
};

/** Everything that training needs, as the options ask for it. */
export interface Learning extends OpenedPlanner, Pick<Cast, "policies" | "modules" | "recipe"> {
  readonly steps: number;
  readonly concurrency: number;
  readonly tools: Toolset;
  readonly flow: Flow;
}

/** Opens the planner and puts it into its flow. The engine is the caller's to dispose. */
export const openLearning = async (
  options: LearnOptions,
  world: World,
  screen: Screen,
  interrupts: Pick<Interrupts, "abortSignal">,
): Promise<Learning> => {
  const own = options.config === undefined ? builtInRecipe : microRecipe;
  const small = withVerdicts(withColdStart(own, options.coldStart), options.verdicts);
  const opened = await openPlanner(options, world, small, screen, interrupts);
  const { verdicts = opened.verdicts } = options;
  const cast = castOf(opened.engine, { ...options, recipe: small, verdicts });
  const { policies, model, recipe: used, modules, flow } = cast;
  const recipe = withPeak(withColdStart(used, options.coldStart), options.learningRate);
  const { steps = recipe.steps, concurrency = recipe.concurrency } = options;
  const tools = world.tools(model);
  return {
    ...opened,
    policies,
    modules,
    recipe,
    steps,
    concurrency,
    tools,
    flow: createFlow({ ...world.flow, ...flow, tools }),
  };
};
