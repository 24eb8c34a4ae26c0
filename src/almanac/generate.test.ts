import { describe, expect, it } from "vitest";
import { type AlmanacTask, almanacTasks, generateTasks, grid, loadAlmanac, splitOf, taskSource } from "./index.ts";
import { targetKind } from "./paths.ts";

const almanac = await loadAlmanac();
const source = taskSource(almanac, 1);
const sample = (split: "train" | "validation" | "test", each: number): readonly AlmanacTask[] =>
  grid.flatMap((cell) => Array.from({ length: each }, (_, i) => source(cell, split, i)));

describe("the grid", () => {
  const trained = grid.filter(({ role }) => role === "trained");

  it("has 48 or more trained cells and 12 or more held-out ones, of two to seven actions, each once", () => {
    expect(trained.length).toBeGreaterThanOrEqual(48);
    expect(grid.filter(({ role }) => role === "heldOut").length).toBeGreaterThanOrEqual(12);
    expect(new Set(grid.map(({ name }) => name)).size).toBe(grid.length);
    for (const { actions, role } of grid) expect(actions).toBeLessThanOrEqual(role === "deep" ? 11 : 7);
  });

  it("holds out only cells whose parts are trained: path by position, field by kind of page, operation by field", () => {
    for (const { name, asked, operation, role } of grid.filter((cell) => cell.role !== "trained")) {
      expect(
        trained.some((cell) => cell.operation === operation),
        name,
      ).toBe(true);
      for (const [i, { path, field }] of asked.entries()) {
        const alike = trained.filter((cell) => cell.asked.length === asked.length);
        if (role === "heldOut")
          expect(
            alike.some((cell) => cell.asked[i]?.path === path),
            `${name}: ${path}`,
          ).toBe(true);
        const reads = trained.flatMap((cell) => cell.asked).filter((one) => one.field === field);
        expect(
          reads.some((one) => targetKind(one.path) === targetKind(path)),
          `${name}: ${field}`,
        ).toBe(true);
        const computed = trained.filter((cell) => cell.operation === operation).flatMap((cell) => cell.asked);
        expect(
          computed.some((one) => one.field === field),
          `${name}: ${operation} of ${field}`,
        ).toBe(true);
      }
    }
  });
});

describe("generated tasks", () => {
  it("are a pure function of seed, cell, split and index", () => {
    const [cell] = grid;
    if (cell === undefined) throw new Error("the grid is empty");
    expect(taskSource(almanac, 1)(cell, "train", 3)).toEqual(source(cell, "train", 3));
    expect(taskSource(almanac, 2)(cell, "train", 3)).not.toEqual(source(cell, "train", 3));
  });

  it("keep the splits: training reads training pages only, the others start from pages of their own", () => {
    for (const { sealed } of sample("train", 5)) expect(new Set(sealed.pages.map(splitOf))).toEqual(new Set(["train"]));
    for (const split of ["validation", "test"] as const)
      for (const { sealed } of sample(split, 5))
        expect(new Set(sealed.entryPages.map(splitOf))).toEqual(new Set([split]));
    const shares = almanac.pages.filter(({ id }) => splitOf(id) === "train").length / almanac.pages.length;
    expect(shares).toBeCloseTo(0.8, 1);
  });

  it("allow three turns more than the plan, and ask in at most 26 words, 36 where a plan is longer than any trained one", () => {
    for (const { question, turnLimit, sealed } of sample("train", 5)) {
      expect(turnLimit).toBe(sealed.plan.length + 3);
      expect(question.split(" ").length).toBeLessThanOrEqual(sealed.role === "deep" ? 36 : 26);
      expect(question).not.toMatch(/[{}]|undefined| {2}/);
    }
  });

  it("compute what no page of the plan states", () => {
    for (const { sealed } of sample("test", 5)) {
      if (sealed.operation === "value") continue;
      for (const id of sealed.pages) {
        const values = Object.values(almanac.byId.get(id)?.fields ?? {}).map(({ value }) => String(value));
        expect(values).not.toContain(sealed.answer);
      }
    }
  });

  it("have no answer above 5 % of its cell where there are 60 or more answers, and no weekday above 30 %", () => {
    for (const cell of grid) {
      const counts = new Map<string, number>();
      for (let i = 0; i < 400; i += 1) {
        const { answer } = source(cell, "train", i).sealed;
        counts.set(answer, (counts.get(answer) ?? 0) + 1);
      }
      const top = Math.max(...counts.values()) / 400;
      // 5 %, and what 400 draws may add to it.
      if (counts.size >= 60) expect(top, cell.name).toBeLessThanOrEqual(0.065);
      else expect(top, cell.name).toBeLessThanOrEqual(0.32);
    }
  });

  it("come in sets without a repeated question, spread evenly, in words that training does not use when held out", () => {
    const tasks = almanacTasks(almanac, 7);
    const sets = tasks.evaluation("validation", {
      heldOutPages: 224,
      heldOutFamily: 90,
      heldOutParaphrase: 112,
      deep: 10,
    });
    for (const set of Object.values(sets) as (readonly AlmanacTask[])[])
      expect(new Set(set.map(({ question }) => question)).size).toBe(set.length);
    expect(sets.heldOutPages.length).toBe(224);
    expect(new Set(sets.heldOutFamily.map(({ sealed }) => sealed.role))).toEqual(new Set(["heldOut"]));
    expect(sets.deep.slice(0, 3).map(({ sealed }) => sealed.plan.length)).toEqual([8, 9, 11]);
    const opening = (question: string): string => question.split(" ").slice(0, 2).join(" ");
    const ordinary = new Set(
      sets.heldOutPages.filter(({ sealed }) => sealed.operation === "weekday").map(({ question }) => opening(question)),
    );
    for (const { question, sealed } of sets.heldOutParaphrase)
      if (sealed.operation === "weekday") expect(ordinary).not.toContain(opening(question));
    expect(generateTasks({ almanac, split: "test", cells: grid.slice(0, 3), count: 7, seed: 1 }).length).toBe(7);
  });
});
