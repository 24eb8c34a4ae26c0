import { describe, expect, it } from "vitest";
import type { ClaimResults } from "./measured.ts";
import { meanWithInterval } from "./measured.ts";
import { accuracyGain } from "./measures/accuracy.ts";
import { chainsAppear } from "./measures/chains.ts";
import { domainOf, errorsFall, sharesMove } from "./measures/conduct.ts";
import { depthIsSelective, slopeOf } from "./measures/turns.ts";
import type { ArmResult, ColdStartResult, EvaluationResult, TrainingResult } from "./result.ts";
import type { SolveRow } from "./row.ts";

const row = (task: string, reward: number, rest: Partial<SolveRow> = {}): SolveRow => ({
  set: "heldOutPages",
  task,
  family: "airport.elevation.value",
  depth: 1,
  reward,
  stop: "answered",
  turns: [{ action: "web_search q1", status: "ok" }],
  tokens: 3,
  ...rest,
});

const evaluation = (arm: string, seed: number, rows: readonly SolveRow[]): EvaluationResult => ({
  schemaVersion: 1,
  kind: "evaluation",
  arm,
  seed,
  key: "k",
  seconds: 1,
  rows,
});

const training = (seed: number, rest: Partial<TrainingResult> = {}): TrainingResult => ({
  schemaVersion: 1,
  kind: "training",
  arm: "train flow-grpo",
  seed,
  key: "k",
  seconds: 1,
  steps: 2,
  rollouts: 4,
  sampledTokens: 12,
  successes: 1,
  course: [
    { reward: 0, toolErrorRate: 0.4, turns: 3 },
    { reward: 0.5, toolErrorRate: 0.1, turns: 2 },
  ],
  firsts: {},
  ...rest,
});

const resultsOf = (all: readonly ArmResult[]): ClaimResults => {
  const of = (arm: string): readonly ArmResult[] => all.filter((one) => one.arm === arm);
  return {
    seeds: [...new Set(all.map(({ seed }) => seed))],
    results: of,
    evaluations: (arm) => of(arm) as readonly EvaluationResult[],
    trainings: (arm) => of(arm) as readonly TrainingResult[],
  };
};

const tasks = Array.from({ length: 20 }, (_, i) => `t${i}`);

describe("a gain in accuracy", () => {
  const measure = accuracyGain({ id: "x", better: "a", worse: "b", sets: ["heldOutPages"] });
  const results = [7, 8].flatMap((seed) => [
    evaluation(
      "a",
      seed,
      tasks.map((task, i) => row(task, i < 15 ? 1 : 0)),
    ),
    evaluation(
      "b",
      seed,
      tasks.map((task, i) => row(task, i < (seed === 7 ? 5 : 10) ? 1 : 0)),
    ),
  ]);

  it("is paired by question over all seeds, and given by seed", () => {
    const { n, difference, interval, seeds, figures } = measure(resultsOf(results));
    expect(n).toBe(40);
    expect(difference).toBeCloseTo(0.375, 12);
    expect(interval[0]).toBeGreaterThan(0.2);
    expect(seeds).toEqual([
      { seed: 7, difference: 0.5 },
      { seed: 8, difference: 0.25 },
    ]);
    expect(figures[0]).toEqual({ name: "a", text: "75.0 % [59.8, 85.8]" });
  });

  it("leaves out sets that are not asked for, and questions that one of them was not asked", () => {
    const other = row("t99", 1, { set: "heldOutFamily" });
    const few = evaluation("b", 7, [row("t0", 0), other]);
    const { n, difference } = measure(
      resultsOf([evaluation("a", 7, [...tasks.map((task) => row(task, 1)), other]), few]),
    );
    expect([n, difference]).toEqual([1, 1]);
  });
});

describe("conduct", () => {
  const bad = { turns: [{ action: "web_search q1", status: "refused", reason: "repeated" }] } as const;

  it("counts calls that failed, question by question, and shows their course", () => {
    const { difference, n, figures, chart } = errorsFall(
      resultsOf([
        evaluation(
          "untrained",
          7,
          tasks.map((task, i) => row(task, 0, i < 10 ? bad : {})),
        ),
        evaluation(
          "flow-grpo",
          7,
          tasks.map((task) => row(task, 1)),
        ),
        training(7),
      ]),
    );
    expect([difference, n]).toEqual([0.5, 20]);
    expect(figures.map(({ text }) => text)).toEqual(["50.0 %", "0.0 %", "40.0 %", "10.0 %"]);
    expect(chart.svg).toContain("seed 7");
  });

  it("finds the tool whose share moves most differently in two domains, on other questions than it is measured on", () => {
    const using = (tool: string): Partial<SolveRow> => ({ turns: [{ action: `${tool} q1`, status: "ok" }] });
    const about = (family: string, tool: string, of: string): SolveRow[] =>
      tasks.map((task) => row(`${of} ${task}`, 1, { ...using(tool), family }));
    const measured = sharesMove(
      resultsOf([
        evaluation("untrained", 7, [
          ...about("airport.elevation.value", "web_search", "a"),
          ...about("person.born.value", "web_search", "p"),
        ]),
        evaluation("flow-grpo", 7, [
          ...about("airport.elevation.value", "web_search", "a"),
          ...about("person.born.value", "wikipedia_search", "p"),
        ]),
      ]),
    );
    expect(measured.difference).toBe(1);
    expect(measured.n).toBe(20);
    expect(measured.figures.map(({ name }) => name)[0]).toContain("web_search");
  });

  it("knows what a family is about", () => {
    expect(domainOf("airport-country.population.value")).toBe("airports");
    expect(domainOf("code+airport.latitude.difference")).toBe("airports");
    expect(domainOf("person+release.born+date.days")).toBe("two domains");
  });
});

describe("turns", () => {
  it("have a slope over depth, of solved questions", () => {
    const deep = (task: string, depth: number, reward: number): SolveRow =>
      row(task, reward, {
        depth,
        turns: Array.from({ length: depth }, () => ({ action: "web_page @1", status: "ok" })),
      });
    const rows = tasks.map((task, i) => deep(task, 1 + (i % 4), 1));
    const { difference, n, figures } = depthIsSelective(
      resultsOf([evaluation("flow-grpo", 7, [...rows, deep("unsolved", 9, 0)])]),
    );
    expect(difference).toBeCloseTo(1, 12);
    expect(n).toBe(20);
    expect(figures[0]?.text).toBe("0.00");
  });

  it("have no slope without spread", () => {
    expect(
      slopeOf([
        [1, 1],
        [1, 2],
        [1, 3],
      ]).interval,
    ).toEqual([Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY]);
    expect(
      slopeOf([
        [1, 2],
        [2, 4],
        [3, 6],
      ]),
    ).toEqual({ slope: 2, interval: [2, 2] });
  });
});

describe("chains", () => {
  const chained = (task: string, reward: number, ...actions: readonly string[]): SolveRow =>
    row(task, reward, { turns: actions.map((action) => ({ action, status: "ok" })) });
  const cold = (found: Readonly<Record<string, number>>): ColdStartResult => ({
    schemaVersion: 1,
    kind: "cold start",
    arm: "cold start",
    seed: 7,
    key: "k",
    seconds: 1,
    plans: 100,
    exercises: 50,
    found,
  });
  const fresh = "web_search q → web_page −1.hit";
  const known = "wikipedia_search q → calculate value −1.born";
  const rows = [
    chained("a", 1, "web_search q1", "web_page @1.1"),
    chained("b", 1, "web_search q2", "web_page @1.2"),
    chained("c", 0, "web_search q1", "web_page @1.1"),
    chained("d", 1, "wikipedia_search q1", "calculate value @1.born"),
  ];

  it("are new where right answers come by them and nothing had shown them", () => {
    const measured = chainsAppear(
      resultsOf([
        evaluation("flow-grpo", 7, rows),
        training(7, { firsts: { [fresh]: 12 } }),
        cold({ [fresh]: 0, [known]: 4 }),
      ]),
    );
    expect(measured.difference).toBeCloseTo(2 / 3, 12);
    expect(measured.n).toBe(3);
    expect(measured.figures).toContainEqual({ name: fresh, text: "2 right answers, first in step 12" });
  });

  it("are not new where a plan has held them", () => {
    const { difference } = chainsAppear(
      resultsOf([evaluation("flow-grpo", 7, rows), training(7), cold({ [fresh]: 1, [known]: 4 })]),
    );
    expect(difference).toBe(0);
  });
});

describe("a mean", () => {
  it("has an interval by the normal approximation, and none of a single value", () => {
    expect(meanWithInterval([1, 2, 3]).mean).toBe(2);
    expect(meanWithInterval([1, 2, 3]).interval[1]).toBeCloseTo(2 + 1.959964 * Math.sqrt(1 / 3), 5);
    expect(meanWithInterval([1]).interval[0]).toBe(Number.NEGATIVE_INFINITY);
  });
});
