import { describe, expect, it } from "vitest";
import { contextOf, type MadeTurn, number, stateOf, text } from "../../../test/planner-state.ts";
import { ConfigError } from "../../errors.ts";
import { createFlow } from "../../flow/flow.ts";
import type { FlowState, Planner } from "../../module.ts";
import { random, randomKey } from "../../random.ts";
import type { Task } from "../../task.ts";
import { leverTools, scriptedModel } from "../../testing/index.ts";
import type { Field } from "../../tool.ts";
import { calculate } from "../../tools/index.ts";
import type { Exploration } from "../explore/explore.ts";
import { project } from "./project.ts";
import { calculatorsOf, projectEnvironment } from "./project-environment.ts";
import { splitTasks } from "./project-tasks.ts";

const families = ["one", "two", "held"];
const tasks = splitTasks(
  Array.from(
    { length: 240 },
    (_, i): Task => ({
      id: `t${i}`,
      question: `Which lever opens door ${i}?`,
      sealed: { answer: "left", family: families[i % 3], heldOut: i % 3 === 2 },
    }),
  ),
);
const tools = { ...leverTools, calculate };
const exploration: Exploration = {
  readings: [],
  taken: new Set(),
  fits: new Map([
    ["look: q number", { tries: 10, ok: 10 }],
    ["press: look.seen", { tries: 10, ok: 10 }],
    ["press: q number", { tries: 10, ok: 0 }],
  ]),
  tools: new Map([
    ["look", { calls: 10, ok: 10, fields: 10, values: 0 }],
    ["press", { calls: 10, ok: 10, fields: 10, values: 10 }],
    ["calculate", { calls: 10, ok: 10, fields: 10, values: 10 }],
  ]),
  decisions: new Map(),
  reached: new Map(),
  routes: new Map(tasks.map(({ id }) => [id, ["look q1", "press @1.seen"]])),
  ways: new Map([
    [
      "one",
      [
        {
          template: "",
          asked: { operation: "sum", fields: ["size", "size"] },
          plan: ["look q1", "look q2", "calculate sum @1.size @2.size"],
        },
      ],
    ],
  ]),
  asked: new Map(tasks.map(({ id }) => [id, [{ operation: "sum", fields: ["size", "size"] }]])),
};
const options = { config: { tools, budget: { turns: 5 }, instructions: "Be brief." }, tasks, exploration, seed: 7 };
const environment = projectEnvironment(options);

describe("a project as an environment", () => {
  it("trains its families in turn, and starts over where there are no more tasks", () => {
    expect(environment.families).toEqual(["one", "two"]);
    const training = tasks.filter(({ sealed }) => sealed.family === "one" && sealed.split === "train");
    const ids = Array.from({ length: training.length }, (_, i) => environment.train("one", i).id);
    expect(ids.toSorted()).toEqual(training.map(({ id }) => id).toSorted());
    expect(environment.train("one", training.length).id).toBe(ids[0]);
    expect(() => environment.train("held", 0)).toThrow(ConfigError);
  });

  it("measures on other tasks: unseen ones by turns of the families, and the family that is held back", () => {
    const { heldOutPages, heldOutFamily, heldOutParaphrase, deep } = environment.evaluation("test");
    expect(heldOutPages.every(({ sealed }) => sealed.split === "test" && sealed.role === "trained")).toBe(true);
    expect(
      heldOutPages
        .slice(0, 4)
        .map(({ sealed }) => sealed.family)
        .toSorted(),
    ).toEqual(["one", "one", "two", "two"]);
    expect(heldOutFamily.every(({ sealed }) => sealed.family === "held" && sealed.split !== "validation")).toBe(true);
    expect([heldOutParaphrase, deep]).toEqual([[], []]);
    const validation = environment.evaluation("validation", { heldOutPages: 3, heldOutFamily: 2 });
    expect([validation.heldOutPages.length, validation.heldOutFamily.length]).toEqual([3, 2]);
    const all = [...heldOutPages, ...heldOutFamily, ...validation.heldOutPages, ...validation.heldOutFamily];
    expect(new Set(all.map(({ id }) => id)).size).toBe(all.length);
  });

  it("has its own tools, bounds, words and reward", async () => {
    expect(environment.tools(scriptedModel([]))).toBe(tools);
    expect(environment.flow).toEqual({ budget: { turns: 5 }, instructions: "Be brief." });
    expect(projectEnvironment({ ...options, config: { tools }, secrets: ["key"] }).flow).toEqual({ secrets: ["key"] });
    expect(await environment.reward(environment.train("one", 0), "left")).toBe(1);
    expect(environment.question).toMatch(/^Which lever opens door \d+\?$/);
  });

  it("is identified by its tasks and tools", () => {
    const hashOf = (changes: Partial<typeof options>): string => projectEnvironment({ ...options, ...changes }).hash;
    expect(hashOf({})).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf({ seed: 8 })).toBe(environment.hash);
    expect(hashOf({ tasks: tasks.slice(1) })).not.toBe(environment.hash);
    const renamed = { ...tools, look: { ...calculate, description: "Looks twice." } };
    expect(hashOf({ config: { ...options.config, tools: renamed } })).not.toBe(environment.hash);
  });

  it("calculates with tools that take an expression", () => {
    expect([...calculatorsOf(tools)]).toEqual(["calculate"]);
    expect([environment.isCalculator("calculate"), environment.isCalculator("look")]).toEqual([true, false]);
  });
});

describe("planners of a project", () => {
  const drawn = async (planner: Planner, state: FlowState) => {
    const actions = new Set<string>();
    for (let seed = 0; seed < 60; seed += 1) actions.add((await planner(state, contextOf(seed))).step.raw);
    return [...actions].toSorted();
  };
  const seen = { action: "look q1", input: { lever: "7" }, fields: { seen: text("up") } };

  it("call what has worked, and nothing else", async () => {
    const planner = environment.randomValid(0, () => undefined);
    expect(await drawn(planner, stateOf(["7", "Hall"], [], tools))).toEqual(["look q1"]);
    expect(await drawn(planner, stateOf(["7"], [seen], leverTools))).toEqual(["press @1.seen"]);
  });

  it("take the tools of an order, and draw their arguments", async () => {
    const { planner, starts, tools: names } = environment.fixedOrder;
    expect(names).toEqual(["press", "look", "calculate"]);
    expect(starts).toEqual([
      ["look", "calculate"],
      ["press", "calculate"],
    ]);
    const ordered = planner(["look", "press"], () => undefined);
    expect(await drawn(ordered, stateOf(["7", "8"], [], tools))).toEqual(["look q1", "look q2"]);
    expect(await drawn(ordered, stateOf(["7", "8"], [seen, seen], tools))).toEqual(["press @1.seen"]);
    expect(
      await drawn(
        planner(["cook"], () => undefined),
        stateOf(["7"], [], tools),
      ),
    ).toEqual(["cook"]);
  });

  it("gather what is asked for, in any order, and only then calculate", async () => {
    expect(environment.exercised).toEqual(["one"]);
    const task = environment.train("one", 0);
    const orders = new Set<string>();
    for (let seed = 0; seed < 40; seed += 1) {
      const exercise = environment.exercise(task, random(randomKey(seed)));
      const turns: MadeTurn[] = [];
      for (let turn = 0; turn < 12 && !turns.at(-1)?.action.startsWith("calculate"); turn += 1) {
        const { step } = await exercise(stateOf(["7", "9"], turns, tools), contextOf(turn));
        const lever = step.subGoal === "q1" ? "7" : "9";
        turns.push({ action: step.raw, input: { lever }, fields: { size: number(3), seen: text("up") } });
      }
      const actions = turns.map(({ action }) => action);
      const [first, second] = ["look q1", "look q2"].map((action) => actions.indexOf(action) + 1).toSorted();
      expect(actions.at(-1)).toBe(`calculate sum @${first}.size @${second}.size`);
      orders.add(actions.filter((action) => action.startsWith("look")).join(", "));
    }
    expect([...orders].toSorted()).toEqual(["look q1, look q2", "look q2, look q1"]);
  });

  it("show only exercises that came to what is asked", async () => {
    const task = environment.train("one", 0);
    const solved = async (answer: string, last: Readonly<Record<string, Field>>) =>
      environment.isRight?.(task, {
        schemaVersion: 1,
        id: "t",
        query: task,
        analysis: { entities: [], template: "" },
        memory: stateOf([], [{ action: "calculate value @1.size", fields: last }]).memory,
        turns: [],
        answer,
        status: "solved",
        stopReason: "answered",
      });
    expect(await solved("left", { value: text("left") })).toBe(true);
    expect(await solved("right", { value: text("right") })).toBe(false);
    expect(await solved("", { value: { kind: "text", value: "no", unit: "truth" } })).toBe(true);
  });
});

describe("a project that is opened", () => {
  const list = tasks.map(({ id, question, sealed }): Task => ({ id, question, sealed: sealed.own }));

  it("needs tasks, tools and a sound reward before anything is called", async () => {
    const opening = { seed: 7 };
    await expect(project({ tools }).open(opening)).rejects.toThrow(/^project has no tasks/);
    await expect(project({ tools, tasks: list.slice(0, 9) }).open(opening)).rejects.toThrow(/^Cannot train on/);
    await expect(project({ tasks: list, name: "mine" }).open(opening)).rejects.toThrow(/^mine has no tools/);
    await expect(project({ tools, tasks: list, reward: () => 7 }).open(opening)).rejects.toThrow(
      /it must be a number from 0 to 1/,
    );
  });

  it("says what it is, what it is doing, and what was found", async () => {
    const stages: string[] = [];
    const source = project({ tools: leverTools, tasks: list, name: "doors", record: { projectSha256: "abc" } });
    const opened = await source.open({ seed: 7, onStage: (stage) => stages.push(stage) });
    expect(opened).toMatchObject({
      name: "doors",
      record: { project: "doors", projectSha256: "abc", tasks: opened.hash },
    });
    expect([...new Set(opened.findings.map(({ check }) => check))]).toEqual([
      "tasks",
      "reward",
      "tools",
      "leaks",
      "duplicates",
      "questions",
      "spread",
      "families",
    ]);
    expect(opened.findings.at(-1)?.message).toMatch(/^held \(never trained\)/);
    expect([stages[0], stages.at(-1)]).toEqual(["checking the reward", "random valid plans"]);
    expect(stages[1]).toMatch(/^calling the tools: 0\/\d+$/);
    const { trajectory } = await createFlow({
      planner: opened.randomValid(0, () => undefined),
      tools: leverTools,
    }).solve(opened.train("one", 0));
    expect(trajectory.memory[0]?.observation.status).toBe("ok");
  });
});
