import { expect, it } from "vitest";
import { leverFlow, leverPolicy, leverReward, leverTasks } from "../../test/lever-world.ts";
import { ConfigError } from "../errors.ts";
import { flowGrpo } from "./flow-grpo.ts";
import type { FlowGrpoOptions } from "./flow-grpo-options.ts";
import { onlineLearner } from "./online.ts";

type Options = FlowGrpoOptions<{ readonly answer: string }>;

/** What a run published and measured, without its times. */
const train = async (changes: Partial<Options>) => {
  const policy = leverPolicy();
  const options: Options = {
    flow: leverFlow(policy),
    train: [policy],
    tasks: leverTasks,
    reward: leverReward,
    steps: 4,
    seed: 3,
    tasksPerStep: 3,
    learningRate: 0.4,
    ...changes,
  };
  const steps: object[] = [];
  for await (const { timings: _, ...step } of flowGrpo(options)) steps.push(step);
  return { steps, version: policy.version };
};

it("refuses what cannot work, before anything runs", () => {
  const policy = leverPolicy();
  const start = (changes: Partial<Options>) => () =>
    flowGrpo({
      flow: leverFlow(policy),
      train: [policy],
      tasks: leverTasks,
      reward: leverReward,
      steps: 1,
      ...changes,
    });
  expect(start({})).toThrow(/Cannot train on 3 tasks: a step takes 8/u);
  expect(start({ groupSize: 1, tasksPerStep: 1 })).toThrow(/groupSize is 1/u);
  expect(start({ train: [] })).toThrow(ConfigError);
});

it.each<Partial<Options>>([
  ...[0, 0.5, Number.NaN, Number.POSITIVE_INFINITY].map((importanceCap) => ({ importanceCap })),
  ...[-0.1, 1.5, Number.NaN].map((clipLow) => ({ clipLow })),
  ...[-0.1, Number.NaN, Number.POSITIVE_INFINITY].map((clipHigh) => ({ clipHigh })),
  ...[-1e-3, Number.NaN, Number.POSITIVE_INFINITY].map((learningRate) => ({ learningRate })),
  ...[0, Number.NaN, 3e6].map((rollOutSeconds) => ({ rollOutSeconds })),
  ...[-0.1, Number.NaN].map((beta) => ({ beta })),
  ...[1, -0.1].flatMap((beta1) => [{ optimiser: { beta1 } }, { optimiser: { beta2: beta1 } }]),
  { optimiser: { epsilon: 0 } },
  { guard: { klStep: 0 } },
  { guard: { shrink: 1 } },
  { updatesPerBatch: 0 },
])("refuses %o, by name, before anything runs", (changes) => {
  const policy = leverPolicy();
  const options = { flow: leverFlow(policy), train: [policy], tasks: leverTasks, reward: leverReward, steps: 1 };
  const [name = ""] = Object.keys(changes);
  const start = () => flowGrpo<{ readonly answer: string }>({ ...options, tasksPerStep: 3, ...changes });
  expect(start).toThrow(ConfigError);
  expect(start).toThrow(name);
});

it("refuses what a schedule returns that is not a rate, naming the step", async () => {
  const at = (rate: number) => train({ steps: 3, learningRate: (step) => (step === 1 ? rate : 0.1) });
  await expect(at(Number.NaN)).rejects.toThrow(
    "The learning rate of step 1 is NaN: a schedule returns a number from 0",
  );
  await expect(at(-0.1)).rejects.toThrow(ConfigError);
  await expect(at(Number.POSITIVE_INFINITY)).rejects.toThrow(ConfigError);
  const replay = { sequences: () => [{ ids: [1, 2], targets: [1] }], weight: () => Number.NaN };
  await expect(train({ steps: 1, replay })).rejects.toThrow("The weight of the replay in step 0 is NaN");
});

it("takes an option that is undefined for one that was left out", async () => {
  const given = await train({ updatesPerBatch: 2 });
  const left = await train({
    updatesPerBatch: 2,
    ...{ beta: undefined, clipLow: undefined, clipHigh: undefined, importanceCap: undefined, aggregation: undefined },
    ...{ guard: undefined, minimumMixedGroups: undefined, groupSize: undefined, optimiser: undefined },
    ...{ klEvery: undefined, maxRefills: undefined, fullStepGroups: undefined, maxStaleness: undefined },
    ...{ rollOutSeconds: undefined, concurrency: undefined, clock: undefined, after: undefined, replay: undefined },
    ...{ permuteRewards: undefined, onTrajectory: undefined, abortSignal: undefined },
  });
  expect(left).toEqual(given);
  expect(await train({ updatesPerBatch: 2, guard: { klStep: undefined, patience: undefined } })).toEqual(given);
});

it("gives the online learner the same options, which it refuses by the same rules", async () => {
  const start = (changes: Partial<Options>) => {
    const policy = leverPolicy();
    const { groupSize, clipHigh, importanceCap, updatesPerBatch, beta } = changes;
    const gate = { tasks: leverTasks, tolerance: 1 };
    const grpo = { groupSize, clipHigh, importanceCap, updatesPerBatch, beta, minimumMixedGroups: undefined };
    return onlineLearner({ flow: leverFlow(policy), train: [policy], reward: leverReward, gate, ...grpo });
  };
  expect(() => start({ importanceCap: 0.5 })).toThrow("importanceCap is 0.5");
  expect(() => start({ clipHigh: Number.NaN })).toThrow(ConfigError);
  const learner = start({ groupSize: 2, updatesPerBatch: 2 });
  for (const task of leverTasks) learner.add(task);
  const { steps } = await learner.learn();
  // Two rollouts of eight tasks, and no refill.
  expect(steps.map(({ trajectories }) => trajectories)).toEqual([16, 16, 16, 16]);
  learner.close();
});
