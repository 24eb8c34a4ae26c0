import { describe, expect, it } from "vitest";
import { leverFlow, leverPolicy, leverReward, leverTasks } from "../../test/lever-world.ts";
import { ConfigError } from "../errors.ts";
import type { Task } from "../task.ts";
import { type Diagnosis, diagnose } from "./diagnosis.ts";
import { evaluate } from "./evaluate.ts";
import { type OnlineOptions, onlineLearner } from "./online.ts";

type Lever = { readonly answer: string };
const [red, green, blue] = leverTasks as [Task<Lever>, Task<Lever>, Task<Lever>];

const start = (changes: Partial<OnlineOptions<Lever>> = {}) => {
  const policy = leverPolicy();
  const flow = leverFlow(policy);
  const learner = onlineLearner<Lever>({
    flow,
    train: [policy],
    reward: leverReward,
    gate: { tasks: [red], tolerance: 1 },
    learningRate: 0.4,
    stepsPerRound: 12,
    guard: { klStep: 0.25 },
    seed: 5,
    ...changes,
  });
  const accuracy = async (task: Task<Lever>): Promise<number> => {
    const tasks = Array.from({ length: 40 }, (_, i) => ({ ...task, id: `${task.id}-${i}` }));
    return (await evaluate({ flow, tasks, reward: leverReward, policies: [policy] })).accuracy;
  };
  return { policy, learner, accuracy };
};

describe("a flow that learns while it serves", () => {
  it("learns from tasks that can be scored, and serves what passed the gate", async () => {
    const { learner, policy, accuracy } = start();
    const first = learner.versions.planner;
    learner.add(red);
    learner.add(green);
    expect(learner.waiting).toBe(2);
    const round = await learner.learn();
    expect(round).toMatchObject({ index: 0, published: true, gate: { n: 1 } });
    expect(learner.waiting).toBe(0);
    expect([round.versions.planner === first, learner.versions.planner]).toEqual([false, policy.version]);
    expect(await accuracy(green)).toBeGreaterThan(0.9);
    const { trajectory } = await learner.solve(green);
    expect(trajectory.turns.map(({ version }) => version)).toEqual([policy.version]);
  });

  it("waits for the first word on an answer alone", () => {
    const { learner } = start();
    for (const id of ["first", "second"]) learner.answered({ id, answer: "red" }, red);
    for (const reward of [1, 0, 1]) expect(learner.feedback("first", reward)).toBe(true);
    expect(learner.waiting).toBe(1);
    expect(learner.feedback("second", 1)).toBe(true);
    expect(learner.waiting).toBe(2);
  });

  it("does not serve a version that fails at the gate, and goes on from the one that serves", async () => {
    const many = Array.from({ length: 40 }, (_, i) => ({ ...red, id: `red-${i}` }));
    // The stream rewards another lever than the gate does.
    const { learner, policy } = start({
      gate: { tasks: many, tolerance: 0.05 },
      reward: (task, answer) => leverReward(task.id === "red" ? blue : red, answer),
    });
    const serving = learner.versions.planner;
    learner.add(red);
    const round = await learner.learn();
    expect(round.published).toBe(false);
    expect(round.gate.accuracy).toBeLessThan(round.gate.floor);
    expect([learner.versions.planner, policy.version]).toEqual([serving, serving]);
  });

  it("learns from what people say of its answers, when they have said it", async () => {
    const { learner, accuracy } = start();
    const question = { id: "q", question: blue.question, turnLimit: 2 };
    for (let i = 0; i < 12; i += 1) {
      const { trajectory } = await learner.solve(question, { id: `asked-${i}` });
      if (trajectory.answer === undefined) continue;
      expect(learner.feedback(trajectory.id, trajectory.answer === blue.sealed.answer ? 1 : 0)).toBe(true);
    }
    expect(learner.feedback("never asked", 1)).toBe(false);
    expect(() => learner.feedback("asked-0", 2)).toThrow(ConfigError);
    await learner.learn();
    expect(await accuracy(blue)).toBeGreaterThan(0.9);
  });

  it("goes back by one call", async () => {
    const { learner, policy } = start();
    const first = learner.versions.planner;
    expect(await learner.rollback()).toBe(false);
    learner.add(red);
    await learner.learn();
    expect(await learner.rollback()).toBe(true);
    expect([learner.versions.planner, policy.version]).toEqual([first, first]);
    expect(await learner.rollback()).toBe(false);
    learner.close();
    await expect(learner.learn()).resolves.toMatchObject({ index: 1 });
  });

  it("says once through all rounds why it does not learn, and nothing of answers that nobody has judged", async () => {
    const told: Diagnosis[] = [];
    const options = { stepsPerRound: 4, onDiagnosis: (diagnosis: Diagnosis) => told.push(diagnosis) };
    const { learner } = start({ ...options, reward: () => 0 });
    learner.add(red);
    const counts: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await learner.learn();
      counts.push(told.length);
    }
    expect(counts).toEqual([0, 1, 1]);
    expect(told).toMatchObject([{ cause: "all-fail", since: 1, seen: expect.stringMatching(/in 8 steps/) }]);
    let calls = 0;
    const unjudged = start({
      ...options,
      stepsPerRound: 6,
      learningRate: 0.01,
      reward: (task, answer) => (calls++ % 2 === 0 ? undefined : leverReward(task, answer)),
    });
    unjudged.learner.add(red);
    const { steps } = await unjudged.learner.learn();
    expect(diagnose(steps)).toMatchObject([{ cause: "rewards-missing" }]);
    expect(told).toHaveLength(1);
  });

  it("says what is missing, and leaves what serves as it is when a round fails", async () => {
    expect(() => start({ gate: { tasks: [] } })).toThrow(ConfigError);
    const { learner, policy } = start({ reward: () => 7 });
    await expect(learner.learn()).rejects.toThrow(/no task has come/);
    learner.add(red);
    await expect(learner.learn()).rejects.toThrow(/from 0 to 1/);
    expect(policy.version).toBe(learner.versions.planner);
  });
});
