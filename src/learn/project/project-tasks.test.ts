import { describe, expect, it } from "vitest";
import type { AgentFlowConfig } from "../../config.ts";
import { ConfigError } from "../../errors.ts";
import type { Task } from "../../task.ts";
import { readTasks, rewardOf, type Split, splitTasks, trainingTasks } from "./project-tasks.ts";

const taskOf = (id: string, sealed: unknown = {}, question = `What is ${id}?`): Task => ({ id, question, sealed });
const many = (count: number, sealed: (i: number) => unknown = () => ({})): Task[] =>
  Array.from({ length: count }, (_, i) => taskOf(`t${i}`, sealed(i)));

describe("the tasks of a configuration", () => {
  it("are a list, or what a function makes of the seed", async () => {
    const list = many(3);
    expect(await readTasks({ tasks: list }, "f", 7)).toBe(list);
    expect(await readTasks({ tasks: async ({ seed }) => many(seed) }, "f", 4)).toHaveLength(4);
  });

  it.each<[string, unknown, RegExp]>([
    ["nothing", undefined, /^f has no tasks: give a list/],
    ["a text", "tasks.json", /^tasks of f is string: it must be a list/],
    ["a function that gives an object", () => ({}), /^tasks of f is object/],
    ["a task that is null", [null], /^Task 0 of f needs an id and a question/],
    ["a task without an id", [taskOf("a"), { question: "What?" }], /^Task 1 of f needs an id/],
    ["a task with a number for its id", [{ id: 1, question: "What?" }], /^Task 0 of f/],
    ["a task with an empty question", [taskOf("a", {}, "  ")], /^Task 0 of f/],
    ["two tasks of one id", [taskOf("a"), taskOf("a")], /^Two tasks of f have the id a/],
  ])("are not %s", async (_, tasks, message) => {
    const config = { tasks } as Pick<AgentFlowConfig, "tasks">;
    await expect(readTasks(config, "f", 7)).rejects.toThrow(ConfigError);
    await expect(readTasks(config, "f", 7)).rejects.toThrow(message);
  });
});

describe("how tasks are split", () => {
  it("is 80, 10 and 10 per cent, by hash: the same in any order", () => {
    const split = splitTasks(many(1000));
    const countOf = (name: Split) => split.filter(({ sealed }) => sealed.split === name).length;
    for (const [name, low, high] of [
      ["train", 760, 840],
      ["validation", 70, 130],
      ["test", 70, 130],
    ] as const) {
      expect(countOf(name)).toBeGreaterThan(low);
      expect(countOf(name)).toBeLessThan(high);
    }
    const byId = new Map(splitTasks(many(1000).reverse()).map((task) => [task.id, task]));
    expect(split.every((task) => byId.get(task.id)?.sealed.split === task.sealed.split)).toBe(true);
  });

  it("keeps equal questions and tasks of a group together, and takes the strictest of several groups", () => {
    const splitOf = (task: Task): Split | undefined => splitTasks([task])[0]?.sealed.split;
    for (let i = 0; i < 50; i += 1) {
      expect(splitOf(taskOf("a", {}, `How  large is ROOM ${i}?`))).toBe(
        splitOf(taskOf("b", {}, ` how large is room ${i}?`)),
      );
      expect(splitOf(taskOf("a", { group: i }))).toBe(splitOf(taskOf("b", { group: String(i) })));
    }
    const groups = Array.from({ length: 60 }, (_, i) => `g${i}`);
    const find = (wanted: Split): string => groups.find((group) => splitOf(taskOf("a", { group })) === wanted) ?? "";
    const of = (...names: Split[]) => splitOf(taskOf("a", { group: names.map(find) }));
    expect([of("train", "train"), of("train", "validation"), of("test", "validation", "train")]).toEqual([
      "train",
      "validation",
      "test",
    ]);
  });

  it("holds back the families that say so", () => {
    const split = splitTasks([
      taskOf("a", { family: "one" }),
      taskOf("b", { family: "two", heldOut: true }),
      taskOf("c", { family: "two" }),
      taskOf("d", { family: "three", heldOut: "yes" }),
      taskOf("e", "no object"),
    ]);
    expect(split.map(({ sealed }) => [sealed.family, sealed.role])).toEqual([
      ["one", "trained"],
      ["two", "heldOut"],
      ["two", "heldOut"],
      ["three", "trained"],
      ["tasks", "trained"],
    ]);
  });

  it("holds one of many families back where none says so", () => {
    const heldOf = (families: number) =>
      new Set(
        splitTasks(many(40, (i) => ({ family: `f${i % families}` }))).flatMap(({ sealed }) =>
          sealed.role === "heldOut" ? [sealed.family] : [],
        ),
      ).size;
    expect([1, 4, 5, 8].map(heldOf)).toEqual([0, 0, 1, 1]);
  });

  it("keeps the user's own part, the limit of turns, and the answer as a text for people", () => {
    const answers = [7, "x", true, ["first", "second"], [], undefined, null, { value: 1 }];
    const split = splitTasks(answers.map((answer, i) => ({ ...taskOf(`t${i}`, { answer }), turnLimit: 3 })));
    expect(split.map(({ sealed }) => sealed.answer)).toEqual(["7", "x", "true", "first", "", "", "", ""]);
    expect(split[0]).toMatchObject({ id: "t0", turnLimit: 3, sealed: { own: { answer: 7 } } });
    expect(splitTasks([taskOf("a")])[0]).not.toHaveProperty("turnLimit");
  });
});

describe("the reward", () => {
  const [task] = splitTasks([taskOf("a", { answer: 1250 })]);
  if (task === undefined) throw new Error("There is a task.");
  const rewarded = (answer: unknown, given: string | undefined) => {
    const [one] = splitTasks([taskOf("a", { answer })]);
    return one === undefined ? undefined : rewardOf({})(one, given);
  };

  it("is equality by default: of numbers, days and texts", () => {
    expect([rewarded(1250, "1,250"), rewarded(1250, "1250.0"), rewarded(1250, "1251")]).toEqual([1, 1, 0]);
    expect([rewarded("2024-02-29", "29 February 2024"), rewarded("2024-02-29", "2024-02-28")]).toEqual([1, 0]);
    expect([rewarded("Ghana", "ghana"), rewarded("Ghana", "Togo"), rewarded("Ghana", undefined)]).toEqual([1, 0, 0]);
  });

  it("needs an answer to compare with, unless somebody gives a reward", async () => {
    expect(() => rewarded(undefined, "x")).toThrow(/^Task a has no sealed\.answer/);
    const seen: unknown[] = [];
    const reward = rewardOf({
      reward: (one, answer) => {
        seen.push(one, answer);
        return 0.5;
      },
    });
    expect(await reward(task, "x")).toBe(0.5);
    // It sees its own sealed part, and nothing of how tasks are handled.
    expect(seen).toEqual([{ id: "a", question: "What is a?", sealed: { answer: 1250 } }, "x"]);
    expect(await rewardOf({ reward: async () => undefined })(task, "x")).toBeUndefined();
  });
});

it("a function of tasks that throws is named with its place", async () => {
  const tasks = (): never => {
    throw new RangeError("No such table.");
  };
  const place =
    /^The function tasks of mine\.ts threw RangeError: No such table\. \(.*project-tasks\.test\.ts:\d+:\d+\)$/;
  await expect(readTasks({ tasks }, "mine.ts", 1)).rejects.toThrow(place);
});

it("training tasks come by family in alphabetical order, each in a random order of the seed", () => {
  const split = splitTasks(many(200, (i) => ({ family: i % 2 === 0 ? "zebra" : "ant" })));
  const training = trainingTasks(split, 7);
  expect([...training.keys()]).toEqual(["ant", "zebra"]);
  const idsOf = (seed: number) => [...trainingTasks(split, seed).values()].flat().map(({ id }) => id);
  expect(idsOf(7)).toEqual(idsOf(7));
  expect(idsOf(8)).not.toEqual(idsOf(7));
  expect(idsOf(8).toSorted()).toEqual(idsOf(7).toSorted());
  expect(idsOf(7).toSorted()).toEqual(
    split.flatMap(({ id, sealed }) => (sealed.split === "train" && sealed.role === "trained" ? [id] : [])).toSorted(),
  );
});
