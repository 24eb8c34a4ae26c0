import { describe, expect, it } from "vitest";
import { date, type MadeTurn, number, stateOf, text } from "../../test/planner-state.ts";
import { random, randomKey } from "../random.ts";
import type { Trajectory } from "../trajectory.ts";
import { exchanged, exercisesOf, namesIn, reread, thinned, transplanted, varied } from "./varied-exercises.ts";

const trajectoryOf = (template: string, turns: readonly MadeTurn[], unit?: string): Trajectory => ({
  schemaVersion: 1,
  id: "t",
  query: { id: "q", question: template },
  analysis: { entities: ["A", "B"], template, ...(unit !== undefined && { unit }) },
  memory: stateOf(["A", "B"], turns).memory,
  turns: [],
  status: "solved",
  stopReason: "answered",
});

const fields = {
  lines: number(3, "line"),
  customers: number(5, "customer"),
  opened: date("2024-02-29"),
  name: text("x"),
};
const turns: readonly MadeTurn[] = [
  { action: "look q1", fields },
  { action: "look q2", fields },
  { action: "calculate sum @1.lines @2.lines", fields: { value: number(6) } },
];
const exercise = trajectoryOf("How many lines do q1 and q2 change? Each line counts.", turns, "line");
const names = namesIn([exercise]);
const others = { ...names, tools: ["look", "find"], entities: ["C", "D"] };
const all = Array.from({ length: 40 }, (_, i) => exchanged(exercise, others, randomKey(i)));

describe("exercises in which names have changed places", () => {
  it("know the names of what is computed with, of tools and of what questions are about", () => {
    expect(names).toEqual({
      numbers: ["lines", "customers"],
      dates: ["opened"],
      tools: ["look"],
      entities: ["A", "B"],
    });
  });

  it("exchange fields in question, unit, results and calculation alike", () => {
    const changed = all.filter(({ analysis }) => analysis.template.includes("customers"));
    expect(changed.length).toBeGreaterThan(10);
    expect(changed.length).toBeLessThan(30);
    for (const { analysis, memory } of changed) {
      expect(analysis.template).toBe("How many customers do q1 and q2 change? Each customer counts.");
      expect(analysis.unit).toBe("customer");
      expect(memory[0]?.observation).toMatchObject({ fields: { customers: fields.lines, lines: fields.customers } });
      expect(memory[2]?.step).toEqual({
        tool: "calculate",
        subGoal: "sum @1.customers @2.customers",
        raw: "calculate sum @1.customers @2.customers",
      });
    }
    for (const { analysis, memory } of all.filter((one) => !changed.includes(one))) {
      expect(analysis).toMatchObject({ template: exercise.analysis.template, unit: "line" });
      expect(memory[2]?.step.raw).toBe("calculate sum @1.lines @2.lines");
    }
    expect(exercise.memory[2]?.step.raw).toBe("calculate sum @1.lines @2.lines");
  });

  it("exchange tools that look up and what the question is about, but no number", () => {
    expect(new Set(all.map(({ memory }) => memory[0]?.step.raw))).toEqual(new Set(["look q1", "find q1"]));
    expect(new Set(all.flatMap(({ analysis }) => analysis.entities))).toEqual(new Set(["C", "D"]));
    const numbered = { ...exercise, analysis: { ...exercise.analysis, entities: ["A", "12", "2024-02-29"] } };
    expect(exchanged(numbered, others, randomKey(1)).analysis.entities.slice(1)).toEqual(["12", "2024-02-29"]);
  });

  it("leave a field that the question does not name as it is", () => {
    const unnamed = trajectoryOf("How long are q1 and q2?", turns, "line");
    for (let i = 0; i < 20; i += 1) {
      const { analysis, memory } = exchanged(
        unnamed,
        { ...others, numbers: [...names.numbers, "size", "age"] },
        randomKey(i),
      );
      expect(memory[2]?.step.subGoal).toBe("sum @1.lines @2.lines");
      expect(analysis).toMatchObject({ template: "How long are q1 and q2?", unit: "line" });
    }
    const dated = [...turns.slice(0, 1), { action: "calculate value @1.opened", fields: {} }];
    const two = { ...others, dates: ["opened", "went_live"] };
    const seen = Array.from({ length: 20 }, (_, i) =>
      exchanged(trajectoryOf("When was q1 opened?", dated, "date"), two, randomKey(i)),
    );
    const live = seen.find(({ analysis }) => analysis.template === "When was q1 went live?");
    expect(live?.memory[1]?.step.raw).toBe("calculate value @1.went_live");
    expect(live?.analysis.unit).toBe("date");
  });

  it("leave out a unit that would name another field", () => {
    const priced = { ...exercise, analysis: { ...exercise.analysis, unit: "USD" } };
    const shown = Array.from({ length: 20 }, (_, i) => exchanged(priced, others, randomKey(i)).analysis);
    for (const { template, unit } of shown) expect(unit).toBe(template.includes("customers") ? undefined : "USD");
  });
});

describe("questions with fewer words", () => {
  const shown = Array.from({ length: 300 }, (_, i) => thinned(exercise, randomKey(i)).analysis);

  it("keep what they refer to, and the order of their words", () => {
    const words = exercise.analysis.template.split(" ");
    for (const { template } of shown) {
      expect(template).toMatch(/q1.*q2/);
      let at = -1;
      for (const word of template.split(" ")) at = words.indexOf(word, at + 1);
      expect(at).toBeGreaterThanOrEqual(0);
    }
  });

  it("keep what names a field", () => {
    const keptIn = (fields: readonly string[]): readonly string[] =>
      shown.map((_, i) => thinned(exercise, randomKey(i), fields).analysis.template);
    for (const template of keptIn(["lines"])) expect(template).toMatch(/lines.*q1.*q2.*\bline\b/);
    expect(keptIn(["customers"]).some((template) => !template.includes("lines"))).toBe(true);
  });

  it("are whole at times, and never empty", () => {
    const whole = shown.filter(({ template }) => template === exercise.analysis.template).length;
    expect(whole).toBeGreaterThan(100);
    expect(whole).toBeLessThan(250);
    const without = shown.filter(({ unit }) => unit === undefined).length;
    expect(without).toBeGreaterThan(15);
    expect(without).toBeLessThan(100);
    expect(thinned(exercise, randomKey(3))).toEqual(thinned(exercise, randomKey(3)));
  });
});

describe("exercises of other things", () => {
  const donor = trajectoryOf(
    "By how many errors do q1 and q2 differ?",
    [
      { action: "logs q1", fields: { errors: number(9, "error"), day: date("2024-01-01") } },
      { action: "logs q2", fields: { errors: number(4, "error"), day: date("2024-01-02") } },
      { action: "calculate difference @1.errors @2.errors", fields: { value: number(5, "error") } },
    ],
    "error",
  );
  const named = { ...donor, analysis: { ...donor.analysis, entities: ["X", "Y"] } };

  it("ask the same of another field, in the surroundings of that field", () => {
    const other = transplanted(exercise, named);
    expect(other?.analysis).toEqual({
      template: "How many errors do q1 and q2 change? Each error counts.",
      unit: "error",
      entities: ["X", "Y"],
    });
    expect(other?.memory.map(({ step }) => step.raw)).toEqual([
      "logs q1",
      "logs q2",
      "calculate sum @1.errors @2.errors",
    ]);
    const [first] = other?.memory ?? [];
    expect(first?.observation.status === "ok" && Object.keys(first.observation.fields)).toEqual(["errors", "day"]);
  });

  it("keep what later calls refer to", () => {
    const chained = trajectoryOf("How many lines do q1 and its name change?", [
      { action: "look q1", fields },
      { action: "look @1.name", fields },
      { action: "calculate sum @1.lines @2.lines", fields: {} },
    ]);
    const [first, second] = transplanted(chained, named)?.memory ?? [];
    expect(first?.observation.status === "ok" && Object.keys(first.observation.fields)).toEqual([
      "name",
      "errors",
      "day",
    ]);
    expect(second?.step.raw).toBe("logs @1.name");
  });

  it("are none of the same field, of two fields, of another kind, or where the question does not name the field", () => {
    expect(transplanted(exercise, exercise)).toBeUndefined();
    const two = trajectoryOf("lines", [
      ...turns.slice(0, 2),
      { action: "calculate sum @1.lines @2.customers", fields: {} },
    ]);
    expect(transplanted(two, named)).toBeUndefined();
    const day = trajectoryOf("day", [
      ...named.memory.slice(0, 1).map(() => ({ action: "logs q1", fields: { day: date("2024-01-01") } })),
      { action: "calculate value @1.day", fields: {} },
    ]);
    expect(transplanted(exercise, day)).toBeUndefined();
    expect(
      transplanted({ ...exercise, analysis: { ...exercise.analysis, template: "How long is q1?" } }, named),
    ).toBeUndefined();
  });

  it("are as many as can be made, and the rest are as they were or have other names", () => {
    const made = exercisesOf([exercise, named]);
    const kinds = Array.from({ length: 300 }, (_, i) => {
      const { memory, analysis } = varied(exercise, made, randomKey(i));
      if (
        memory[0]?.step.tool === "logs" &&
        analysis.template.includes("errors") &&
        memory[0].observation.status === "ok" &&
        "day" in memory[0].observation.fields &&
        analysis.entities[0] === "X"
      )
        return "other";
      return memory === exercise.memory ? "same" : "exchanged";
    });
    const count = (kind: string): number => kinds.filter((one) => one === kind).length;
    // Half of the time the exercise itself was drawn, of which no other one can be made: then names are exchanged.
    expect(count("other")).toBeGreaterThan(45);
    expect(count("same")).toBeGreaterThan(35);
    expect(count("exchanged")).toBeGreaterThan(120);
  });
});

describe("an exercise that asks for another field", () => {
  const trip = {
    minutes: number(30, "minute"),
    fare: number(12, "crown"),
    changes: number(1, "change"),
    to: text("Ost"),
  };
  const asked = (template: string, unit?: string): Trajectory =>
    trajectoryOf(
      template,
      [
        { action: "train q1 q2", fields: trip },
        { action: "calculate value @1.minutes", fields: { value: number(30) } },
      ],
      unit,
    );
  const others = (one: Trajectory) => Array.from({ length: 60 }, (_, i) => reread(one, random(randomKey("reread", i))));

  it("asks for its unit, by the words that asked for the former one", () => {
    const made = others(asked("How many minutes does the train from q1 to q2 take?", "minute")).map((one) => [
      one?.analysis.template,
      one?.analysis.unit,
      one?.memory.at(-1)?.step.raw,
    ]);
    expect(made).toContainEqual([
      "How many crowns does the train from q1 to q2 take?",
      "crown",
      "calculate value @1.fare",
    ]);
    expect(made).toContainEqual([
      "How many changes does the train from q1 to q2 take?",
      "change",
      "calculate value @1.changes",
    ]);
    expect(new Set(made.map(([, unit]) => unit))).toEqual(new Set(["crown", "change"]));
  });

  it("is none where the question does not say what it asks for, or there is nothing else of its kind", () => {
    expect(
      others(asked("How long does the train from q1 to q2 take?", "minute")).every((one) => one === undefined),
    ).toBe(true);
    const alone = trajectoryOf(
      "How many minutes?",
      [
        { action: "train q1", fields: { minutes: trip.minutes, to: trip.to } },
        { action: "calculate value @1.minutes", fields: { value: number(30) } },
      ],
      "minute",
    );
    expect(reread(alone, random(randomKey(1)))).toBeUndefined();
  });
});
