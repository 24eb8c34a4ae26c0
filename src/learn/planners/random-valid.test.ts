import { describe, expect, it } from "vitest";
import { address, contextOf, date, type MadeTurn, number, stateOf, text } from "../../../test/planner-state.ts";
import { oraclePlanner } from "./oracle.ts";
import { type RandomValidOptions, randomValidPlanner } from "./random-valid.ts";

const almanac = ["web_search", "wikipedia_search", "web_page", "calculate", "base_generator"];
/** How often each action is drawn. */
const drawn = (
  options: RandomValidOptions,
  entities: readonly string[],
  turns: readonly MadeTurn[] = [],
  tools: readonly string[] = almanac,
  draws = 400,
): Map<string, number> => {
  const planner = randomValidPlanner(options);
  const counts = new Map<string, number>();
  for (let seed = 0; seed < draws; seed += 1) {
    const { raw } = planner(stateOf(entities, turns, tools), contextOf(seed)).step;
    counts.set(raw, (counts.get(raw) ?? 0) + 1);
  }
  return counts;
};
const shareOf = (counts: ReadonlyMap<string, number>, isCounted: (action: string) => boolean): number =>
  [...counts].reduce((sum, [action, times]) => sum + (isCounted(action) ? times : 0), 0) / 400;

describe("a random valid planner", () => {
  it("draws among the tools that have a call, alike, and then among their calls", () => {
    const counts = drawn({}, ["Lagos", "Accra"]);
    expect([...counts.keys()].sort()).toEqual([
      "base_generator q",
      "web_search q1",
      "web_search q2",
      "wikipedia_search q1",
      "wikipedia_search q2",
    ]);
    for (const tool of ["base_generator", "web_search", "wikipedia_search"]) {
      const share = shareOf(counts, (action) => action.startsWith(`${tool} `));
      expect(share).toBeGreaterThan(0.25);
      expect(share).toBeLessThan(0.42);
    }
  });

  it("draws the same for the same key, and others in other turns", () => {
    const planner = randomValidPlanner();
    const of = (turns: readonly MadeTurn[], seed: number) =>
      planner(stateOf(["a", "b", "c"], turns, almanac), contextOf(seed)).step.raw;
    const seeds = Array.from({ length: 20 }, (_, seed) => seed);
    expect(seeds.map((seed) => of([], seed))).toEqual(seeds.map((seed) => of([], seed)));
    expect(seeds.map((seed) => of([{ action: "x" }], seed))).not.toEqual(seeds.map((seed) => of([], seed)));
  });

  it("makes no call twice, and a wrong one where nothing is left", () => {
    const turns: MadeTurn[] = [
      { action: "base_generator q" },
      { action: "web_search q1", input: { query: "Lagos" } },
      { action: "wikipedia_search q1", input: { query: "Lagos" }, fields: { hit: address("https://a") } },
    ];
    expect([...drawn({}, ["Lagos"], turns).keys()]).toEqual(["web_page @3.hit"]);
    turns.push({ action: "web_page @3.hit", input: { url: "https://a" } });
    expect([...drawn({}, ["Lagos"], turns).keys()]).toEqual(["web_search q1"]);
  });

  const heights: MadeTurn[] = [
    { action: "web_page q1", fields: { height: number(5, "ft"), born: date("1999-01-02") } },
    { action: "web_page q2", fields: { height: number(3, "ft") } },
  ];

  it("calculates at random by operation first", () => {
    const counts = drawn({}, [], heights, ["calculate"]);
    expect([...counts.keys()].sort()).toEqual([
      "calculate difference @1.height @2.height",
      "calculate difference @2.height @1.height",
      "calculate sum @1.height @2.height",
      "calculate sum @2.height @1.height",
      "calculate value @1.born",
      "calculate value @1.height",
      "calculate value @2.height",
      "calculate weekday @1.born",
    ]);
    const weekday = shareOf(counts, (action) => action.startsWith("calculate weekday"));
    expect(weekday).toBeGreaterThan(0.17);
    expect(weekday).toBeLessThan(0.33);
  });

  it("calculates what is asked as often as it is told to read, with equal fields in the order of memory", () => {
    const askedOf = () => [{ operation: "difference", fields: ["height", "height"] }];
    const asked = (action: string): boolean => action === "calculate difference @1.height @2.height";
    expect(shareOf(drawn({ reading: 1, askedOf }, [], heights, ["calculate"]), asked)).toBe(1);
    const often = shareOf(drawn({ reading: 0.9, askedOf }, [], heights, ["calculate"]), asked);
    expect(often).toBeGreaterThan(0.85);
    expect(often).toBeLessThan(0.97);
    expect(shareOf(drawn({ reading: 0, askedOf }, [], heights, ["calculate"]), asked)).toBeLessThan(0.25);
  });

  it("calculates something else while what is asked is not there, or was tried", () => {
    const missing = drawn(
      { reading: 1, askedOf: () => [{ operation: "sum", fields: ["height", "depth"] }] },
      [],
      heights,
      ["calculate"],
    );
    expect(missing.size).toBeGreaterThan(5);
    const askedOf = () => [{ operation: "weekday", fields: ["born"] }];
    const tried = [...heights, { action: "calculate weekday @1.born" }];
    const counts = drawn({ reading: 1, askedOf }, [], tried, ["calculate"]);
    expect([...counts.keys()]).not.toContain("calculate weekday @1.born");
    const nobody = drawn({ reading: 1, askedOf: () => [] }, [], heights, ["calculate"]);
    expect(nobody.size).toBe(8);
  });

  it("calculates one after the other what is asked, and compares only where it is told to", () => {
    const turns = [{ action: "look q1", fields: { size: number(3, "ft"), age: number(9, "year") } }];
    const askedOf = () => [
      { operation: "less", fields: ["size", "q2"] },
      { operation: "value", fields: ["age"] },
    ];
    const all = { reading: 1, askedOf, operations: ["value", "less"] };
    expect([...drawn(all, ["A", "5"], turns, ["calculate"]).keys()]).toEqual(["calculate less @1.size q2"]);
    const compared = [...turns, { action: "calculate less @1.size q2" }];
    expect([...drawn(all, ["A", "5"], compared, ["calculate"]).keys()]).toEqual(["calculate value @1.age"]);
    const chance = { operations: ["value", "less"] };
    expect([...drawn(chance, ["A", "5"], turns, ["calculate"]).keys()].sort()).toEqual([
      "calculate less @1.age q2",
      "calculate less @1.size q2",
      "calculate value @1.age",
      "calculate value @1.size",
    ]);
    expect([...drawn({}, ["A", "5"], turns, ["calculate"]).keys()].some((action) => action.includes("less"))).toBe(
      false,
    );
  });

  it("knows other tools by what is told of them", () => {
    const options: RandomValidOptions = {
      callsOf: (tool) => (tool === "ask" ? ["q1", "q2"] : []),
    };
    expect([...drawn(options, ["a", "b"], heights.slice(1), ["ask", "reckon", "idle"]).keys()].sort()).toEqual([
      "ask q1",
      "ask q2",
      "reckon value @1.height",
    ]);
    expect([...drawn({ ...options, callsOf: () => [] }, ["a"], [], ["ask", "idle"]).keys()]).toEqual(["ask q1"]);
  });

  it("leaves texts to the searches", () => {
    const counts = drawn(
      {},
      [],
      [{ action: "web_page q1", fields: { country: text("Ghana") } }],
      ["web_search", "calculate"],
    );
    expect([...counts.keys()]).toEqual(["web_search @1.country"]);
  });
});

describe("an oracle", () => {
  const planner = oraclePlanner((id) => (id === "q" ? ["web_search q1", "web_page @1.hit"] : []));

  it("follows the plan of its query, turn by turn", async () => {
    expect(await planner(stateOf([]), contextOf(1))).toEqual({
      step: { tool: "web_search", subGoal: "q1", raw: "web_search q1" },
    });
    expect((await planner(stateOf([], [{ action: "web_search q1" }]), contextOf(1))).step.raw).toBe("web_page @1.hit");
  });

  it("has nothing more to say after it", async () => {
    const plan = await planner(stateOf([], [{ action: "a" }, { action: "b" }]), contextOf(1));
    expect(plan).toEqual({ step: { tool: "", subGoal: "", raw: "" }, error: "The plan has no further action." });
  });
});
