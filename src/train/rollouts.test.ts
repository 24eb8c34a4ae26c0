import { expect, it } from "vitest";
import { leverFlow, leverPolicy, leverReward, leverTasks } from "../../test/lever-world.ts";
import type { Flow } from "../flow/flow.ts";
import { scriptedPolicy } from "../testing/index.ts";
import { evaluate } from "./evaluate.ts";
import { flowGrpo } from "./flow-grpo.ts";
import type { FlowGrpoOptions } from "./flow-grpo-options.ts";
import { rollOutGroups } from "./roll-out.ts";
import type { StepMetrics } from "./step-metrics.ts";

type Options = FlowGrpoOptions<{ readonly answer: string }>;

/** Trains a lever policy; `hold` may keep a solve waiting before it begins. */
const train = async (
  changes: Partial<Options>,
  hold: (step: number, id: string, signal?: AbortSignal) => Promise<void> | undefined = () => undefined,
) => {
  const policy = leverPolicy();
  const quick = leverFlow(policy);
  const sampled: { readonly step: number; readonly version: string | undefined }[] = [];
  const flow: Pick<Flow, "solve"> = {
    solve: async (query, options) => {
      const step = Number(options?.id?.split("/")[0]);
      sampled.push({ step, version: options?.versions?.planner });
      await hold(step, options?.id ?? "", options?.abortSignal);
      return quick.solve(query, options);
    },
  };
  const steps: StepMetrics[] = [];
  const options: Options = {
    flow,
    train: [policy],
    tasks: leverTasks,
    reward: leverReward,
    steps: 25,
    seed: 3,
    tasksPerStep: 3,
    learningRate: 0.4,
    ...changes,
  };
  for await (const step of flowGrpo(options)) steps.push(step);
  const { accuracy } = await evaluate({ flow: quick, tasks: leverTasks, reward: leverReward, policies: [policy] });
  return { steps, sampled, accuracy };
};

const versionsOf = (steps: readonly StepMetrics[]) => steps.map(({ versions }) => versions.planner);

it("continues from turns that were taken before, and nobody learns from them", async () => {
  const policy = leverPolicy();
  const quick = leverFlow(policy);
  const [task] = leverTasks;
  if (task === undefined) throw new Error("There are tasks.");
  const { trajectory } = await quick.solve(task, { id: "before" });
  const memory = trajectory.memory
    .slice(0, 1)
    .map((entry) => ({ ...entry, verdict: { decision: "continue" as const, reason: "" } }));
  const groups = await rollOutGroups({
    flow: quick,
    tasks: leverTasks.slice(0, 2),
    reward: leverReward,
    groupSize: 3,
    seed: 3,
    step: 0,
    versions: {},
    begun: ({ id }) => (id === task.id ? { memory, turns: [] } : undefined),
  });
  const [begun, whole] = groups.map(({ rollouts_G }) => rollouts_G.map((rollout) => rollout.trajectory));
  for (const one of begun ?? []) {
    expect(one.memory[0]).toEqual(memory[0]);
    expect(one.memory.length).toBeGreaterThan(1);
    expect(one.turns.map(({ turn }) => turn)[0]).toBe(2);
  }
  for (const one of whole ?? []) expect(one.turns[0]?.turn).toBe(1);
});

it("samples each step by the version before it, on-policy, when nothing may be stale", async () => {
  const { steps, sampled } = await train({ steps: 4 });
  const published = versionsOf(steps);
  for (const { step, version } of sampled) if (step > 0) expect(version).toBe(published[step - 1]);
  expect(steps.every(({ staleness }) => staleness === undefined)).toBe(true);
});

it("rolls out the next step while one is trained, by a version at most one step older, and learns", async () => {
  const { steps, sampled, accuracy } = await train({ maxStaleness: 1 });
  const published = versionsOf(steps);
  for (const { step, version } of sampled) if (step > 1) expect(version).toBe(published[step - 2]);
  expect(steps.slice(1).map(({ staleness }) => staleness)).toEqual(
    steps.slice(1).map(() => ({ mean: 1, most: 1, tooLate: 0 })),
  );
  expect(accuracy).toBeGreaterThan(0.9);
});

it("carries groups that take long over to the next step, and trains on none that is too old", async () => {
  const many: Options["tasks"] = (index) => leverTasks[index % 3] as (typeof leverTasks)[number];
  // One group of each step waits until the step after the next one begins.
  const doors = Array.from({ length: 30 }, () => {
    let open = (): void => undefined;
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    return { open, opened };
  });
  const slow = (step: number, id: string, signal?: AbortSignal): Promise<void> | undefined => {
    doors[step]?.open();
    if (!/^\d+\/7\//.test(id)) return undefined;
    const aborted = new Promise<void>((end) => signal?.addEventListener("abort", () => end()));
    return Promise.race([doors[step + 2]?.opened, aborted]);
  };
  const changes = { maxStaleness: 2, tasksPerStep: 10, tasks: many, minimumMixedGroups: 0 };
  const { steps, accuracy } = await train(changes, slow);
  const sizes = steps.map(({ groups }) => groups.total);
  expect(sizes[0]).toBe(9);
  expect(sizes).toContain(10);
  for (const { staleness } of steps) expect(staleness?.most ?? 0).toBeLessThanOrEqual(2);
  expect(steps.some(({ staleness }) => staleness?.most === 2)).toBe(true);
  // None is lost without being counted, but those that wait when training ends.
  const late = steps.reduce((sum, { staleness }) => sum + (staleness?.tooLate ?? 0), 0);
  expect(sizes.reduce((sum, size) => sum + size, late)).toBeGreaterThanOrEqual(25 * 10 - 2);
  expect(accuracy).toBeGreaterThan(0.9);
});

it("ends a rollout that takes too long: it is not a sample", async () => {
  const stuck = (_: number, id: string): Promise<void> | undefined =>
    id.endsWith("/0/0") ? new Promise((wake) => setTimeout(wake, 2000)) : undefined;
  const { steps } = await train({ maxStaleness: 1, steps: 2, rollOutSeconds: 0.5 }, stuck);
  expect(steps.map(({ noSample }) => noSample)).toEqual([1, 1]);
});

it("refuses to roll out nothing at once", async () => {
  const policy = leverPolicy();
  const options = { flow: leverFlow(policy), tasks: leverTasks, reward: leverReward, groupSize: 2, seed: 1, step: 0 };
  for (const concurrency of [0, Number.NaN])
    await expect(rollOutGroups({ ...options, versions: {}, concurrency })).rejects.toThrow("concurrency");
});

it("throws what a rollout throws, also when it was rolled out ahead", async () => {
  const reward: Options["reward"] = () => 2;
  await expect(train({ maxStaleness: 2, reward })).rejects.toThrow(/must be a number from 0 to 1/);
});

it("forks rollouts from turns of others, the same at any concurrency", async () => {
  let calls = 0;
  // Looks in its first turns and presses in its second, so that each rollout has a turn to fork from.
  const policy = scriptedPolicy((prompt) => {
    calls += 1;
    return prompt.includes("@1") ? "press left" : `look ${calls % 2 === 0 ? "left" : "right"}`;
  });
  const flow = leverFlow(policy);
  const options = { flow, tasks: leverTasks.slice(0, 2), reward: leverReward, groupSize: 5, forks: 3 };
  const groups = await rollOutGroups({ ...options, seed: 1, step: 0, versions: {}, concurrency: 1 });
  // Two whole rollouts of two turns a task; each fork took one turn more.
  expect(calls).toBe(2 * (2 * 2 + 3));
  for (const { rollouts_G } of groups) {
    const [whole, forked] = [rollouts_G.slice(0, 2), rollouts_G.slice(2)];
    expect(forked).toHaveLength(3);
    for (const { trajectory } of forked) {
      expect(whole.map((one) => one.trajectory.memory[0])).toContain(trajectory.memory[0]);
      expect(whole.map((one) => one.trajectory.turns[0])).toContain(trajectory.turns[0]);
      expect(trajectory.memory).toHaveLength(2);
    }
  }
  const policyOf = leverPolicy();
  const rolled = (concurrency: number) =>
    rollOutGroups({ ...options, flow: leverFlow(policyOf), seed: 2, step: 0, versions: {}, concurrency });
  expect(await rolled(8)).toEqual(await rolled(1));
  await expect(rollOutGroups({ ...options, forks: 5, seed: 1, step: 0, versions: {} })).rejects.toThrow(/forks is 5/);
});
