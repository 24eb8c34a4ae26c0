import { readFile } from "node:fs/promises";
import type { Environment, EnvironmentTask } from "../../environment.ts";
import { ConfigError } from "../../errors.ts";
import { createFlow } from "../../flow/flow.ts";
import { demonstrator } from "../../learn/demonstrations.ts";
import { learnFromTrajectories } from "../../learn/from-trajectories.ts";
import { silentModel } from "../../learn/silent-model.ts";
import { readTrajectories } from "../../store/stored-run.ts";
import { queryOf } from "../../task.ts";
import { stepOf, type Trajectory } from "../../trajectory.ts";
import type { ImitationArm } from "../arm.ts";
import type { ImitationResult } from "../result.ts";
import type { ArmContext } from "./context.ts";
import { onlyRun, stateOfRun } from "./run-folder.ts";
import { singlePolicyOf } from "./single-policy.ts";

const BATCH = 32;
/** Random plans that end with an answer. */
const FINISHED_PLANS = 2000;

/** Imitates; a run that was killed begins anew, for it takes a minute. */
export const runImitation = async (
  arm: ImitationArm,
  context: ArmContext,
): Promise<Omit<ImitationResult, "schemaVersion" | "arm" | "seed" | "key" | "seconds">> => {
  const { seed, folder, onProgress, abortSignal } = context;
  const isSingle = arm.shown === "finished plans";
  const environment = isSingle ? singlePolicyOf(context.environment) : context.environment;
  const run = await stateOfRun(folder);
  if (run.state === "finished") {
    const { trajectories, steps, loss } = JSON.parse(
      await readFile(`${run.folder}/report.json`, "utf8"),
    ) as ImitationResult;
    return { kind: "imitation", trajectories, steps, loss };
  }
  if (run.state === "begun") throw new ConfigError(`${run.folder} is no run of imitation.`);
  onProgress(0, "what is imitated");
  const imitating = learnFromTrajectories({
    environment,
    planner: context.planner(),
    recipe: context.recipe,
    ...(await shownBy(arm, context)),
    steps: arm.steps,
    batch: BATCH,
    evalTasks: 1,
    folder,
    seed,
    abortSignal,
  });
  for await (const event of imitating)
    if (event.type === "imitation-step") onProgress(event.step / event.steps, `imitation ${event.step}/${event.steps}`);
  const { trajectories, steps, loss } = await imitating.report;
  return { kind: "imitation", trajectories, steps, loss };
};

/** What is imitated: trajectories, or how many of the oracle's plans. */
const shownBy = async (
  { shown, of = "" }: ImitationArm,
  context: ArmContext,
): Promise<{ readonly trajectories: Trajectory[] } | { readonly demonstrations: number }> => {
  const { seed, abortSignal } = context;
  if (shown === "finished plans") {
    const environment = await singlePolicyOf(context.environment).open({ seed, abortSignal });
    const plans = await demonstrator(environment, seed, abortSignal)(0, FINISHED_PLANS);
    return { trajectories: plans.map(({ trajectory }) => trajectory) };
  }
  const counted = context.resultOf(of);
  if (counted.kind !== "training") throw new ConfigError(`${of} has no rollouts to imitate.`);
  if (counted.successes === 0) throw new ConfigError(`${of} solved nothing: there is nothing to imitate.`);
  if (shown === "oracle") return { demonstrations: counted.successes };
  const environment = await context.environment.open({ seed, abortSignal });
  return { trajectories: await successesIn(await onlyRun(context.folderOf(of)), environment, abortSignal) };
};

interface RolloutRow {
  readonly phase: string;
  readonly task: string;
  readonly family: string;
  readonly reward?: number;
  readonly actions: readonly string[];
}

/** Training tasks of a family that a short run can have drawn. */
const MOST_DRAWN = 2000;

/** The rollouts of a run that solved their tasks, made again from their actions: the tools give the same results. */
const successesIn = async (
  folder: string,
  environment: Environment,
  abortSignal: AbortSignal,
): Promise<Trajectory[]> => {
  const rows = ((await readTrajectories({ folder })) as RolloutRow[]).filter(
    ({ phase, reward }) => phase === "train" && reward === 1,
  );
  const wanted = groupedByFamily(rows);
  const tasks = new Map<string, EnvironmentTask>();
  for (const [family, ids] of wanted)
    for (let index = 0; ids.size > 0 && index < MOST_DRAWN; index += 1) {
      const task = environment.train(family, index);
      if (ids.delete(task.id)) tasks.set(task.id, task);
    }
  const tools = environment.tools(silentModel);
  const made: Trajectory[] = [];
  for (const [i, { task: id, actions }] of rows.entries()) {
    abortSignal.throwIfAborted();
    const task = tasks.get(id);
    if (task === undefined) continue;
    const flow = createFlow({
      ...environment.flow,
      planner: ({ turn }) => ({ step: stepOf(actions[turn - 1] ?? "") }),
      tools,
    });
    const { trajectory } = await flow.solve(queryOf(task), { id: `success-${i}`, abortSignal });
    if ((await environment.reward(task, trajectory.answer)) === 1) made.push(trajectory);
  }
  return made;
};

const groupedByFamily = (rows: readonly RolloutRow[]): ReadonlyMap<string, Set<string>> => {
  const families = new Map<string, Set<string>>();
  for (const { family, task } of rows) families.set(family, (families.get(family) ?? new Set()).add(task));
  return families;
};
