import { learn, resume } from "../../learn/learn.ts";
import type { PlannerSource } from "../../learn/planner-source.ts";
import { verifierColdStart } from "../../learn/recipe.ts";
import { readLines } from "../../store/lines.ts";
import { readTrajectories } from "../../store/stored-run.ts";
import type { TrainingArm } from "../arm.ts";
import type { TrainingResult } from "../result.ts";
import { chainOf } from "../row.ts";
import type { ArmContext } from "./context.ts";
import { stateOfRun } from "./run-folder.ts";
import { singlePolicyOf } from "./single-policy.ts";
import { staleEngine } from "./stale-engine.ts";

/** Its own evaluations are for people who train: here the sets are measured once, by evaluation arms. */
const NEVER = 1_000_000;
const CHECKPOINT_EVERY = 20;
/** A verifier that learns is shown less than in a run of learning of its own: it has less time. */
const VERIFIER = { ...verifierColdStart, steps: 120, trajectories: 400 };

const staleSource = (source: PlannerSource): PlannerSource => ({
  ...source,
  name: `${source.name}, stale`,
  open: async (opening) => {
    const opened = await source.open(opening);
    return { ...opened, engine: staleEngine(opened.engine) };
  },
});

/** Trains; a run that was begun is resumed. */
export const runTraining = async (
  arm: TrainingArm,
  context: ArmContext,
): Promise<Omit<TrainingResult, "schemaVersion" | "arm" | "seed" | "key" | "seconds">> => {
  const { recipe, steps, seed, folder, onProgress, abortSignal } = context;
  const { single = false, stale = false, permuteRewards = false, train, from } = arm;
  const source = context.planner(from === undefined ? undefined : await context.weightsOf(from, "planner"));
  const environment = single ? singlePolicyOf(context.environment) : context.environment;
  const planner = stale ? staleSource(source) : source;
  const run = await stateOfRun(folder);
  if (run.state !== "finished") {
    const learning =
      run.state === "begun"
        ? resume(run.folder, { environment, planner, abortSignal })
        : learn({
            environment,
            planner,
            recipe: {
              ...recipe,
              grpo: { ...recipe.grpo, klEvery: 0, ...arm.grpo },
              validation: { tasks: 1, every: NEVER },
              fixedOrderTasks: 1,
              ...(train?.includes("verifier") === true && { verifier: VERIFIER }),
              checkpointEvery: Math.min(CHECKPOINT_EVERY, recipe.checkpointEvery),
            },
            steps,
            evalTasks: 1,
            // What is undone goes back to the version that is sampled, which for a stale planner is the first one.
            ...(stale && { guard: false }),
            ...(train !== undefined && { train }),
            permuteRewards,
            folder,
            seed,
            abortSignal,
          });
    for await (const event of learning) {
      if (event.type === "imitation-step") onProgress(0, `imitation ${event.step}/${event.steps}`);
      if (event.type === "step-end")
        onProgress(event.step / steps, `step ${event.step}/${steps}, reward ${event.metrics.reward.mean.toFixed(2)}`);
    }
    await learning.report;
  }
  return { kind: "training", ...(await summaryOf(folder)) };
};

interface MetricsRow {
  readonly reward: { readonly mean: number };
  readonly toolErrorRate: number;
  readonly turns: number;
  readonly responseTokens: number;
  readonly trajectories: number;
}

interface RolloutRow {
  readonly phase: string;
  readonly step: number;
  readonly reward?: number;
  readonly actions: readonly string[];
}

const summaryOf = async (
  root: string,
): Promise<Omit<TrainingResult, "kind" | "schemaVersion" | "arm" | "seed" | "key" | "seconds">> => {
  const run = await stateOfRun(root);
  const folder = run.state === "new" ? root : run.folder;
  const metrics = (await readLines(`${folder}/metrics.jsonl`)) as MetricsRow[];
  const rollouts = ((await readTrajectories({ folder })) as RolloutRow[]).filter(({ phase }) => phase === "train");
  const solved = rollouts.filter(({ reward }) => reward === 1);
  const firsts: Record<string, number> = {};
  for (const { actions, step } of solved) firsts[chainOf(actions)] ??= step + 1;
  return {
    steps: metrics.length,
    rollouts: rollouts.length,
    sampledTokens: Math.round(metrics.reduce((sum, row) => sum + row.responseTokens * row.trajectories, 0)),
    successes: solved.length,
    course: metrics.map(({ reward, toolErrorRate, turns }) => ({ reward: reward.mean, toolErrorRate, turns })),
    firsts,
  };
};
