import { describe, expect, it } from "vitest";
import { address, date, type MadeTurn, number, stateOf, text } from "../../../test/planner-state.ts";
import { calculations, comparisons, knownFields, operations, readable, searchable } from "./candidates.ts";

describe("fields that memory holds", () => {
  it("are all those of turns that went well, by the number of their entry", () => {
    const state = stateOf(
      [],
      [
        { action: "web_page q1", fields: { country: text("Ghana"), area: number(5, "km") } },
        { action: "web_page q2", error: "tool-error" },
        { action: "web_page q3", fields: { born: date("1999-01-02") } },
      ],
    );
    expect(knownFields(state).map(({ reference, entry, name }) => [reference, entry, name])).toEqual([
      ["@1.country", 1, "country"],
      ["@1.area", 1, "area"],
      ["@3.born", 3, "born"],
    ]);
  });
});

const search = (action: string, query: string, more: object = {}) => ({ action, input: { query }, ...more });

describe("what can be searched for", () => {
  it("is each entity of the question, then each text of a page, once", () => {
    const fields = { country: text("Ghana"), capital: text("Accra"), again: text("Ghana"), entity: text("Lagos") };
    const state = stateOf(["Lagos", "Accra"], [{ action: "web_page q1", fields }]);
    expect(searchable(state, "web_search", knownFields(state))).toEqual(["q1", "q2", "@1.country"]);
  });

  it("is no number, no date, no position, no address and no answer", () => {
    const fields = {
      area: number(5),
      born: date("1999-01-02"),
      location: text("5.6, -0.19"),
      page: address("https://example.org"),
      value: text("Ghana"),
    };
    const state = stateOf([], [{ action: "web_page q1", fields }]);
    expect(searchable(state, "web_search", knownFields(state))).toEqual([]);
  });

  it("is nothing that was searched for by this tool, unless it failed for now", () => {
    const of = (turns: readonly MadeTurn[]) => searchable(stateOf(["Lagos", "Accra"], turns), "web_search", []);
    expect(of([search("web_search q1", "Lagos")])).toEqual(["q2"]);
    expect(of([search("web_search q1", "Lagos", { error: "repeated" })])).toEqual(["q2"]);
    expect(of([search("web_search q1", "Lagos", { error: "tool-error" })])).toEqual(["q2"]);
    expect(of([search("web_search q1", "Lagos", { error: "unavailable" })])).toEqual(["q1", "q2"]);
    expect(of([search("web_search q1", "Lagos", { error: "timeout" })])).toEqual(["q1", "q2"]);
    expect(of([search("wikipedia_search q1", "Lagos")])).toEqual(["q1", "q2"]);
    expect(of([{ action: "web_search 7", input: { query: 7 } }, { action: "web_search" }])).toEqual(["q1", "q2"]);
  });
});

it("what can be read is each address once that was not read", () => {
  const fields = {
    hit1: address("https://a"),
    hit2: address("https://b"),
    hit3: address("https://a"),
    name: text("a"),
  };
  const turns = [
    { action: "web_search q1", fields },
    { action: "web_page @1.hit2", input: { url: "https://b" }, fields: {} },
  ];
  const state = stateOf(["Lagos"], turns);
  expect(readable(state, "web_page", knownFields(state))).toEqual(["@1.hit1"]);
});

describe("what can be calculated", () => {
  const fields = {
    height: number(5, "ft"),
    depth: number(3, "ft"),
    people: number(9),
    born: date("1999-01-02"),
    died: date("2001-01-02"),
    location: text("5.6, -0.19"),
    name: text("Accra"),
    value: number(1),
  };
  const state = stateOf([], [{ action: "web_page q1", fields }]);
  const of = (operation: string, given = state) => calculations(given, operation, knownFields(given));

  it("is one field, of the kind that the operation takes", () => {
    expect(of("value")).toEqual([
      "value @1.height",
      "value @1.depth",
      "value @1.people",
      "value @1.born",
      "value @1.died",
    ]);
    expect(of("weekday")).toEqual(["weekday @1.born", "weekday @1.died"]);
  });

  it("is each ordered pair of one unit", () => {
    expect(of("difference")).toEqual(["difference @1.height @1.depth", "difference @1.depth @1.height"]);
    expect(of("sum")).toEqual(["sum @1.height @1.depth", "sum @1.depth @1.height"]);
    expect(of("days")).toEqual(["days @1.born @1.died", "days @1.died @1.born"]);
    expect(of("distance")).toEqual([]);
  });

  it("is nothing that was tried, and nothing by an operation that there is not", () => {
    const tried = stateOf([], [{ action: "web_page q1", fields }, { action: "calculate weekday @1.born" }]);
    expect(of("weekday", tried)).toEqual(["weekday @1.died"]);
    expect(of("power")).toEqual([]);
    expect(Object.keys(operations)).toEqual(["value", "weekday", "difference", "sum", "days", "distance"]);
    expect(Object.keys(comparisons)).toEqual(["less", "more"]);
  });

  it("is a comparison of two fields of one kind and unit, or of one with a number or date of the question", () => {
    const named = stateOf(["Accra", "12", "2000-05-01"], [{ action: "web_page q1", fields }]);
    expect(of("less", named)).toEqual([
      "less @1.height @1.depth",
      "less @1.height q2",
      "less @1.depth @1.height",
      "less @1.depth q2",
      "less @1.people q2",
      "less @1.born @1.died",
      "less @1.born q3",
      "less @1.died @1.born",
      "less @1.died q3",
    ]);
    expect(of("more", stateOf(["Accra", "12"], [{ action: "web_page q1", fields: { people: number(9) } }]))).toEqual([
      "more @1.people q2",
    ]);
  });

  it("takes positions for a distance", () => {
    const two = stateOf([], [{ action: "web_page q1", fields: { a: text("1, 2"), b: text("-3.5, 4") } }]);
    expect(of("distance", two)).toEqual(["distance @1.a @1.b", "distance @1.b @1.a"]);
  });
});
