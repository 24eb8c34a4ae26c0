import { describe, expect, it } from "vitest";
import type { EnvironmentTask } from "../../environment.ts";
import type { Reward, Task } from "../../task.ts";
import { leverEnvironment, leverTools } from "../../testing/index.ts";
import { type Toolset, tool } from "../../tool.ts";
import { calculate } from "../../tools/index.ts";
import type { Exploration, ToolRecord } from "../explore/explore.ts";
import { checkDuplicates, checkLeaks, checkReward, checkSpread, checkTasks, checkTools } from "./check-project.ts";
import { requireSound } from "./project.ts";
import { type ProjectTask, type Split, splitTasks } from "./project-tasks.ts";

const taskOf = (id: string, question: string, sealed: object): Task => ({ id, question, sealed });
const tasksOf = (count: number, sealed: (i: number) => object = (i) => ({ answer: i })): readonly ProjectTask[] =>
  splitTasks(Array.from({ length: count }, (_, i) => taskOf(`t${i}`, `What is number ${i}?`, sealed(i))));
const inSplits = (tasks: readonly ProjectTask[], split: Split): readonly ProjectTask[] =>
  tasks.map((task) => ({ ...task, sealed: { ...task.sealed, split } }));

describe("the check of the tasks", () => {
  it("counts them, and says that more would teach more", () => {
    const [few, enough] = [checkTasks(tasksOf(60), "f"), checkTasks(tasksOf(400), "f")];
    expect(few.level).toBe("warning");
    expect(few.message).toMatch(
      /^60 tasks in 1 family: 42 to train, 7 to choose the best weights by, 11 unseen ones to measure; a few hundred teach more; with 11 to measure on, an accuracy is known to within 25 points$/,
    );
    expect(enough.level).toBe("ok");
    expect(enough.message).toMatch(
      /^400 tasks in 1 family: \d+ to train, \d+ to choose the best weights by, \d+ unseen ones to measure$/,
    );
    const held = checkTasks(
      tasksOf(400, (i) => ({ family: `f${i % 2}`, heldOut: i % 2 === 1 })),
      "f",
    );
    expect(held.message).toMatch(/^400 tasks in 2 families: .*, never trained: f1/);
  });

  it("finds too few to train on, and none to measure on", () => {
    expect(checkTasks(inSplits(tasksOf(15), "train"), "f")).toEqual({
      check: "tasks",
      level: "error",
      message: "Cannot train on 15 tasks: groups need at least 16 (f has 15). Write a generator of variations.",
    });
    expect(checkTasks(inSplits(tasksOf(20), "test"), "f").message).toMatch(
      /^Cannot train on 0 .*\(f has 20, of which 20 are held out\)/,
    );
    expect(checkTasks(inSplits(tasksOf(16), "train"), "f")).toMatchObject({
      level: "error",
      message: "None of 16 tasks is held out to measure on: a tenth is, so give some more.",
    });
  });
});

describe("the check of the tools", () => {
  const explored = (records: Readonly<Record<string, ToolRecord>>): Exploration => ({
    readings: [],
    taken: new Set(),
    fits: new Map(),
    tools: new Map(Object.entries(records)),
    asked: new Map(),
    ways: new Map(),
    decisions: new Map(),
    reached: new Map(),
    routes: new Map(),
  });
  const check = (tools: Toolset, records: Readonly<Record<string, ToolRecord>>) =>
    checkTools({ tools }, explored(records)).map(({ level, message }) => `${level}: ${message}`);

  it("tells how often each one answers", () => {
    expect(
      check(leverTools, {
        press: { calls: 4, ok: 3, fields: 3, values: 3 },
        look: { calls: 2, ok: 2, fields: 2, values: 0 },
      }),
    ).toEqual(["ok: each tool answers (of random calls: press 3/4, look 2/2)"]);
  });

  it("says which bring nothing to refer to", () => {
    const look = { calls: 4, ok: 4, fields: 0, values: 0 };
    const press = { calls: 4, ok: 3, fields: 3, values: 3 };
    expect(check(leverTools, { press, look: { ...look, isList: true } })[1]).toMatch(
      /^warning: look brings no fields: it returns a list, to which no later call can refer/,
    );
    expect(check(leverTools, { press, look })[1]).toMatch(/^warning: look brings no fields: it returns text/);
  });

  it("names those that were never called, and those that always failed", () => {
    expect(check(leverTools, { look: { calls: 5, ok: 0, fields: 0, values: 0, lastError: "It is dark." } })).toEqual([
      expect.stringMatching(/^error: The tool press was never called: nothing in the questions/),
      "error: The tool look failed in all of 5 calls, the last one with: It is dark.",
    ]);
  });

  it("blames what calculates only when the others have brought something", () => {
    const tools = { ...leverTools, calculate };
    const look = { calls: 2, ok: 2, fields: 2, values: 0 };
    expect(check(tools, { look })).toEqual([expect.stringContaining("The tool press was never called")]);
    expect(check(tools, { look, press: look })).toEqual([
      expect.stringContaining("The tool calculate was never called"),
    ]);
  });

  it("lets what calculates be where the others state their answers, and says beside an error what brings no fields", () => {
    const tools = { ...leverTools, calculate };
    const [press, look] = [
      { calls: 2, ok: 2, fields: 2, values: 2 },
      { calls: 4, ok: 4, fields: 0, values: 0, isList: true },
    ];
    expect(check(tools, { press, look })).toEqual([
      expect.stringMatching(/^warning: The tool calculate was never called/),
      expect.stringMatching(/^warning: look brings no fields: it returns a list/),
    ]);
    expect(check(tools, { press: { ...press, values: 0 }, look })).toEqual([
      expect.stringMatching(/^error: The tool calculate was never called/),
      expect.stringMatching(/^warning: look brings no fields/),
    ]);
  });

  it("finds that no tool ever states an answer, and that there are none", () => {
    const record = { calls: 2, ok: 2, fields: 2, values: 0 };
    expect(check(leverTools, { press: record, look: record })).toEqual([
      expect.stringMatching(/^error: No tool ever states an answer/),
    ]);
    expect(check({}, {})).toEqual(["error: There are no tools: give tools to defineConfig."]);
  });
});

describe("the check of the reward", () => {
  const tasks = tasksOf(3);

  it("is content with one that is the same each time, and 1 for what is expected", async () => {
    expect(await checkReward({}, tasks)).toMatchObject({ level: "ok" });
    expect(await checkReward({ reward: (_, answer) => (answer === undefined ? undefined : 1) }, tasks)).toMatchObject({
      level: "ok",
    });
  });

  it.each<[string, (task: Task, answer: string | undefined) => number | undefined, RegExp]>([
    ["above 1", () => 2, /^The reward of task t0 for no answer is 2: it must be a number from 0 to 1/],
    ["no number", (_, answer) => (answer === "0" ? Number.NaN : 0), /for "0" is NaN: it must be/],
    ["for giving up", () => 0.5, /for no answer is 0\.5: a flow that gives up must earn nothing/],
  ])("finds one that is %s", async (_, reward, message) => {
    const found = await checkReward({ reward }, tasks);
    expect(found).toMatchObject({ check: "reward", level: "error", message: expect.stringMatching(message) });
  });

  it("finds one that changes, and one that throws", async () => {
    let calls = 0;
    const turning = await checkReward({ reward: (_, answer) => (answer === undefined ? 0 : calls++ % 2) }, tasks);
    expect(turning.message).toMatch(/for "" is 0 and then 1: the same answer must always be worth the same/);
    const throwing = await checkReward({ reward: () => Promise.reject(new Error("No table.")) }, tasks);
    expect(throwing.level).toBe("error");
    expect(throwing.message).toMatch(/^The reward of task \S+ threw No table\. \(.*check-project\.test\.ts:\d+:\d+\)$/);
    const truth = (() => true) as unknown as Reward;
    expect((await checkReward({ reward: truth }, tasks)).message).toMatch(/ is true: it must be a number from 0 to 1/);
    const mistaken = await checkReward({ reward: ({ sealed }) => (sealed as { rows: string[] }).rows.length }, tasks);
    expect(mistaken.message).toMatch(/^The reward of task \S+ threw TypeError: Cannot read properties of undefined/);
    const without = await checkReward(
      {},
      tasksOf(1, () => ({})),
    );
    expect(without.message).toMatch(/^Task t0 has no sealed\.answer/);
  });

  it("warns of one that does not give the expected answer everything", async () => {
    const found = await checkReward({ reward: () => 0 }, tasks);
    expect(found).toEqual({
      check: "reward",
      level: "warning",
      message: 'The reward of task t0 for "0", which is its sealed.answer, is 0, not 1.',
    });
  });
});

describe("the check of what random plans earn", () => {
  const spread = async (reward: (task: EnvironmentTask, answer: string | undefined) => number | undefined) =>
    checkSpread(await leverEnvironment({ reward }).open({ seed: 1 }), 7, new AbortController().signal);

  it("finds that they earn nothing, everything, or something to compare", async () => {
    const { finding: nothing } = await spread(() => 0);
    expect(nothing.level).toBe("error");
    expect(nothing.message).toMatch(/^Random valid plans earned nothing on 96 training tasks \(\d+ × another answer/);
    expect((await spread(() => 1)).finding).toEqual({
      check: "spread",
      level: "warning",
      message: "random valid plans earn 100 % of the reward: there is little left to learn",
    });
    const { finding, luck } = await spread(({ sealed }, answer) =>
      sealed.family === "red" && answer === "left" ? 1 : 0,
    );
    expect(luck.get("green")).toEqual({ tried: 48, solved: 0 });
    expect(luck.get("red")?.solved).toBeGreaterThan(24);
    expect(finding.level).toBe("ok");
    expect(finding.message).toMatch(
      /^random valid plans earn \d\d % of the reward, some of it on (?:4|5)\d % of the tasks \(else: /,
    );
  });

  it("warns when only few tasks earn anything", async () => {
    const { finding } = await spread(({ id }) => (id === "train/red/0" ? 1 : 0));
    expect(finding).toMatchObject({
      level: "warning",
      message: expect.stringMatching(/some of it on 1 % of the tasks/),
    });
  });

  it("ends when its signal is aborted", async () => {
    const environment = await leverEnvironment().open({ seed: 1 });
    await expect(checkSpread(environment, 7, AbortSignal.abort(new Error("Enough.")))).rejects.toThrow("Enough.");
  });
});

describe("the check for leaks", () => {
  const leaking = (question: string, answer: unknown, told: { instructions?: string; tools?: Toolset } = {}) =>
    checkLeaks(
      told,
      splitTasks([
        taskOf("a", question, { answer }),
        ...Array.from({ length: 9 }, (_, i) => taskOf(`t${i}`, "What?", { answer: `none${i}` })),
      ]),
    ).level;

  it("finds an answer in the question, whole and in any case, in what tools say of themselves, and in instructions", () => {
    expect(leaking("Is it Ghana or Togo?", "ghana")).toBe("error");
    expect(leaking("What?", "Ghana", { instructions: "Think of Ghana." })).toBe("error");
    const look = tool({ description: "Finds Ghana.", inputSchema: {}, execute: () => "" });
    expect(leaking("What?", "Ghana", { tools: { look } })).toBe("error");
    expect(leaking("What is 4.5 (km)?", "(km)")).toBe("error");
  });

  it("finds nothing in parts of words and numbers, in short answers and in very long ones", () => {
    expect(leaking("Is it in Ghanaian hands?", "Ghana")).toBe("ok");
    expect(leaking("What is 0.450 in full?", "450")).toBe("ok");
    expect(leaking("Is 42 right?", "42")).toBe("ok");
    expect(leaking(`Is it ${"x".repeat(201)}?`, "x".repeat(201))).toBe("ok");
    expect(leaking("Is there none?", "")).toBe("ok");
    const compare = tool({ description: "Says yes or no: true or false.", inputSchema: {}, execute: () => "" });
    for (const truth of ["yes", "True", true]) expect(leaking("Is it?", truth, { tools: { compare } })).toBe("ok");
  });

  it("only warns where it may be chance, and names one", () => {
    const tasks = splitTasks(
      Array.from({ length: 40 }, (_, i) => taskOf(`t${i}`, i === 3 ? "Is it Ghana?" : "What?", { answer: "Ghana" })),
    );
    expect(checkLeaks({}, tasks)).toEqual({
      check: "leaks",
      level: "warning",
      message: expect.stringMatching(/ in 1 of 40 tasks, such as t3: "Ghana" in "Is it Ghana\?"\.$/),
    });
  });
});

describe("the check for duplicates", () => {
  const pair = (a: Partial<ProjectTask["sealed"]>, b: Partial<ProjectTask["sealed"]>) => {
    const [one, other] = splitTasks([
      taskOf("a", "How large?", { answer: 1 }),
      taskOf("b", " how  LARGE? ", { answer: 1 }),
    ]);
    if (one === undefined || other === undefined) throw new Error("There are two.");
    return checkDuplicates([
      { ...one, sealed: { ...one.sealed, split: "train", ...a } },
      { ...other, sealed: { ...other.sealed, split: "train", ...b } },
    ]);
  };

  it("warns of the same question, and finds it with two answers or on both sides", () => {
    expect(pair({}, {})).toMatchObject({ level: "warning", message: "1 of 2 questions are asked twice or more" });
    expect(pair({}, { answer: "2" })).toMatchObject({
      level: "error",
      message: 'The tasks a and b ask the same and expect "1" and "2".',
    });
    expect(pair({}, { split: "test" })).toMatchObject({
      level: "error",
      message: expect.stringContaining("one of them in training and one held out"),
    });
    expect(pair({}, { role: "heldOut" }).level).toBe("error");
    expect(checkDuplicates(tasksOf(5))).toMatchObject({ level: "ok", message: "no question is asked twice" });
  });
});

it("a project is sound without errors; the first one is thrown, and how many more there are", () => {
  const of = (level: "ok" | "warning" | "error", message: string) => ({ check: "tasks", level, message }) as const;
  expect(() => requireSound([of("ok", "Fine."), of("warning", "Hm.")])).not.toThrow();
  expect(() => requireSound([of("warning", "Hm."), of("error", "One.")])).toThrow(/^One\.$/);
  expect(() => requireSound([of("error", "One."), of("error", "Two.")])).toThrow(
    "One. (and 1 more: learn --check shows all)",
  );
});
