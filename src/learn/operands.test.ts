import { expect, it } from "vitest";
import { date, type MadeTurn, number, stateOf } from "../../test/planner-state.ts";
import { random, randomKey } from "../random.ts";
import type { Trajectory } from "../trajectory.ts";
import { placedIn } from "./fragments.ts";
import { operandsOf, withOtherOperand } from "./operands.ts";

const placesOf = (routes: readonly Trajectory[]) => placedIn(routes, (tool) => tool === "calculate");
const routeOf = (template: string, turns: readonly MadeTurn[], unit = "day"): Trajectory => ({
  schemaVersion: 1,
  id: template,
  query: { id: "q", question: template },
  analysis: { entities: ["Elm", "Fox"], template, unit },
  memory: stateOf(["Elm", "Fox"], turns).memory,
  turns: [],
  status: "solved",
  stopReason: "answered",
});
const book = { printed: date("2001-01-01"), pages: number(90, "page") };
const writer = { born: date("1950-01-01"), died: date("1999-01-01"), books: number(3, "book") };
const value: MadeTurn["fields"] = { value: number(1) };
const days = (a: string, b: string, turns: readonly [MadeTurn, MadeTurn], fields: string): Trajectory =>
  routeOf(`How many days lie between the ${a} q1 and the ${b} q2?`, [
    ...turns,
    { action: `calculate days ${fields}`, fields: value },
  ]);
const write = (thing: string): MadeTurn => ({ action: `writer ${thing}`, fields: writer });
const read = (thing: string): MadeTurn => ({ action: `book ${thing}`, fields: book });

const routes = [
  days("birth of", "print of", [write("q1"), read("q2")], "@1.born @2.printed"),
  days("birth of", "death of", [write("q1"), write("q2")], "@1.born @2.died"),
  routeOf(
    "How many pages has the book q1?",
    [read("q1"), { action: "calculate value @1.pages", fields: value }],
    "page",
  ),
  routeOf(
    "How many books has the writer q1?",
    [write("q1"), { action: "calculate value @1.books", fields: value }],
    "book",
  ),
];
const madeOf = (some: readonly Trajectory[]): readonly Trajectory[] => {
  const operands = operandsOf(placesOf(some));
  return Array.from({ length: 40 }, (_, i) => withOtherOperand(operands, random(randomKey("operand", i)))).flatMap(
    (one) => one ?? [],
  );
};
const shown = ({ analysis, memory }: Trajectory): string =>
  [analysis.template, ...memory.map(({ step }) => step.raw)].join(" | ");

it("words that say which field of a thing is meant take each other's place, with the field and its calls", () => {
  expect([...new Set(madeOf(routes).map(shown))].sort()).toEqual([
    "How many days lie between the birth of q1 and the death of q2? | writer q1 | writer q2 | calculate days @1.born @2.died",
    "How many days lie between the birth of q1 and the print of q2? | writer q1 | book q2 | calculate days @1.born @2.printed",
  ]);
});

it("also where they were never asked for together", () => {
  const more = [
    ...routes,
    days("print of", "print of", [read("q1"), read("q2")], "@1.printed @2.printed"),
    days(
      "loan of",
      "print of",
      [{ action: "loan q1", fields: { begun: date("2020-01-01") } }, read("q2")],
      "@1.begun @2.printed",
    ),
  ];
  expect(madeOf(more).map(shown)).toContain(
    "How many days lie between the loan of q1 and the death of q2? | loan q1 | writer q2 | calculate days @1.begun @2.died",
  );
});

it("also in a place where only what shares other places with them has stood", () => {
  const on = (words: string, turns: readonly MadeTurn[], field: string): Trajectory =>
    routeOf(`On which date was ${words}?`, [...turns, { action: `calculate value ${field}`, fields: value }], "date");
  const more = [
    ...routes,
    // The birth stands here and there, the death only there.
    days("birth of", "birth of", [write("q1"), write("q2")], "@1.born @2.born"),
    on("the birth of q1", [write("q1")], "@1.born"),
    on("the print of q1", [read("q1")], "@1.printed"),
  ];
  expect(madeOf(more).map(shown)).toContain("On which date was the death of q1? | writer q1 | calculate value @1.died");
});

it("nothing is exchanged for what is of another kind or unit, or where the words do not tell the fields apart", () => {
  expect(madeOf(routes.slice(2))).toEqual([]);
  expect(madeOf(routes.slice(0, 1))).toEqual([]);
  expect(withOtherOperand([], random(randomKey("none")))).toBeUndefined();
});
