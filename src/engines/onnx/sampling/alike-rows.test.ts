import { expect, it } from "vitest";
import { randomKey } from "../../../random.ts";
import type { Chunk } from "../carriers/feed-plan.ts";
import type { Published } from "../versions.ts";
import { type CacheRow, groupsOf, written } from "./alike-rows.ts";

/** A row that has taken in the first `fed` chunks of its plan, and drawn some tokens once it was through. */
const row = (plan: readonly Chunk[], fed: number, drawn: readonly number[] = [], temperature = 1) => {
  const made: CacheRow<Published> = {
    job: {
      request: { prompt: [], history: "h", randomKey: randomKey("row"), maxTokens: 9, stopIds: [] },
      snapshot: { version: "v" },
      plan,
      inverseTemperature: temperature,
      drawn: { ids: drawn, logProbs: [], take: () => undefined },
    },
    slot: { index: 0, key: "v/h", plan: [], length: 0, busy: true, lastUsed: 0 },
    written: plan.slice(0, fed).reduce(written, `${temperature}`),
    chunk: fed,
    fed: 0,
  };
  return made;
};
const given = (...ids: number[]): Chunk => ({ mode: "extend", ids });
const replayed = (...ids: number[]): Chunk => ({ mode: "decode", ids });
const groupSizes = (...rows: CacheRow<Published>[]): number[] => groupsOf(rows).map((group) => group.rows.length);

it("puts rows together that hold the same and are fed the same", () => {
  const prompt = [given(1, 2), given(3)];
  expect(groupSizes(row(prompt, 1), row(prompt, 1), row([given(1, 2), given(3), given(4)], 1))).toEqual([3]);
  expect(groupSizes(row(prompt, 2, [7]), row(prompt, 2, [7]), row(prompt, 2, [8]))).toEqual([2, 1]);
  const [group] = groupsOf([row(prompt, 2, [7])]);
  expect([group?.feed, group?.written]).toEqual([{ mode: "decode", ids: [7] }, "1|1 2|3,7"]);
});

it("keeps apart what was fed in another split, at another temperature, or is fed something else", () => {
  expect(groupSizes(row([given(1, 2), given(3)], 1), row([given(1), given(2), given(3)], 2))).toEqual([1, 1]);
  expect(groupSizes(row([given(1), replayed(2), given(3)], 2), row([given(1, 2), given(3)], 1))).toEqual([1, 1]);
  expect(groupSizes(row([given(1), given(2)], 1), row([given(1), given(2)], 1, [], 0.5))).toEqual([1, 1]);
  expect(groupSizes(row([given(1), given(2)], 1), row([given(1), given(5)], 1))).toEqual([1, 1]);
  expect(groupSizes(row([given(1), replayed(2), given(3)], 1), row([given(1), given(2)], 1))).toEqual([1, 1]);
});

it("feeds what was sampled before token by token", () => {
  const plan = [given(1), replayed(5, 6), given(3)];
  const second = { ...row(plan, 1), fed: 1, written: "1|1,5" };
  expect(groupsOf([second]).map(({ feed, written }) => [feed, written])).toEqual([[replayed(6), "1|1,5,6"]]);
});
