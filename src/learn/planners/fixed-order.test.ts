import { describe, expect, it } from "vitest";
import { address, contextOf, date, type MadeTurn, number, stateOf, text } from "../../../test/planner-state.ts";
import { type FixedOrderHint, fixedOrderPlanner, searchBestFixedOrder } from "./fixed-order.ts";

const hint: FixedOrderHint = { operation: "difference", fields: ["height", "height"], follow: ["country"] };
const actionOf = async (
  order: readonly string[],
  entities: readonly string[],
  turns: readonly MadeTurn[],
  given: FixedOrderHint = hint,
): Promise<string> => {
  const planner = fixedOrderPlanner(order, () => given);
  return (await planner(stateOf(entities, turns, order), contextOf(1))).step.raw;
};
const page = (fields: MadeTurn["fields"]): MadeTurn => ({ action: "web_page", fields: fields ?? {} });

describe("a planner with a fixed order", () => {
  it("calls its tools in turn, and the last one from then on", async () => {
    const order = ["base_generator", "web_search"];
    const turn: MadeTurn = { action: "base_generator q" };
    expect(await actionOf(order, ["Lagos"], [])).toBe("base_generator q");
    expect(await actionOf(order, ["Lagos"], [turn])).toBe("web_search q1");
    expect(await actionOf(order, ["Lagos"], [turn, turn, turn])).toBe("web_search q1");
    expect((await actionOf([], ["Lagos"], [])).trim()).toBe("q1");
  });

  it("searches for entities, then for what leads on, then for anything", async () => {
    const made: MadeTurn = { action: "web_search q1", input: { query: "Lagos" } };
    const fields = { name: text("Eko"), country: text("Nigeria") };
    expect(await actionOf(["web_search"], ["Lagos", "Accra"], [made, page(fields)])).toBe("web_search q2");
    expect(await actionOf(["web_search"], ["Lagos"], [made, page(fields)])).toBe("web_search @2.country");
    expect(await actionOf(["web_search"], ["Lagos"], [made, page({ name: text("Eko") })])).toBe("web_search @2.name");
    expect(await actionOf(["web_search"], ["Lagos"], [made])).toBe("web_search q1");
  });

  it("reads the first hit that it has not read", async () => {
    const hits: MadeTurn = {
      action: "web_search q1",
      fields: { hit1: address("https://a"), hit2: address("https://b") },
    };
    const read: MadeTurn = { action: "web_page @1.hit1", input: { url: "https://a" } };
    expect(await actionOf(["web_page"], ["Lagos"], [hits])).toBe("web_page @1.hit1");
    expect(await actionOf(["web_page"], ["Lagos"], [hits, read])).toBe("web_page @1.hit2");
    expect(await actionOf(["web_page"], ["Lagos"], [])).toBe("web_page q1");
  });

  it("calculates what is asked on what is there", async () => {
    const [first, second] = [
      page({ height: number(5, "ft"), depth: number(1, "ft") }),
      page({ height: number(3, "ft") }),
    ];
    expect(await actionOf(["calculate"], [], [first, second])).toBe("calculate difference @1.height @2.height");
    // With one of them it is taken twice, and another field where there is none of the name.
    expect(await actionOf(["calculate"], [], [first])).toBe("calculate difference @1.height @1.height");
    expect(await actionOf(["calculate"], [], [page({ depth: number(1) })])).toBe(
      "calculate difference @1.depth @1.depth",
    );
    expect(await actionOf(["calculate"], [], [page({ born: date("1999-01-02"), value: number(1) })])).toBe(
      "calculate difference",
    );
    const born = { operation: "weekday", fields: ["born"], follow: [] };
    expect(await actionOf(["calculate"], [], [page({ height: number(1), born: date("1999-01-02") })], born)).toBe(
      "calculate weekday @1.born",
    );
  });
});

describe("the search for the best order", () => {
  it("climbs by changes, insertions and removals from each start, and scores no order twice", async () => {
    const scored: string[] = [];
    /** How much of `a b c` an order begins with, less a little for each further place. */
    const score = async (order: readonly string[]): Promise<number> => {
      scored.push(order.join(" "));
      const right = ["a", "b", "c"].filter((tool, i) => order[i] === tool).length;
      return right - 0.1 * order.length;
    };
    const best = await searchBestFixedOrder(["a", "b", "c"], [["c", "c"], ["b"]], score);
    expect(best.order).toEqual(["a", "b", "c"]);
    expect(best.score).toBeCloseTo(2.7, 12);
    expect(new Set(scored).size).toBe(scored.length);
  });

  it("ends at the top of the hill it began on, and takes the best of the starts", async () => {
    const score = async (order: readonly string[]): Promise<number> =>
      order.join("") === "bbb" ? 1 : order[0] === "a" ? 0.5 : 0;
    expect(await searchBestFixedOrder(["a", "b"], [["a"]], score)).toEqual({ order: ["a"], score: 0.5 });
    expect(await searchBestFixedOrder(["a", "b"], [["a"], ["b", "b"]], score)).toEqual({
      order: ["b", "b", "b"],
      score: 1,
    });
    expect(await searchBestFixedOrder(["a", "b"], [], score)).toEqual({ order: [], score: -1 });
  });

  it("makes no order longer than it may be, and none that is empty", async () => {
    const lengths = new Set<number>();
    const score = async (order: readonly string[]): Promise<number> => {
      lengths.add(order.length);
      return order.length;
    };
    expect((await searchBestFixedOrder(["a"], [["a"]], score, 4)).order).toHaveLength(4);
    expect([...lengths].sort()).toEqual([1, 2, 3, 4]);
    const shortest = await searchBestFixedOrder(["a"], [["a", "a", "a"]], async (order) => -order.length / 10, 4);
    expect(shortest.order).toEqual(["a"]);
  });
});
