import { describe, expect, it } from "vitest";
import { date, type MadeTurn, number, stateOf, text } from "../../test/planner-state.ts";
import { random, randomKey } from "../random.ts";
import type { Trajectory } from "../trajectory.ts";
import { chained, chainsIn } from "./chained.ts";

const drug = { price: number(9, "euro"), supplier: text("Medora") };
const supplier = { delivery: number(3, "day"), since: date("2024-02-29") };
const last = (action: string): MadeTurn => ({ action, fields: { value: number(1) } });

const routeOf = (
  template: string,
  entities: readonly string[],
  unit: string,
  turns: readonly MadeTurn[],
): Trajectory => ({
  schemaVersion: 1,
  id: "t",
  query: { id: "q", question: template },
  analysis: { entities, template, unit },
  memory: stateOf(entities, turns).memory,
  turns: [],
  status: "solved",
  stopReason: "answered",
});

const apart = routeOf("For q1 and q2, how far apart are the prices in euro?", ["Elmol", "Firin"], "EUR", [
  { action: "drug q1", fields: drug },
  { action: "drug q2", fields: drug },
  last("calculate difference @1.price @2.price"),
]);
const wait = (entity: string): Trajectory =>
  routeOf("How many days does a delivery of q1 take?", [entity], "day", [
    { action: "drug q1", fields: drug },
    { action: "supplier @1.supplier", fields: supplier },
    last("calculate value @2.delivery"),
  ]);
const days = new Map([
  ["day", "days"],
  ["euro", "euros"],
]);
const madeOf = (routes: readonly Trajectory[], words = days): readonly (Trajectory | undefined)[] => {
  const chains = chainsIn(routes);
  return Array.from({ length: 40 }, (_, i) => chained(chains, random(randomKey("chained", i)), words));
};
const actionsOf = (one: Trajectory | undefined): string => (one?.memory ?? []).map(({ step }) => step.raw).join("; ");

describe("a route that asks the same of other things", () => {
  const made = madeOf([apart, wait("Gamor"), wait("Hexal")]);
  const both =
    "drug q1; supplier @1.supplier; drug q2; supplier @3.supplier; calculate difference @2.delivery @4.delivery";

  it("makes the calls of a chain for each of them", () => {
    expect(new Set(made.map(actionsOf))).toEqual(new Set([both]));
    for (const one of made) {
      expect(one?.analysis).toMatchObject({
        template: "For q1 and q2, how far apart are the deliveries in days?",
        unit: "day",
      });
      for (const name of one?.analysis.entities ?? []) expect(["Gamor", "Hexal"]).toContain(name);
      expect(one?.memory.map(({ index, turnsLeft }) => [index, turnsLeft])).toEqual([
        [1, 11],
        [2, 10],
        [3, 9],
        [4, 8],
        [5, 7],
      ]);
      expect(one?.memory[1]?.observation).toMatchObject({ fields: supplier });
    }
    expect(apart.analysis.entities).toEqual(["Elmol", "Firin"]);
  });

  it("is none where the question does not say what is asked, or the field is of another kind", () => {
    const unnamed = { ...apart, analysis: { ...apart.analysis, template: "How do q1 and q2 compare?" } };
    expect(madeOf([unnamed, wait("Gamor")])).toEqual(Array(40).fill(undefined));
    const since = routeOf("Since when does the supplier of q1 supply?", ["Gamor"], "date", [
      { action: "drug q1", fields: drug },
      { action: "supplier @1.supplier", fields: supplier },
      last("calculate value @2.since"),
    ]);
    expect(madeOf([apart, since])).toEqual(Array(40).fill(undefined));
    expect(madeOf([])).toEqual(Array(40).fill(undefined));
  });

  it("leaves what needs two things of the question, or two fields, to others", () => {
    const two = routeOf("What does q1 cost on q2?", ["Elmol", "2024-02-29"], "EUR", [
      { action: "price q1 q2", fields: drug },
      last("calculate value @1.price"),
    ]);
    const mixed = routeOf("How much more is q1 than its delivery?", ["Elmol"], "EUR", [
      { action: "drug q1", fields: drug },
      { action: "supplier @1.supplier", fields: supplier },
      last("calculate difference @1.price @2.delivery"),
    ]);
    expect(chainsIn([two, mixed]).chains).toEqual([]);
    expect(chainsIn([apart, wait("Gamor"), wait("Hexal")]).chains.map((same) => same.length)).toEqual([1, 2]);
  });

  it("takes no chain that the thing and the field do not tell from another one", () => {
    const ferry = { first: text("A1"), last: text("A9"), region: text("North") };
    const sailing = { delivery: number(9, "day") };
    const sailingOf = (which: string): Trajectory =>
      routeOf(`How many days does a delivery take by the ${which} sailing of q1?`, ["Gamor"], "day", [
        { action: "ferry q1", fields: ferry },
        { action: `sailing @1.${which}`, fields: sailing },
        last("calculate value @2.delivery"),
      ]);
    const callsIn = (routes: readonly Trajectory[]): readonly (string | undefined)[] =>
      chainsIn(routes).chains.map(([one]) => one?.calls.map(({ step }) => step.raw).join("; "));
    expect(callsIn([sailingOf("first")])).toEqual(["ferry q1; sailing @1.first"]);
    expect(callsIn([sailingOf("first"), sailingOf("last")])).toEqual([]);
    expect(callsIn([sailingOf("first"), wait("Hexal")])).toHaveLength(2);

    const owner = routeOf("How many days does a delivery take to the owner of the supplier of q1?", ["Gamor"], "day", [
      { action: "drug q1", fields: drug },
      { action: "supplier @1.supplier", fields: { ...supplier, owner: text("Nordia") } },
      { action: "company @2.owner", fields: supplier },
      last("calculate value @3.delivery"),
    ]);
    expect(callsIn([owner, wait("Hexal")])).toEqual(["drug q1; supplier @1.supplier"]);
  });
});
