import { describe, expect, it } from "vitest";
import { date, type MadeTurn, number, stateOf, text } from "../../../test/planner-state.ts";
import { type Toolset, tool } from "../../tool.ts";
import { knownFields } from "../planners/candidates.ts";
import { allowedCalls, beginningsOf, type Fits, isValid } from "./valid-calls.ts";

const toolOf = (properties: Readonly<Record<string, object>>, required = Object.keys(properties)) =>
  tool<Readonly<Record<string, unknown>>>({
    description: "A tool.",
    inputSchema: { type: "object", properties, required },
    execute: () => "",
  });
const tools: Toolset = {
  now: toolOf({}),
  box: toolOf({ code: { type: "string" }, colour: { type: "string" } }, ["code"]),
  count: toolOf({ number: { type: "integer" } }),
  scales: toolOf({ shelf: { type: "string" }, code: { type: "string" } }),
  sorted: toolOf({ code: { type: "string" }, order: { type: "string", enum: ["up", "down"] } }),
  light: toolOf({ on: { type: "boolean" } }),
};
const callsOf = (name: string, entities: readonly string[], turns: readonly MadeTurn[] = []) => {
  const state = stateOf(entities, turns, tools);
  return allowedCalls(tools, name, state, knownFields(state)).map(({ subGoal, sources }) => `${subGoal} | ${sources}`);
};

describe("calls that a schema allows", () => {
  it("take entities of the question, by their form", () => {
    expect(callsOf("box", ["B-100", "Long Hall", "1,250"])).toEqual(["q1 | q code", "q2 | q name", "q3 | q number"]);
    expect(callsOf("count", ["B-100", "Long Hall", "1,250", "-3.5"])).toEqual(["q3 | q number", "q4 | q number"]);
  });

  it("take fields that other tools have brought, by tool and name, but no quantities", () => {
    const fields = { shelf: text("S1"), weight: number(5, "kg"), place: number(7), made: date("2020-01-02") };
    const turns: MadeTurn[] = [{ action: "box q1", input: { code: "B-1" }, fields }];
    expect(callsOf("box", [], turns)).toEqual(["@1.shelf | box.shelf", "@1.place | box.place", "@1.made | box.made"]);
    expect(callsOf("count", [], turns)).toEqual(["@1.weight | box.weight", "@1.place | box.place"]);
  });

  it("take listed values and truth as they are", () => {
    expect(callsOf("light", ["Hall"])).toEqual(["true | choice", "false | choice"]);
    expect(callsOf("sorted", ["B-1"])).toEqual(["q1 up | q code + choice", "q1 down | q code + choice"]);
  });

  it("refer to a listed value where a field or an entity is one", () => {
    const turns: MadeTurn[] = [{ action: "box q1", input: { code: "B-1" }, fields: { way: text("down") } }];
    expect(callsOf("sorted", ["B-1", "up"], turns)).toEqual([
      "q1 q2 | q code + q name",
      "q1 @1.way | q code + box.way",
      "q2 @1.way | q name + box.way",
      "q2 up | q name + choice",
      "@1.way q2 | box.way + q name",
      "@1.way down | box.way + choice",
    ]);
  });

  it("fill optional arguments too, where something of the kind is at hand", () => {
    const ordered: Toolset = {
      orders: toolOf({ customer: { type: "string" }, most: { type: "integer" }, filter: { type: "object" } }, []),
      stock: toolOf({ sku: { type: "string" }, site: { type: "string" }, day: { type: "string" } }, ["sku", "site"]),
    };
    const calls = (name: string, entities: readonly string[]) =>
      allowedCalls(ordered, name, stateOf(entities, [], ordered), []).map(({ subGoal }) => subGoal);
    expect(calls("orders", ["o-17", "5"])).toEqual(["q", "q1", "q2", "q1 q2"]);
    expect(calls("stock", ["A-1", "Lagos"])).toEqual(["q1 q2", "q2 q1"]);
    expect(calls("stock", ["A-1", "Lagos", "2024-05-01"])).toContain("q1 q2 q3");
  });

  it("take one thing for one argument only", () => {
    expect(callsOf("scales", ["S1", "B-1"])).toEqual(["q1 q2 | q code + q code", "q2 q1 | q code + q code"]);
    expect(callsOf("scales", ["S1"])).toEqual([]);
  });

  it("are made once, with the same values too, unless they failed for now", () => {
    const made = (error?: MadeTurn["error"]): MadeTurn => ({
      action: "box q1",
      input: { code: "B-1" },
      ...(error && { error }),
    });
    expect(callsOf("box", ["B-1", "B-2"], [made()])).toEqual(["q2 | q code"]);
    expect(callsOf("box", ["B-1", "B-2"], [made("bad-arguments")])).toEqual(["q2 | q code"]);
    expect(callsOf("box", ["B-1", "B-2"], [made("timeout")])).toEqual(["q1 | q code", "q2 | q code"]);
    const same: MadeTurn = { action: "now q", input: {}, fields: { code: text("B-2") } };
    expect(callsOf("box", ["B-2"], [same])).toEqual(["q1 | q code"]);
  });

  it("of a tool without arguments are one", () => {
    expect(callsOf("now", ["Hall"])).toEqual(["q | none"]);
    expect(callsOf("now", [], [{ action: "now q", input: {} }])).toEqual([]);
  });

  it("of no tool are none, and of many candidates only so many", () => {
    expect(callsOf("cook", ["Hall"])).toEqual([]);
    const many = Array.from({ length: 80 }, (_, i) => `E${i}`);
    expect(callsOf("scales", many)).toHaveLength(2000);
  });
});

it("arguments from somewhere are valid once they have worked often enough", () => {
  const fits: Fits = new Map([
    ["box: q code", { tries: 100, ok: 2 }],
    ["box: q name", { tries: 100, ok: 1 }],
    ["box: q number", { tries: 5, ok: 0 }],
  ]);
  const isFit = (sources: string): boolean => isValid(fits, "box", { sources });
  expect(["q code", "q name", "q number", "box.shelf"].map(isFit)).toEqual([true, false, false, false]);
  expect(isValid(fits, "scales", { sources: "q code" })).toBe(false);
});

it("only calls that begin like some that have worked are looked at", () => {
  const fits: Fits = new Map([
    ["scales: q code + q name", { tries: 10, ok: 5 }],
    ["scales: q name + q code", { tries: 100, ok: 1 }],
    ["box: q code", { tries: 10, ok: 10 }],
  ]);
  const beginnings = beginningsOf(fits);
  expect([...beginnings].map(([tool, known]) => [tool, [...known]])).toEqual([
    ["scales", ["q code", "q code + q name"]],
    ["box", ["q code"]],
  ]);
  const state = stateOf(["Hall", "B-1", "S-1"]);
  const of = (tool: string) => allowedCalls(tools, tool, state, [], beginnings).map(({ subGoal }) => subGoal);
  expect(of("scales")).toEqual(["q2 q1", "q3 q1"]);
  expect(of("box")).toEqual(["q2", "q3"]);
  expect(of("now")).toEqual(["q"]);
  expect(of("colour")).toEqual([]);
});
