/** The Almanac with the real flow, tools and rules: everything that a planner's score rests on. */
import { describe, expect, it } from "vitest";
import { type AlmanacTask, almanacTools, grid, hintOf, loadAlmanac, taskSource } from "../src/almanac/index.ts";
import { createFlow } from "../src/flow/flow.ts";
import { analyse } from "../src/flow/rules/analyse.ts";
import { fixedOrderPlanner, searchBestFixedOrder } from "../src/learn/planners/fixed-order.ts";
import { oraclePlanner } from "../src/learn/planners/oracle.ts";
import { randomValidPlanner } from "../src/learn/planners/random-valid.ts";
import type { Planner } from "../src/module.ts";
import { randomKey } from "../src/random.ts";
import { exactMatch } from "../src/tasks/index.ts";
import { scriptedModel } from "../src/testing/scripted-model.ts";
import type { ToolOutput } from "../src/tool.ts";
import { baseGenerator, calculate } from "../src/tools/index.ts";
import type { Trajectory } from "../src/trajectory.ts";

const almanac = await loadAlmanac();
const source = taskSource(almanac, "gates");
const tools = almanacTools(almanac, { calculate, baseGenerator: baseGenerator(scriptedModel(["I do not know."])) });

const draw = (role: string, split: "train" | "validation" | "test", each: number): readonly AlmanacTask[] =>
  grid
    .filter((cell) => role === "all" || cell.role === role)
    .flatMap((cell) =>
      Array.from({ length: each }, (_, i) => source(cell, split, i, i % 6 === 5 ? "heldOut" : "trained")),
    );

const run = async (planner: Planner, tasks: readonly AlmanacTask[]) => {
  const flow = createFlow({ planner, tools });
  const trajectories: Trajectory[] = [];
  const missed: string[] = [];
  for (const task of tasks) {
    const { trajectory } = await flow.solve(task, { id: task.id, randomKey: randomKey("test", task.id) });
    trajectories.push(trajectory);
    if ((await exactMatch(task, trajectory.answer)) !== 1) missed.push(task.id);
  }
  return { accuracy: 1 - missed.length / tasks.length, missed, trajectories };
};

const byId = <T>(tasks: readonly AlmanacTask[], read: (task: AlmanacTask) => T): ((id: string) => T) => {
  const known = new Map(tasks.map((task) => [task.id, read(task)]));
  return (id) => {
    const found = known.get(id);
    if (found === undefined) throw new Error(`no task ${id}`);
    return found;
  };
};

describe("the gates of the Almanac", () => {
  it("analysis by rules finds each question's entities, in order, and its unit", () => {
    for (const split of ["train", "test"] as const)
      for (const { question, sealed } of draw("all", split, 6)) {
        const { entities, unit } = analyse(question);
        expect(entities.length, question).toBe(sealed.asked.length);
        expect(unit, question).toBe(sealed.unit);
      }
  });

  it("each name finds exactly one page of its kind among the hits of the tool", () => {
    const search = tools.web_search?.execute as unknown as (input: { query: string }) => ToolOutput;
    for (const { question, sealed } of draw("all", "test", 6))
      for (const [i, id] of sealed.entryPages.entries()) {
        const page = almanac.byId.get(id);
        const name = analyse(question).entities[i] ?? "";
        if (page?.form !== "table") continue;
        const hits = Object.values(search({ query: name }).fields ?? {}).map(({ value }) =>
          String(value).slice("almanac:".length),
        );
        expect(hits, question).toContain(id);
        const named = hits.filter((hit) => {
          const { kind, title = "", names = [] } = almanac.byId.get(hit) ?? {};
          return kind === page.kind && [title, ...names].includes(name);
        });
        expect(named, question).toEqual([id]);
      }
  });

  it("the oracle's plan gives the sealed answer in every cell and split: two implementations agree", async () => {
    for (const split of ["train", "validation", "test"] as const) {
      const tasks = draw("all", split, 6);
      const { missed, trajectories } = await run(oraclePlanner(byId(tasks, ({ sealed }) => sealed.plan)), tasks);
      expect(missed).toEqual([]);
      for (const [i, { memory }] of trajectories.entries()) expect(memory.length).toBe(tasks[i]?.sealed.plan.length);
    }
  });
});

describe("scripted baselines", () => {
  it("random-valid solves some, far from all, and hardly ever makes a call that is refused", async () => {
    for (const role of ["trained", "heldOut"]) {
      const tasks = draw(role, "train", 12);
      const { accuracy, trajectories } = await run(
        randomValidPlanner({ reading: 0.85, askedOf: byId(tasks, (task) => [hintOf(task)]) }),
        tasks,
      );
      expect(accuracy).toBeGreaterThan(0.08);
      expect(accuracy).toBeLessThan(0.25);
      const calls = trajectories.flatMap(({ memory }) => memory);
      const refused = calls.filter(({ observation }) => observation.status === "refused");
      expect(refused.length / calls.length).toBeLessThan(0.01);
    }
  });

  it("reading changes which calculation is made, never which tool is chosen before the first", async () => {
    const tasks = draw("trained", "train", 2);
    const asked = byId(tasks, (task) => [hintOf(task)]);
    const plain = await run(randomValidPlanner(), tasks);
    const reading = await run(randomValidPlanner({ reading: 1, askedOf: asked }), tasks);
    for (const [i, { memory }] of plain.trajectories.entries()) {
      const other = reading.trajectories[i]?.memory ?? [];
      const first = memory.findIndex(({ step }) => step.tool === "calculate");
      const end = first < 0 ? memory.length : first;
      const actions = (entries: typeof memory) => entries.slice(0, end).map(({ step }) => step.raw);
      expect(actions(other)).toEqual(actions(memory));
      if (first >= 0) expect(other[first]?.step.tool).toBe("calculate");
    }
  });

  it("the best fixed order stays well below 75 %", async () => {
    const tasks = draw("trained", "train", 1);
    const hint = byId(tasks, hintOf);
    const score = async (order: readonly string[]) => (await run(fixedOrderPlanner(order, hint), tasks)).accuracy;
    const start = ["web_search", "web_page", "web_search", "web_page", "calculate"];
    const best = await searchBestFixedOrder(["web_search", "web_page", "calculate"], [start], score, 9);
    expect(best.score).toBeGreaterThan(0.2);
    expect(best.score).toBeLessThan(0.7);
  });
});
