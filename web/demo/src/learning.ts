/** One run of Flow-GRPO as the page shows it: what was measured before, each step, and what is measured again. */
import { randomKey } from "agentflow";
import { type Accuracy, advantages, evaluate, flowGrpo, linearSchedule } from "agentflow/train";
import { type ArchipelagoTask, reward, taskAt, tasks } from "../../../examples/archipelago/questions.ts";
import type { Group } from "../../../src/train/roll-out.ts";
import type { DemoPlanner } from "./planner.ts";
import { RECIPE } from "./recipe.ts";

/** The unseen tasks do not depend on the seed of a run: all runs are measured on the same ones. */
const MEASURED_SEED = 0;

/** Plans of a group that took the same actions. */
export interface PlanShare {
  readonly actions: readonly string[];
  readonly count: number;
  /** Mean reward; undefined where nobody knows what is right. */
  readonly reward: number | undefined;
  readonly advantage: number;
}

export type LearningEvent =
  | { readonly type: "measured"; readonly step: number; readonly accuracy: Accuracy }
  | { readonly type: "stepped"; readonly step: number; readonly reward: number; readonly version: string }
  /** The group of the step that taught most. */
  | { readonly type: "group"; readonly question: string; readonly size: number; readonly plans: readonly PlanShare[] };

export interface LearningOptions {
  readonly seed: number;
  /** The control: rewards are dealt out at random. */
  readonly shuffled: boolean;
  /** @default the recipe's */
  readonly steps?: number;
  /** @default the recipe's */
  readonly measured?: number;
  readonly abortSignal?: AbortSignal;
}

/** Measures on unseen tasks, as the planner is used. The planner and its tasks decide the result: no seed does. */
export const measure = ({ greedy, policy }: Pick<DemoPlanner, "greedy" | "policy">, count: number): Promise<Accuracy> =>
  evaluate({ flow: greedy, tasks: tasks("unseen", MEASURED_SEED, count), reward, policies: [policy] });

/** Distinct plans among rollouts, the likeliest first. */
export const planShares = (group: Group<ArchipelagoTask["sealed"]>): readonly PlanShare[] => {
  const each = advantages(
    group.rollouts_G.map((rollout) => rollout.reward),
    RECIPE.advantage,
  );
  const byPlan = new Map<string, { actions: readonly string[]; count: number; reward: number; advantage: number }>();
  for (const [i, { trajectory, reward: got = 0 }] of group.rollouts_G.entries()) {
    const actions = trajectory.memory.map(({ step }) => step.raw.trim());
    const known = byPlan.get(actions.join("\n")) ?? { actions, count: 0, reward: 0, advantage: each[i] ?? 0 };
    byPlan.set(actions.join("\n"), { ...known, count: known.count + 1, reward: known.reward + got });
  }
  return [...byPlan.values()]
    .map((plan) => ({ ...plan, reward: plan.reward / plan.count }))
    .sort((a, b) => b.count - a.count);
};

const spreadOf = (group: Group): number => {
  const right = group.rollouts_G.filter((rollout) => rollout.reward === 1).length / group.rollouts_G.length;
  return right * (1 - right);
};

/**
 * Learns: an async iterable of what happens. Leave it to stop; a reader that waits pauses it. The same seed gives the same
 * weights on the same kind of processor and browser.
 */
export async function* learning(
  planner: DemoPlanner,
  { seed, shuffled, steps = RECIPE.steps, measured = RECIPE.measured, abortSignal }: LearningOptions,
): AsyncGenerator<LearningEvent, void> {
  const { flow, policy } = planner;
  yield { type: "measured", step: 0, accuracy: await measure(planner, measured) };
  let taught: Group<ArchipelagoTask["sealed"]> | undefined;
  let rolled: { readonly task: ArchipelagoTask; readonly rollouts_G: Group["rollouts_G"][number][] }[] = [];
  const run = flowGrpo({
    flow,
    train: [policy],
    tasks: (index) => taskAt("train", seed, index),
    reward,
    steps,
    seed,
    groupSize: RECIPE.groupSize,
    tasksPerStep: RECIPE.tasksPerStep,
    learningRate: linearSchedule({ ...RECIPE.learningRate, steps }),
    advantage: RECIPE.advantage,
    optimiser: { beta2: 0.97 },
    beta: 0,
    klEvery: 0,
    guard: false,
    minimumMixedGroups: 0,
    concurrency: 64,
    permuteRewards: shuffled,
    onDiagnosis: () => undefined,
    onTrajectory: ({ task, trajectory, reward: got }) => {
      const last = rolled.at(-1);
      if (last?.task === task) last.rollouts_G.push({ trajectory, reward: got });
      else rolled.push({ task, rollouts_G: [{ trajectory, reward: got }] });
    },
    ...(abortSignal !== undefined && { abortSignal }),
  });
  for await (const step of run) {
    const done = step.index + 1;
    yield { type: "stepped", step: done, reward: step.reward.mean, version: policy.version };
    taught = rolled.reduce<typeof taught>(
      (best, one) => (best && spreadOf(best) >= spreadOf(one) ? best : one),
      undefined,
    );
    rolled = [];
    if (taught)
      yield {
        type: "group",
        question: taught.task.question,
        size: taught.rollouts_G.length,
        plans: planShares(taught),
      };
    if (done % RECIPE.measuredEvery === 0 && done < steps)
      yield {
        type: "measured",
        step: done,
        accuracy: await measure(planner, Math.min(measured, RECIPE.measuredOnTheWay)),
      };
  }
  yield { type: "measured", step: steps, accuracy: await measure(planner, measured) };
}

/** A key for what is asked beside a run, so that the run itself draws the same numbers. */
export const askKey = (question: string, plan: number) => randomKey("asked", question, plan);
