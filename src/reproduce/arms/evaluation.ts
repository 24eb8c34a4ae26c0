import { join } from "node:path";
import type { Engine, Policy } from "../../engine.ts";
import { openEngine } from "../../engines/onnx/index.ts";
import { type Environment, setNames } from "../../environment.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { createFlow, type Flow, type FlowOptions } from "../../flow/flow.ts";
import { modelPlanner } from "../../flow/model/planner.ts";
import { modelVerifier } from "../../flow/model/verifier.ts";
import { castOf } from "../../learn/cast.ts";
import { chooseRecipe } from "../../learn/choose-recipe.ts";
import { promptsOf } from "../../learn/recipe-prompts.ts";
import type { ChatModel } from "../../model.ts";
import { engineModel } from "../../models/index.ts";
import { findModel } from "../../setup/local-model.ts";
import { lineWriter, readLines } from "../../store/lines.ts";
import { evaluate } from "../../train/index.ts";
import type { EvaluationArm } from "../arm.ts";
import type { EvaluationResult } from "../result.ts";
import { rowOf, type SolveRow } from "../row.ts";
import type { ArmContext } from "./context.ts";
import { singlePolicyOf } from "./single-policy.ts";
import { variants } from "./variants.ts";

/** Tasks after which what was solved is on the disk. */
const CHUNK = 88;

/** Solves every task of the sets once; those whose rows are there already are not solved again. */
export const runEvaluation = async (
  arm: EvaluationArm,
  context: ArmContext,
): Promise<Pick<EvaluationResult, "kind" | "rows">> => {
  const { seed, folder, onProgress, abortSignal } = context;
  const source = arm.single === true ? singlePolicyOf(context.environment) : context.environment;
  const environment = await source.open({ seed, abortSignal });
  const sets = environment.evaluation("test", { ...context.sizes, ...arm.sizes });
  const tasks = setNames.flatMap((set) =>
    sets[set].map((task) => ({
      set,
      task: arm.turns === undefined ? task : { ...task, turnLimit: Math.min(arm.turns, task.turnLimit ?? arm.turns) },
    })),
  );
  await makeFolder(folder);
  const path = join(folder, "rows.jsonl");
  const known = new Map(((await readLines(path)) as SolveRow[]).map((row) => [row.task, row]));
  const left = tasks.filter(({ task }) => !known.has(task.id));
  const setOf = new Map(tasks.map(({ set, task }) => [task.id, set]));
  const players = left.length === 0 ? undefined : await openPlayers(arm, context);
  const flow = players === undefined ? undefined : flowOf(arm, environment, players);
  const lines = lineWriter(path);
  try {
    for (let from = 0; players !== undefined && flow !== undefined && from < left.length; from += CHUNK) {
      await evaluate({
        flow,
        tasks: left.slice(from, from + CHUNK).map(({ task }) => task),
        reward: environment.reward,
        seed,
        concurrency: CHUNK,
        policies: players.policies,
        abortSignal,
        onTrajectory: ({ task, trajectory, reward }) => {
          const row = rowOf(setOf.get(task.id) ?? "heldOutPages", task, trajectory, reward);
          known.set(task.id, row);
          lines.append(row);
        },
      });
      await lines.settled();
      onProgress(known.size / tasks.length, `${known.size}/${tasks.length} questions`);
    }
  } finally {
    await lines.close();
    await players?.dispose();
  }
  return { kind: "evaluation", rows: tasks.flatMap(({ task }) => plain(known.get(task.id)) ?? []) };
};

const flowOf = ({ variant }: EvaluationArm, { flow, tools }: Environment, { modules, model }: Players): Flow => {
  const whole: FlowOptions = { ...flow, ...modules, tools: tools(model) };
  return createFlow(variant === undefined ? whole : variants[variant](whole));
};

/** Without what a file of rows adds to each. */
const plain = (row: SolveRow | undefined): SolveRow | undefined => {
  if (row === undefined) return undefined;
  const { schemaVersion: _, ...rest } = row as SolveRow & { readonly schemaVersion?: number };
  return rest;
};

/** Who plays, and the frozen model behind the tools. */
interface Players {
  readonly model: ChatModel;
  readonly policies: readonly Policy[];
  readonly modules: Pick<FlowOptions, "planner"> & Partial<Pick<FlowOptions, "verifier">>;
  dispose(): Promise<void>;
}

const openPlayers = async (arm: EvaluationArm, context: ArmContext): Promise<Players> => {
  const { recipe, seed, abortSignal } = context;
  const engines: Engine[] = [];
  const dispose = async (): Promise<void> => {
    for (const engine of engines) await engine.dispose();
  };
  const environment = await context.environment.open({ seed, abortSignal });
  const open = async (weights?: string): Promise<Engine> => {
    const settings = { seed, concurrency: CHUNK };
    const { engine } = await context.planner(weights).open({
      environment,
      recipe,
      settings,
      onStep: () => undefined,
      abortSignal,
    });
    engines.push(engine);
    return engine;
  };
  try {
    const base = await open();
    const model = engineModel(base.policy("base"));
    if (arm.model !== undefined) {
      const large = await openEngine(await findModel(arm.model));
      engines.push(large);
      const cast = castOf(large, {
        modules: ["planner"],
        seed,
        recipe: chooseRecipe({ learns: large.learns, prompt: "chat" }),
      });
      return { model, policies: cast.policies, modules: cast.flow, dispose };
    }
    const { temperature, maxTokens } = recipe;
    const planner = (
      arm.planner === undefined ? base : await open(await context.weightsOf(arm.planner, "planner"))
    ).policy("planner");
    const play = { planner: modelPlanner(planner, { temperature, maxTokens, ...promptsOf(recipe) }) };
    if (arm.verifier === undefined) return { model, policies: [planner], modules: play, dispose };
    const verifier = (await open(await context.weightsOf(arm.verifier, "verifier"))).policy("verifier");
    return {
      model,
      policies: [planner, verifier],
      modules: { ...play, verifier: modelVerifier(verifier, { temperature }) },
      dispose,
    };
  } catch (error) {
    await dispose();
    throw error;
  }
};
