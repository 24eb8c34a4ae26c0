import { expect, it } from "vitest";
import { contextOf, type MadeTurn, stateOf } from "../../../test/planner-state.ts";
import { random, randomKey } from "../../random.ts";
import { stepOf } from "../../trajectory.ts";
import { gatherThen } from "./gather.ts";
import { referred } from "./references.ts";

it("makes the calls of a plan once what they refer to is there, among others, and then what follows", async () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 30; seed += 1) {
    const planner = gatherThen({
      fetches: ["product q1", "supplier @1.supplier", "product q2"],
      draws: random(randomKey(seed)),
      other: ({ turn }) => ({ step: stepOf(`reviews ${turn}`) }),
      last: (_state, _context, written) => ({ step: stepOf(written("calculate days @2.start @3.end")) }),
    });
    const turns: MadeTurn[] = [];
    while (!turns.at(-1)?.action.startsWith("calculate"))
      turns.push({ action: (await planner(stateOf([], turns), contextOf(seed))).step.raw });
    const actions = turns.map(({ action }) => action);
    lengths.add(actions.length);
    const place = (start: string): number => actions.findIndex((action) => action.startsWith(start)) + 1;
    expect(actions).toContain(`supplier @${place("product q1")}.supplier`);
    expect(actions.at(-1)).toBe(`calculate days @${place("supplier")}.start @${place("product q2")}.end`);
    expect(actions.filter((action) => !action.startsWith("reviews"))).toHaveLength(4);
  }
  expect(Math.min(...lengths)).toBeLessThan(6);
  expect(Math.max(...lengths)).toBeGreaterThan(7);
});

it("knows what an action refers to", () => {
  expect(referred("calculate sum @2.weight @11.weight")).toEqual([2, 11]);
  expect(referred("product q1")).toEqual([]);
});
