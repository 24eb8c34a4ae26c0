import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type AgentFlowConfig, createFlow, type Task } from "agentflow";
import { oraclePlanner } from "agentflow/learn";
import { beforeAll, describe, expect, it } from "vitest";
import type { Cell, Family, Sealed } from "../examples/grid.ts";
import incidents from "../examples/incidents/agentflow.config.ts";
import { incidentGrid } from "../examples/incidents/questions.ts";
import { makeWorld as makeCompany } from "../examples/incidents/world.ts";
import trips from "../examples/trips/agentflow.config.ts";
import { tripGrid } from "../examples/trips/questions.ts";
import { makeWorld as makeContinent } from "../examples/trips/world.ts";
import { analyse } from "../src/flow/rules/analyse.ts";
import { type ProjectTask, rewardOf, splitTasks } from "../src/learn/project/project-tasks.ts";

const SEED = 7;
const PER_FAMILY = 60;
const PER_DECISION = 180;

const toolOf = (line: string): string => line.split(" ")[0] ?? "";

/** The largest share of plans that are part of one order of tools, as if whoever follows it always knew the right arguments. */
const bestOrder = (plans: readonly (readonly string[])[], longest: number): number => {
  const counts = new Map<string, number>();
  for (const plan of plans) {
    const order = plan.map(toolOf).join(" ");
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  const orders = [...counts].map(([order, count]) => ({ tools: order.split(" "), count }));
  const tools = new Set(orders.flatMap((order) => order.tools));
  let reached = new Map([["", orders.map(() => 0)]]);
  for (let turn = 0; turn < longest; turn += 1) {
    const next = new Map<string, number[]>();
    for (const done of reached.values())
      for (const tool of tools) {
        const after = done.map((steps, i) => (orders[i]?.tools[steps] === tool ? steps + 1 : steps));
        next.set(after.join(), after);
      }
    reached = next;
  }
  const solved = [...reached.values()].map((done) =>
    orders.reduce((sum, { tools, count }, i) => sum + (done[i] === tools.length ? count : 0), 0),
  );
  return Math.max(...solved) / plans.length;
};

interface Project {
  readonly name: string;
  readonly config: AgentFlowConfig<Sealed>;
  readonly families: readonly Family[];
}

const projects: readonly Project[] = [
  { name: "incidents", config: incidents, families: incidentGrid(makeCompany(1)).families },
  { name: "trips", config: trips, families: tripGrid(makeContinent(1)).families },
];

describe.each(projects)("the project $name", ({ name, config, families }) => {
  let tasks: readonly Task<Sealed>[] = [];
  let split: readonly ProjectTask<Sealed>[] = [];
  beforeAll(async () => {
    tasks = typeof config.tasks === "function" ? await config.tasks({ seed: SEED }) : [];
    split = splitTasks(tasks);
  });

  /** Follows plans through a flow of rules, and what each earns. */
  const follow = async (planOf: (sealed: Sealed) => readonly string[] | undefined, among = split) => {
    const reward = rewardOf(config);
    const plans = new Map(among.map(({ id, sealed }) => [id, planOf(sealed.own) ?? []]));
    const { tools = {}, budget = {} } = config;
    const flow = createFlow({ planner: oraclePlanner((id) => plans.get(id) ?? []), tools, budget });
    const earned: { readonly task: ProjectTask<Sealed>; readonly answer?: string; readonly reward?: number }[] = [];
    for (const task of among) {
      const { answer } = (await flow.solve({ id: task.id, question: task.question })).trajectory;
      const worth = await reward(task, answer);
      earned.push({ task, ...(answer !== undefined && { answer }), ...(worth !== undefined && { reward: worth }) });
    }
    return earned;
  };

  it("can be solved: each plan earns its reward", async () => {
    const failed = (await follow(({ plan }) => plan)).filter(({ reward }) => reward !== 1);
    expect(failed.map(({ task, answer }) => [task.question, task.sealed.own.plan, answer])).toEqual([]);
  });

  it("asks for a decision that only a looked up value makes", async () => {
    const decisions = split.filter(({ sealed }) => sealed.own.otherwise !== undefined);
    expect(decisions).toHaveLength(PER_DECISION * families.filter((family) => "on" in family).length);
    const wrong = await follow((sealed) => sealed.otherwise?.plan, decisions);
    expect(wrong.filter(({ reward }) => reward !== 0)).toEqual([]);
    expect(wrong.map(({ answer }) => answer)).toEqual(
      decisions.map(({ sealed }) => String(sealed.own.otherwise?.answer)),
    );
    for (const branch of ["less", "more"]) {
      const asked = decisions.filter(({ sealed }) =>
        sealed.own.plan.some((line) => line.startsWith(`calculate ${branch}`)),
      );
      expect(asked.length).toBeGreaterThan(0.3 * decisions.length);
    }
    // After the comparison each branch asks a tool that the other one does not, each branch in half of the tasks.
    const branches = decisions.map(({ sealed }) => sealed.own.plan.slice(2).map(toolOf).join(" "));
    const [first, ...others] = new Set(branches);
    expect(others).toHaveLength(1);
    // Nor does the number in the question say which branch is right: it stands as often on one side as on the other.
    const sides = new Map<string, number>();
    for (const [i, { question, sealed }] of decisions.entries()) {
      const number = analyse(question).entities.find((entity) => !sealed.own.group.includes(entity)) ?? "";
      sides.set(number, (sides.get(number) ?? 0) + (branches[i] === first ? 1 : -1));
    }
    expect(sides.size).toBeGreaterThan(3);
    expect(new Set(sides.values())).toEqual(new Set([0]));
  });

  it("has no order of tools that solves much more than half of it", () => {
    const plans = tasks.map(({ sealed }) => sealed.plan);
    expect(bestOrder(plans, config.budget?.turns ?? 0)).toBeLessThanOrEqual(0.55);
    expect(Math.max(...plans.map(({ length }) => length))).toBe(5);
    expect(plans.some((plan) => plan.slice(0, 4).every((line, i) => line.includes(i === 0 ? "q1" : `@${i}.`)))).toBe(
      true,
    );
  });

  it("measures on things that no training task names", () => {
    const things = (part: "train" | "test") =>
      split.flatMap(({ sealed: { role, split, own } }) => (role === "trained" && split === part ? [own.group] : []));
    const trained = new Set(things("train").flat());
    expect(things("test").length).toBeGreaterThan(60);
    for (const group of things("test")) expect(group.some((thing) => !trained.has(thing))).toBe(true);
  });

  it("asks questions that are read rightly and say neither answer nor family", () => {
    for (const { id, question, sealed } of tasks) {
      const { family, group, otherwise, answer } = sealed;
      const { entities } = analyse(question);
      expect([question, entities.length]).toEqual([question, group.length + (otherwise === undefined ? 0 : 1)]);
      expect(entities).toEqual(expect.arrayContaining([...group]));
      expect(question.split(/[ ?.,]+/u)).not.toContain(String(answer));
      expect(id).not.toContain(family);
      expect(id).toMatch(/^t\w+$/u);
    }
  });

  it("holds families out whose parts are trained", () => {
    const cells = families.filter((family): family is Cell => "asked" in family);
    const [held, trained] = [cells.filter((cell) => cell.heldOut), cells.filter((cell) => !cell.heldOut)];
    expect(held.length).toBeGreaterThan(0);
    const partsOf = ({ asked, operation }: Cell): string[] => [...asked.flatMap((one) => one.split(".")), operation];
    const parts = new Set(trained.flatMap(partsOf));
    for (const cell of held) {
      const { asked, operation } = cell;
      for (const part of partsOf(cell)) expect(parts).toContain(part);
      const alike = trained.filter((cell) => cell.operation === operation && cell.asked.join() === asked.join());
      expect(alike).toEqual([]);
    }
  });

  it("is what its README says", () => {
    const readme = readFileSync(join(import.meta.dirname, `../examples/${name}/README.md`), "utf8");
    const rows = families.map((family) => {
      const own = tasks.filter(({ sealed }) => sealed.family === family.name);
      const wordings = new Set(own.map(({ question }) => analyse(question).template));
      expect(wordings.size).toBeGreaterThanOrEqual(3);
      expect(own).toHaveLength("on" in family ? PER_DECISION : PER_FAMILY);
      const [first] = own;
      return `| ${family.name} | ${own.length} | ${wordings.size} | ${first?.question} | ${first?.sealed.plan.map((line) => `\`${line}\``).join(", ")} |`;
    });
    for (const row of rows) expect(readme).toContain(row);
  });
});
