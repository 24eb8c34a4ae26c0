import { describe, expect, it } from "vitest";
import type { Environment } from "../environment.ts";
import type { ChatModel } from "../model.ts";
import { leverEnvironment, leverTools } from "../testing/index.ts";
import { type Demonstration, demonstrator, exerciser, scriptedFlow } from "./demonstrations.ts";

const environment = await leverEnvironment().open({ seed: 1 });
const actionsOf = (shown: readonly Demonstration[]) =>
  shown.map(({ trajectory: { memory } }) => memory.map(({ step }) => step.raw));

describe("demonstrations", () => {
  it("are plans on the training tasks that were asked for, the same for the same seed", async () => {
    const show = demonstrator(environment, 3);
    const shown = await show(10, 8);
    expect(shown.map(({ task }) => task.id.split("/").at(-1))).toEqual([
      "10",
      "11",
      "12",
      "13",
      "14",
      "15",
      "16",
      "17",
    ]);
    expect(new Set(shown.map(({ task }) => task.sealed.family))).toEqual(new Set(["red", "green"]));
    expect(await demonstrator(environment, 3)(10, 8)).toEqual(shown);
    expect(await demonstrator(environment, 4)(10, 8)).not.toEqual(shown);
    for (const { task, trajectory } of shown) expect(trajectory.query.id).toBe(task.id);
  });

  it("may take more turns in half of the tasks, and some of them many more", async () => {
    const limits = (await demonstrator(environment, 3)(0, 60)).map(({ task }) => task.turnLimit ?? 0);
    const extra = limits.filter((limit) => limit > 2).length;
    expect(extra).toBeGreaterThan(15);
    expect(extra).toBeLessThan(45);
    expect(Math.max(...limits)).toBeGreaterThan(7);
    expect(Math.max(...limits)).toBeLessThanOrEqual(10);
    const plain = await demonstrator(environment, 3)(0, 20, { extraTurns: false });
    expect(new Set(plain.map(({ task }) => task.turnLimit))).toEqual(new Set([2]));
  });

  it("leave a task without a limit as it is", async () => {
    const unlimited: Environment = {
      ...environment,
      train: (family, index) => {
        const { turnLimit: _, ...task } = environment.train(family, index);
        return task;
      },
      flow: { budget: { turns: 1 } },
    };
    const shown = await demonstrator(unlimited, 3)(0, 100);
    expect(shown.every(({ task }) => task.turnLimit === undefined)).toBe(true);
    expect(Math.max(...shown.map(({ trajectory }) => trajectory.memory.length))).toBe(1);
  });

  it("read the question nine times out of ten, and look where they like", async () => {
    const shown = await demonstrator(environment, 3)(0, 100, { extraTurns: false });
    const right = shown.filter(({ task, trajectory }) => trajectory.answer === task.sealed.answer).length;
    expect(right).toBeGreaterThan(80);
    expect(right).toBeLessThan(100);
    const blind = scriptedFlow(environment, new Map(shown.map(({ task }) => [task.id, task])), 0);
    const answers = await Promise.all(shown.map(async ({ task }) => (await blind.solve(task)).trajectory.answer));
    expect(answers.filter((answer, i) => answer === shown[i]?.task.sealed.answer).length).toBeLessThan(60);
  });
});

describe("exercises", () => {
  it("end with what they calculate, and are the same for the same seed", async () => {
    const shown = await exerciser(environment, 3)(5, 6);
    expect(shown.map(({ task }) => task.id.split("/").at(-1))).toEqual(["5", "6", "7", "8", "9", "10"]);
    for (const { task, trajectory } of shown)
      expect(trajectory.memory.map(({ step }) => step.raw)).toEqual([
        expect.stringMatching(/^look /),
        `press ${task.sealed.answer}`,
      ]);
    expect(actionsOf(await exerciser(environment, 3)(5, 6))).toEqual(actionsOf(shown));
  });

  it("end there whatever came of it, and are left out where it never comes to that", async () => {
    const wrong: Environment = {
      ...environment,
      exercise: () => () => ({ step: { tool: "press", subGoal: "q9", raw: "press q9" } }),
    };
    const [first] = await exerciser(wrong, 3)(0, 1);
    expect(first?.trajectory.memory).toMatchObject([{ observation: { status: "refused", reason: "bad-reference" } }]);
    const lost: Environment = {
      ...environment,
      exercise: () => () => ({ step: { tool: "look", subGoal: "up", raw: "look up" } }),
    };
    expect(await exerciser(lost, 3)(0, 4)).toEqual([]);
  });
});

it("a model behind the tools guesses the same for the same question, and now and then nothing", async () => {
  const models: ChatModel[] = [];
  scriptedFlow(
    {
      ...environment,
      tools: (model) => {
        models.push(model);
        return leverTools;
      },
    },
    new Map(),
  );
  const [guess] = models;
  if (guess === undefined) throw new Error("The tools are given a model.");
  const ask = async (content: string) => (await guess.complete({ messages: [{ role: "user", content }] })).text;
  const answers = await Promise.all(Array.from({ length: 60 }, (_, i) => ask(`Question ${i}?`)));
  expect(await ask("Question 7?")).toBe(answers[7]);
  const kinds = [/^\d{1,6}$/, /^\d{4}-\d\d-\d\d$/, /day$/, /^unknown$/];
  for (const kind of kinds) expect(answers.some((answer) => kind.test(answer))).toBe(true);
  expect(answers.every((answer) => kinds.some((kind) => kind.test(answer)))).toBe(true);
});
