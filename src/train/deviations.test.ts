import { expect, it, vi } from "vitest";
import { leverFlow, leverReward, leverTasks } from "../../test/lever-world.ts";
import { scriptedPolicy } from "../testing/index.ts";
import { flowGrpo } from "./flow-grpo.ts";
import type { FlowGrpoOptions } from "./flow-grpo-options.ts";
import type { StepMetrics } from "./step-metrics.ts";

type Options = FlowGrpoOptions<{ readonly answer: string }>;

/** log π of each token in sampling; of the trainer `shift` is added, of its reference `reference`. */
const LOGP = -1.5;
interface World {
  /** Texts that are sampled, in order: an action each. */
  readonly actions?: readonly string[];
  /** By how much an optimiser step moves the tokens of rollouts that press left; those of the others move the other way. */
  readonly moved?: number;
  readonly reference?: number;
  /** Of the sampler's numbers; one that is not 0 is not exact. */
  readonly off?: number;
}

/** A rollout that wins in one turn of 11 tokens, and one that loses in two turns, of 10 tokens and of 12. */
const ACTIONS = ["press left", "look left", "press right"];

const learnOnce = async (changes: Partial<Options> = {}, world: World = {}) => {
  const { actions = ACTIONS, moved = 0, reference = 0, off = 0 } = world;
  let calls = 0;
  const policy = scriptedPolicy(() => actions[calls++ % actions.length] ?? "", { logProb: LOGP });
  const sample = policy.sample.bind(policy);
  vi.spyOn(policy, "sample").mockImplementation(async (request) => {
    const { logProbs, ...rest } = await sample(request);
    return { ...rest, logProbs: logProbs.map((logProb) => logProb + off), exact: off === 0 };
  });
  const forward = vi.spyOn(policy, "forward").mockImplementation(async (sequences, options) => {
    const logProbs = sequences.map(({ ids, targets }) => {
      const sign = policy.engine.tokenizer.decode(ids).includes("press left") ? 1 : -1;
      const shift = options?.reference === true ? reference : policy.log.steps.length === 0 ? 0 : sign * moved;
      return new Float32Array(targets.length).fill(LOGP + shift);
    });
    return { logProbs, entropies: logProbs };
  });
  const steps: StepMetrics[] = [];
  const options: Options = {
    flow: leverFlow(policy),
    train: [policy],
    tasks: leverTasks.slice(0, 1),
    reward: leverReward,
    steps: 1,
    groupSize: 2,
    tasksPerStep: 1,
    learningRate: 0.5,
    beta: 0,
    klEvery: 0,
    guard: false,
    concurrency: 1,
    ...changes,
  };
  for await (const step of flowGrpo(options)) steps.push(step);
  const { backward } = policy.log;
  const each = backward.map(({ coefficients }) => coefficients.map((c) => [...c]));
  return { policy, forward, each, backward, metrics: steps[0] };
};

/** Advantage of one that won among as many that lost. */
const A = 0.5 / (0.5 + 1e-6);
const times = (count: number, value: number): number[] => [...new Float32Array(count).fill(value)];
/** Coefficients are compared as float32, but for the last bits of a product. */
const same = (found: readonly (readonly number[])[] | undefined, wanted: readonly (readonly number[])[]): void => {
  expect(found?.map((c) => c.length)).toEqual(wanted.map((c) => c.length));
  for (const [i, value] of (found ?? []).flat().entries()) {
    const exact = wanted.flat()[i] ?? Number.NaN;
    expect(Math.abs(value - exact)).toBeLessThanOrEqual(2e-7 * Math.abs(exact));
  }
};
/** The losing rollout's coefficients: of its turn of 10 tokens, and of that of 12. */
const lost = (first: number, second = first): number[] => [...times(10, first), ...times(12, second)];

it("averages tokens, then turns, then trajectories, as the paper does: A / (G·S·|a|)", async () => {
  const { each, backward } = await learnOnce();
  expect(each).toHaveLength(1);
  same(each[0], [times(11, A / (2 * 11)), lost(-A / (2 * 2 * 10), -A / (2 * 2 * 12))]);
  expect(backward[0]?.importance).toBeUndefined();
});

it("aggregation: every token of a trajectory alike, or every token of the batch", async () => {
  const trajectories = await learnOnce({ aggregation: "trajectory-mean" });
  same(trajectories.each[0], [times(11, A / (2 * 11)), lost(-A / (2 * 22))]);
  const tokens = await learnOnce({ aggregation: "token-mean" });
  same(tokens.each[0], [times(11, A / 33), lost(-A / 33)]);
});

it("counts K over the batch: a sample that is missing in one group makes all others weigh more", async () => {
  let calls = 0;
  // The second group's second rollout is not a sample; its first one has no advantage.
  const reward: Options["reward"] = (task, answer) => (calls++ === 3 ? undefined : leverReward(task, answer));
  const tasks = () => leverTasks[0] as (typeof leverTasks)[number];
  const { each } = await learnOnce({ reward, tasks, tasksPerStep: 2 });
  same(each[0], [times(11, A / (3 * 11)), lost(-A / (3 * 2 * 10), -A / (3 * 2 * 12))]);
});

it("beta: adds β(π_ref/π_θ − 1) to the advantage, also of a trajectory that has none", async () => {
  const changes = { beta: 0.25 };
  const { each, metrics } = await learnOnce(changes, { reference: Math.log(2) });
  same(each[0], [times(11, (A + 0.25) / 22), lost((-A + 0.25) / 40, (-A + 0.25) / 48)]);
  expect(metrics?.klReference).toBeCloseTo(1 - Math.log(2), 6);
  const even = await learnOnce({ ...changes, reward: () => 1, maxRefills: 0 }, { reference: Math.log(2) });
  same(even.each[0], [times(11, 0.25 / 22), lost(0.25 / 40, 0.25 / 48)]);
});

it("klEvery: at beta 0 the KL is measured and changes no coefficient", async () => {
  const { each, metrics, forward } = await learnOnce({ klEvery: 1 }, { reference: Math.log(2) });
  expect(metrics?.klReference).toBeCloseTo(1 - Math.log(2), 6);
  same(each[0], [times(11, A / 22), lost(-A / 40, -A / 48)]);
  expect(forward).toHaveBeenCalledTimes(1);
  expect((await learnOnce({ klEvery: 0 })).metrics?.klReference).toBeUndefined();
});

it("updatesPerBatch: the second update has the ratio to the weights that sampled", async () => {
  const { each, metrics, policy } = await learnOnce({ updatesPerBatch: 2 }, { moved: 0.2 });
  same(each[1], [times(11, (Math.exp(0.2) * A) / 22), lost((-Math.exp(-0.2) * A) / 40, (-Math.exp(-0.2) * A) / 48)]);
  expect(metrics?.clipFraction).toBe(0);
  expect(policy.log.steps).toHaveLength(2);
});

it("clipHigh and clipLow: where the ratio has passed its clip nothing is left to learn", async () => {
  // Ratios are 1.22 for what won and 0.82 for what lost.
  const high = await learnOnce({ updatesPerBatch: 2, clipHigh: 0.2 }, { moved: 0.2 });
  same(high.each[1], [lost((-Math.exp(-0.2) * A) / 40, (-Math.exp(-0.2) * A) / 48)]);
  expect(high.metrics?.clipFraction).toBeCloseTo(11 / 33, 12);
  const low = await learnOnce({ updatesPerBatch: 2, clipLow: 0.1 }, { moved: 0.2 });
  same(low.each[1], [times(11, (Math.exp(0.2) * A) / 22)]);
  expect(low.metrics?.clipFraction).toBeCloseTo(22 / 33, 12);
});

it("importanceCap: tokens of another sampler weigh π_old/π_behaviour, by the engine in the first update", async () => {
  // What was drawn had a third of its probability under the trainer.
  const world = { off: -Math.log(3), moved: 0.2 };
  for (const [importanceCap, weight] of [
    [2, 2],
    [5, 3],
  ] as const) {
    const { each, backward } = await learnOnce({ updatesPerBatch: 2, importanceCap }, world);
    same(each[0], [times(11, A / 22), lost(-A / 40, -A / 48)]);
    expect(backward[0]?.importance?.cap).toBe(importanceCap);
    expect(backward[0]?.importance?.behaviour.map((of) => Array.from(of ?? []))).toEqual([
      new Array(11).fill(LOGP - Math.log(3)),
      new Array(22).fill(LOGP - Math.log(3)),
    ]);
    expect(backward[1]?.importance).toBeUndefined();
    const [up, down] = [weight * Math.exp(0.2) * A, -weight * Math.exp(-0.2) * A];
    same(each[1], [times(11, up / 22), lost(down / 40, down / 48)]);
  }
});

it("importanceCap with beta: the advantage is weighed, the KL term is not", async () => {
  const { each, backward } = await learnOnce({ beta: 0.25 }, { off: -Math.log(3), reference: Math.log(2) });
  expect(backward[0]?.importance).toBeUndefined();
  same(each[0], [times(11, (2 * A + 0.25) / 22), lost((-2 * A + 0.25) / 40, (-2 * A + 0.25) / 48)]);
});

it("fullStepGroups: with fewer mixed groups the step shrinks, and the coefficients stay", async () => {
  const { each, policy } = await learnOnce({ fullStepGroups: 4 });
  expect(policy.log.steps).toEqual([{ learningRate: 0.125 }]);
  same(each[0], [times(11, A / 22), lost(-A / 40, -A / 48)]);
});

it("replay: imitates beside the reward by the mean −logp of its tokens", async () => {
  const sequences = [{ ids: [1, 2, 3, 4], targets: [1, 3] }];
  const { each } = await learnOnce({ replay: { sequences: () => sequences, weight: () => 0.3 } });
  same(each[0], [times(11, A / 22), lost(-A / 40, -A / 48), [0.15, 0.15]]);
});

it("replay: each of several sources has a weight of its own, given how many sequences it has", async () => {
  const one = { ids: [1, 2, 3, 4], targets: [1, 3] };
  const two = { ids: [5, 6, 7], targets: [1, 2] };
  const replay = [
    { sequences: () => [one], weight: () => 0.3 },
    { sequences: () => [two, two], weight: (_: number, count: number) => 0.2 * count },
    { sequences: () => [], weight: () => 1 },
  ];
  const { each } = await learnOnce({ replay });
  const rewarded = [times(11, A / 22), lost(-A / 40, -A / 48)];
  same(each[0], [...rewarded, [0.15, 0.15], [0.1, 0.1], [0.1, 0.1]]);
});

it("optimiser: everything but the rate goes to the policy as it is", async () => {
  const optimiser = { beta1: 0.8, gradientClip: 0 };
  expect((await learnOnce({ optimiser })).policy.log.steps).toEqual([{ ...optimiser, learningRate: 0.5 }]);
});

it("minimumMixedGroups and maxRefills: further groups join the same batch", async () => {
  // The first group's rewards are equal: one round of further tasks follows, and its group is mixed.
  let calls = 0;
  const reward: Options["reward"] = (task, answer) => (calls++ < 2 ? 1 : leverReward(task, answer));
  const tasks = () => leverTasks[0] as (typeof leverTasks)[number];
  const { each, metrics } = await learnOnce({ reward, tasks, maxRefills: 2 });
  expect(metrics?.groups).toMatchObject({ total: 2, mixed: 1 });
  same(each[0], [times(11, A / (4 * 11)), lost(-A / (4 * 2 * 10), -A / (4 * 2 * 12))]);
  calls = 0;
  expect((await learnOnce({ reward, tasks, maxRefills: 0 })).each).toEqual([]);
});

it("guard: takes a step back that moved too far, also where its later updates are clipped whole", async () => {
  for (const updatesPerBatch of [1, 2, 3]) {
    // The ratio is e for what won and 1/e for what lost, beyond both clips: nothing is left after the first update.
    const { policy, metrics } = await learnOnce({ updatesPerBatch, guard: {} }, { moved: 1 });
    expect(policy.log.steps).toHaveLength(1);
    // k3 of the log-ratios 1 and −1.
    expect(metrics?.klStep).toBeCloseTo((11 * (Math.E - 2) + 22 / Math.E) / 33, 6);
    expect(metrics?.undone).toBe(true);
    // The first update, whose ratio is 1, clips nothing and is not averaged in.
    expect(metrics?.clipFraction).toBe(updatesPerBatch === 1 ? 0 : 1);
    expect([metrics?.versions, policy.version]).toEqual([{ planner: "version-1" }, "version-1"]);
  }
});

it("guard: false publishes the same step", async () => {
  const { metrics } = await learnOnce({ updatesPerBatch: 2, guard: false }, { moved: 1 });
  expect([metrics?.klStep, metrics?.undone, metrics?.versions]).toEqual([
    undefined,
    undefined,
    { planner: "version-2" },
  ]);
});
