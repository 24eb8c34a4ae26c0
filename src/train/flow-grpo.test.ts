import { describe, expect, it, vi } from "vitest";
import { leverFlow, leverPolicy, leverReward, leverTasks } from "../../test/lever-world.ts";
import type { Policy } from "../engine.ts";
import { ConfigError, EngineError, ModelError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { modelPlanner } from "../flow/model/planner.ts";
import { scriptedPlanner, scriptedPolicy } from "../testing/index.ts";
import { evaluate } from "./evaluate.ts";
import { flowGrpo } from "./flow-grpo.ts";
import type { FlowGrpoOptions } from "./flow-grpo-options.ts";
import type { Rollout } from "./roll-out.ts";
import { mean } from "./statistics.ts";
import type { StepMetrics } from "./step-metrics.ts";

type Options = FlowGrpoOptions<{ readonly answer: string }>;

const train = async (changes: Partial<Options> = {}) => {
  const own = leverPolicy();
  const options: Options = {
    flow: leverFlow(own),
    train: [own],
    tasks: leverTasks,
    reward: leverReward,
    steps: 25,
    seed: 3,
    tasksPerStep: 3,
    learningRate: 0.4,
    ...changes,
  };
  const steps: StepMetrics[] = [];
  for await (const step of flowGrpo(options)) steps.push(step);
  const [policy = own] = options.train;
  return { policy, flow: options.flow, steps, last: steps.at(-1) as StepMetrics };
};

const repeatable = (steps: readonly StepMetrics[]) => steps.map(({ timings: _, ...rest }) => rest);

/** The policy with a sampler that is another arithmetic than the trainer: it says so, and its numbers are off by `off`. */
const inexact = (policy: Policy, off = 0): Policy => {
  const sample = policy.sample.bind(policy);
  vi.spyOn(policy, "sample").mockImplementation(async (request) => {
    const { logProbs, ...rest } = await sample(request);
    return { ...rest, logProbs: logProbs.map((logProb) => logProb + off), exact: false };
  });
  return policy;
};

const accuracy = async ({ flow, policy }: Pick<Awaited<ReturnType<typeof train>>, "flow" | "policy">) => {
  const tasks = leverTasks.flatMap((task) =>
    Array.from({ length: 30 }, (_, i) => ({ ...task, id: `${task.id}-${i}` })),
  );
  return (await evaluate({ flow, tasks, reward: leverReward, policies: [policy] })).accuracy;
};

describe("flowGrpo", () => {
  it("learns which lever opens which colour from the reward alone", async () => {
    const run = await train();
    expect(run.steps[0]?.reward.mean).toBeLessThan(0.5);
    expect(await accuracy(run)).toBeGreaterThan(0.9);
    expect(run.last.entropy).toBeLessThan(run.steps[0]?.entropy ?? 0);
    expect(run.last.klReference).toBeGreaterThan(0.1);
    for (const step of run.steps) expect(Math.abs(step.klSampler)).toBeLessThan(1e-6);
  });

  it("learns nothing when rewards are dealt out at random", async () => {
    expect(await accuracy(await train({ permuteRewards: true }))).toBeLessThan(0.6);
  });

  it("learns by every variant: no KL, several clipped updates a batch, a sampler that is not the trainer", async () => {
    const policy = inexact(leverPolicy());
    const run = await train({
      flow: leverFlow(policy),
      train: [policy],
      beta: 0,
      updatesPerBatch: 3,
      aggregation: "token-mean",
      learningRate: 0.2,
    });
    expect(await accuracy(run)).toBeGreaterThan(0.9);
    expect(run.steps.some(({ clipFraction }) => clipFraction > 0)).toBe(true);
  });

  it("has the engine weigh tokens by π_old/π_behaviour, without a forward of its own", async () => {
    const own = inexact(leverPolicy());
    const forwards = vi.spyOn(own, "forward");
    const backwards = vi.spyOn(own, "backward");
    const options = { beta: 0, klEvery: 0, guard: false, steps: 6 } as const;
    const weighed = await train({ ...options, flow: leverFlow(own), train: [own] });
    expect(forwards).not.toHaveBeenCalled();
    const [sequences, , given] = backwards.mock.calls[0] ?? expect.fail("no backward");
    expect(given?.importance?.cap).toBe(2);
    expect(given?.importance?.behaviour.map((of) => of?.length)).toEqual(
      sequences.map(({ targets }) => targets.length),
    );
    // Sampler and trainer agree here: each token weighs 1, and training is the same as without.
    const plain = await train(options);
    expect(weighed.last.versions).toEqual(plain.last.versions);
    // A KL term is not weighed with the rest: there the forward stays.
    await train({ ...options, beta: 0.01, flow: leverFlow(own), train: [own], steps: 1 });
    expect(forwards).toHaveBeenCalledTimes(2);
    expect(backwards.mock.lastCall?.[2]?.importance).toBeUndefined();
  });

  it("sees for itself that the sampler drew at another temperature, and weighs its tokens", async () => {
    const policy = leverPolicy("planner", 1);
    const backward = vi.spyOn(policy, "backward");
    const flow = leverFlow(policy).with({ planner: modelPlanner(policy, { temperature: 0.5 }) });
    const seen: Rollout[] = [];
    const options = { flow, train: [policy], steps: 1, beta: 0, onTrajectory: (one: Rollout) => seen.push(one) };
    const { last } = await train(options);
    const [sequences = [], , given] = backward.mock.calls[0] ?? [];
    const drawn = seen.flatMap(({ trajectory: { turns } }) => turns.map(({ behaviourLogProbs }) => behaviourLogProbs));
    expect(given?.importance?.cap).toBe(2);
    expect(sequences.length).toBeGreaterThan(3);
    for (const behaviour of given?.importance?.behaviour ?? [])
      expect(drawn.flat().join()).toContain(Array.from(behaviour ?? []).join());
    expect(Math.abs(last.klSampler)).toBeGreaterThan(0.01);
    // At temperature 1 the sampler's numbers are the trainer's.
    const plain = leverPolicy("planner", 1);
    const plainBackward = vi.spyOn(plain, "backward");
    await train({ ...options, flow: leverFlow(plain), train: [plain] });
    expect(plainBackward.mock.lastCall?.[2]?.importance).toBeUndefined();
  });

  it("reports no distance to the reference of a trainer that equals it, whatever sampled", async () => {
    const measured = async (policy: Policy) =>
      (await train({ flow: leverFlow(policy), train: [policy], steps: 1, beta: 0 })).last.klReference;
    expect(await measured(inexact(leverPolicy(), -0.7))).toBeCloseTo(0, 12);
    expect(await measured(leverPolicy())).toBeCloseTo(0, 12);
  });

  it("takes back steps that go too far, makes the next ones smaller, and learns all the same", async () => {
    const destructive = { learningRate: 40, steps: 40 };
    const guarded = await train(destructive);
    const undone = guarded.steps.filter((step) => step.undone);
    expect(undone.length).toBeGreaterThan(3);
    for (const { index, klStep, versions } of undone) {
      expect(klStep).toBeGreaterThan(0.05);
      // What the step before published is sampled again.
      if (index > 0) expect(versions).toEqual(guarded.steps[index - 1]?.versions);
    }
    expect(guarded.last.learningRate).toBe(40 / 2 ** undone.length);
    expect(await accuracy(guarded)).toBeGreaterThan(0.9);
    const unguarded = await train({ ...destructive, guard: false });
    expect(unguarded.steps.every(({ klStep }) => klStep === undefined)).toBe(true);
    await expect(train({ ...destructive, guard: { klStep: 1e-9, patience: 3 } })).rejects.toThrow(/4 steps in a row/);
    await expect(train({ guard: { shrink: 1 } })).rejects.toThrow(ConfigError);
  });

  it("gives the same run whatever the concurrency", async () => {
    const one = await train({ steps: 6, concurrency: 1 });
    const many = await train({ steps: 6, concurrency: 50 });
    expect(repeatable(one.steps)).toEqual(repeatable(many.steps));
    expect(one.policy.version).toBe(many.policy.version);
    expect((await train({ steps: 6, seed: 4 })).policy.version).not.toBe(one.policy.version);
  });

  it("reports conduct, groups and versions, and every trajectory in order", async () => {
    const seen: string[] = [];
    const { last, policy } = await train({
      steps: 1,
      onTrajectory: ({ trajectory }) => seen.push(trajectory.id),
    });
    expect(last).toMatchObject({ index: 0, trajectories: 24, noSample: 0, limitsHit: 0, tasksDrawn: 3 });
    expect(last.groups.total).toBe(3);
    expect(last.klReference).toBeCloseTo(0, 12);
    expect(Object.keys(last.toolShares)).toEqual(["look", "press"]);
    expect(last.responseTokens).toBeCloseTo(last.turns * 3, 12);
    expect(last.versions).toEqual({ planner: policy.version });
    expect(seen).toEqual(leverTasks.flatMap((_, p) => Array.from({ length: 8 }, (_, g) => `0/${p}/${g}`)));
  });

  it("counts groups by family, rollouts by turns, and how much the rollouts of a group differ", async () => {
    const seen: Rollout[] = [];
    const options = { steps: 1, onTrajectory: (rollout: Rollout) => seen.push(rollout) };
    const { last } = await train({ ...options, familyOf: ({ id }) => (id === "blue" ? undefined : `to ${id}`) });
    expect(Object.keys(last.families ?? {})).toEqual(["to green", "to red"]);
    expect(last.families?.["to red"]).toMatchObject({ total: 1 });
    const long = seen.filter(({ trajectory }) => trajectory.memory.length === 2);
    expect(last.byTurns).toEqual({
      1: { tried: 24 - long.length, earned: 24 * last.reward.mean - long.filter(({ reward }) => reward === 1).length },
      2: { tried: long.length, earned: long.filter(({ reward }) => reward === 1).length },
    });
    const kinds = [0, 8, 16].map((from) => {
      const actions = seen
        .slice(from, from + 8)
        .map(({ trajectory: { memory } }) => memory.map(({ step }) => step.raw));
      return new Set(actions.map(String)).size;
    });
    expect(last.distinct).toBeCloseTo(mean(kinds.map((kind) => (kind - 1) / 7)), 12);
    expect(JSON.parse(JSON.stringify(last))).toEqual(last);
    expect((await train({ steps: 1 })).last).not.toHaveProperty("families");
  });

  it("rolls out further tasks until enough groups are mixed, and then stops refilling", async () => {
    const never = await train({ steps: 1, reward: () => 0, beta: 0, maxRefills: 3, fullStepGroups: 2 });
    expect(never.last).toMatchObject({ tasksDrawn: 12, trajectories: 96, gradientNorm: 0 });
    expect(never.last.groups).toEqual({ total: 12, mixed: 0, allSolved: 0, noneSolved: 12 });
    expect(never.last.learningRate).toBe(0);
    const soon = await train({ steps: 1, minimumMixedGroups: 2, fullStepGroups: 6 });
    expect(soon.last.tasksDrawn).toBe(3);
    expect(soon.last.learningRate).toBeCloseTo((0.4 * soon.last.groups.mixed) / 6, 12);
  });

  it("leaves the weights alone when no group is mixed", async () => {
    const { steps } = await train({ steps: 2, reward: () => 1, beta: 0 });
    expect(steps[1]?.versions).toEqual(steps[0]?.versions);
    expect(steps[1]?.groups.allSolved).toBe(steps[1]?.groups.total);
  });

  it("adds supervised sequences to the same gradient", async () => {
    const policy = scriptedPolicy(() => "press left");
    const flow = leverFlow(policy);
    const rewards = [0, 1];
    let calls = 0;
    const run = flowGrpo({
      flow,
      train: [policy],
      tasks: leverTasks.slice(0, 1),
      reward: () => rewards[calls++ % 2],
      steps: 1,
      groupSize: 2,
      tasksPerStep: 1,
      beta: 0,
      replay: { sequences: () => [{ ids: [1, 2, 3], targets: [1, 2] }], weight: () => 0.5 },
    });
    for await (const step of run) expect(step.replayLoss).toBeCloseTo(0.5, 6);
    const [{ sequences = [], coefficients = [] } = {}] = policy.log.backward;
    expect(sequences).toHaveLength(3);
    expect(sequences[2]).toEqual({ ids: [1, 2, 3], targets: [1, 2] });
    expect([...(coefficients[2] ?? [])]).toEqual([0.25, 0.25]);
    expect(coefficients[0]?.[0]).toBeCloseTo(-1 / (2 * 11), 6);
    expect(coefficients[1]?.[0]).toBeCloseTo(1 / (2 * 11), 6);
    expect(policy.log.held.size).toBe(0);
  });

  it("deals what is imitated to the updates of a step, each part for all of it", async () => {
    const policy = scriptedPolicy(() => "press left");
    let calls = 0;
    const run = flowGrpo({
      flow: leverFlow(policy),
      train: [policy],
      tasks: leverTasks.slice(0, 1),
      reward: () => [0, 1][calls++ % 2],
      steps: 1,
      groupSize: 2,
      tasksPerStep: 1,
      beta: 0,
      updatesPerBatch: 2,
      replay: { sequences: () => [1, 2, 3, 4].map((id) => ({ ids: [id, 5], targets: [1] })), weight: () => 0.5 },
    });
    for await (const _ of run);
    const imitated = policy.log.backward
      .slice(0, 2)
      .map(({ sequences, coefficients }) =>
        sequences.flatMap(({ ids }, i) => (ids.length === 2 ? [[ids[0], ...(coefficients[i] ?? [])]] : [])),
      );
    expect(imitated).toEqual([
      [
        [1, 0.25],
        [3, 0.25],
      ],
      [
        [2, 0.25],
        [4, 0.25],
      ],
    ]);
  });

  it("trains several policies from one reward, each on its own turns", async () => {
    const [first, second] = [leverPolicy("first"), leverPolicy("second")];
    const [planFirst, planSecond] = [modelPlanner(first), modelPlanner(second)];
    const flow = leverFlow(first).with({
      planner: (state, context) => (state.turn === 1 ? planFirst : planSecond)(state, context),
    });
    const before = { first: first.version, second: second.version };
    const tasks = (index: number) => leverTasks[index % 3] as (typeof leverTasks)[number];
    const { last, steps } = await train({ flow, train: [first, second], tasks });
    expect(Object.keys(last.versions)).toEqual(["first", "second"]);
    expect(last.versions.first).not.toBe(before.first);
    expect(last.versions.second).not.toBe(before.second);
    expect(mean(steps.slice(-5).map(({ reward }) => reward.mean))).toBeGreaterThan(0.8);
  });

  it("counts failures of infrastructure as no samples, and says when there is nothing else", async () => {
    let calls = 0;
    const { last } = await train({ steps: 1, reward: () => (calls++ % 4 === 0 ? undefined : calls % 2) });
    expect(last).toMatchObject({ noSample: 6, failed: 0 });
    await expect(train({ reward: () => undefined })).rejects.toThrow(/Step 0: none of 24 rollouts is a sample/u);
    const policy = leverPolicy();
    const broken = createFlow({
      planner: () => Promise.reject(new ModelError("The endpoint is down.")),
      tools: {},
    });
    await expect(train({ flow: broken, train: [policy] })).rejects.toThrow(/first failure was: The endpoint is down/u);
  });

  it("refuses a policy that is not in the flow, and rewards outside [0, 1]", async () => {
    const stranger = leverPolicy("stranger");
    await expect(train({ train: [stranger] })).rejects.toThrow(/No turn was sampled by the policy stranger/u);
    await expect(train({ reward: () => 2 })).rejects.toThrow(/from 0 to 1/u);
    const flow = createFlow({ planner: scriptedPlanner(["press left"]), tools: {} });
    await expect(train({ flow })).rejects.toThrow(ConfigError);
  });

  it("stops at a number that is not finite and names it", async () => {
    const policy = scriptedPolicy(() => "press left", { logProb: Number.NaN });
    let calls = 0;
    const failing = train({ flow: leverFlow(policy), train: [policy], reward: () => calls++ % 2, steps: 1 });
    await expect(failing).rejects.toThrow(EngineError);
    await expect(failing).rejects.toThrow(/Step 0: coefficient.0 is NaN/u);
    expect(policy.log.steps).toEqual([]);
  });

  it("stops within a step when it is aborted, and lets its versions go", async () => {
    const controller = new AbortController();
    const policy = scriptedPolicy(() => {
      controller.abort(new Error("enough"));
      return "press left";
    });
    const run = train({ flow: leverFlow(policy), train: [policy], abortSignal: controller.signal });
    await expect(run).rejects.toThrow("enough");
    expect(policy.log.held.size).toBe(0);
  });
});
