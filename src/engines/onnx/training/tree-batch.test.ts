import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import type { TrainingSequence } from "../../../engine.ts";
import { growingBlocks } from "../carriers/growing-blocks.ts";
import { fillHead, fillTokens, treeBatches } from "./tree-batch.ts";

const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);
/** Eight rollouts of one prompt, as the flow makes them. */
const group = (from: number, prompt: number, response: number): TrainingSequence[] =>
  range(0, 8).map((g) => ({
    ids: [...range(from, prompt), ...range(from + 1000 * (g + 1), response)],
    targets: range(prompt, response),
  }));
const tokensOf = (batches: ReturnType<typeof treeBatches>): number =>
  batches.reduce((sum, { trees, length }) => sum + trees.length * length, 0);

describe("treeBatches", () => {
  it("holds every target of every sequence once, in runs of at most 512 tokens and trees of at most `most`", () => {
    const sequences = fc.array(
      fc
        .tuple(fc.array(fc.nat(2), { minLength: 2, maxLength: 40 }), fc.infiniteStream(fc.boolean()))
        .map(([ids, trained]) => ({ ids, targets: range(1, ids.length - 1).filter(() => trained.next().value) })),
      { maxLength: 40 },
    );
    fc.assert(
      fc.property(sequences, fc.integer({ min: 40, max: 200 }), (given, most) => {
        const batches = treeBatches(given, most);
        const seen = batches.flatMap(({ trees }) =>
          trees.flatMap(({ targets }) =>
            targets.flatMap(({ uses }) => uses.map(({ sequence, index }) => `${sequence} ${index}`)),
          ),
        );
        expect(seen.sort()).toEqual(given.flatMap(({ targets }, i) => targets.map((_, k) => `${i} ${k}`)).sort());
        for (const { trees, length } of batches) {
          expect(trees.length * length).toBeLessThanOrEqual(512);
          expect(length % 8).toBe(0);
          for (const { ids } of trees) expect(ids.length).toBeLessThanOrEqual(Math.min(length, most));
        }
        expect(treeBatches(given, most)).toEqual(batches);
      }),
    );
  });

  it("computes a group's prompt once, and keeps groups apart", () => {
    const groups = [...group(0, 80, 16), ...group(100_000, 80, 16), ...group(200_000, 80, 16)];
    const batches = treeBatches(groups, 384);
    expect(batches.flatMap(({ trees }) => trees.map(({ ids }) => ids.length))).toEqual([200, 200, 200]);
    expect(tokensOf(batches)).toBe(600);
    expect(groups.reduce((sum, { ids }) => sum + ids.length, 0)).toBe(3 * 8 * 96);
  });

  it("splits a group whose branches would look past each other for more than the prompt is worth", () => {
    const sizes = treeBatches(group(0, 10, 90), 1024).flatMap(({ trees }) => trees.map(({ ids }) => ids.length));
    expect(sizes).toHaveLength(8);
    expect(Math.max(...sizes)).toBe(99);
  });
});

describe("what the training graph is given", () => {
  const runtime = openTestRuntime({ threads: 1 });
  const block = growingBlocks(runtime);
  const sequences = [
    { ids: [5, 6, 7, 8], targets: [2, 3] },
    { ids: [5, 6, 7, 9], targets: [2, 3] },
  ];
  const [batch = expect.fail("no batch"), ...others] = treeBatches(sequences, 16);

  it("lets a token see its ancestors and itself, in sliding layers the nearest, and padding itself", () => {
    expect(others).toEqual([]);
    const longer = treeBatches([{ ids: [5, 6, 7, 8, 9], targets: [4] }, ...sequences], 16)[0] ?? expect.fail();
    const kinds = new Map([
      ["full_attention", ""],
      ["sliding_attention", "sliding."],
    ] as const);
    const inputs = fillTokens(block, longer, kinds, 2);
    const seen = (name: string, row: number): number[] =>
      range(0, 8).filter((s) => inputs[name]?.memory.data[row * 8 + s] === 0);
    // 5 → 6 → 7 → 8 (the last tokens of the others are targets alone).
    expect(range(0, 6).map((row) => seen("mask", row))).toEqual([[0], [0, 1], [0, 1, 2], [0, 1, 2, 3], [4], [5]]);
    expect(range(0, 6).map((row) => seen("sliding.mask", row))).toEqual([[0], [0, 1], [1, 2], [2, 3], [4], [5]]);
    expect([...(inputs.positions?.memory.data.slice(0, 6) ?? [])].map(Number)).toEqual([0, 1, 2, 3, 0, 0]);
  });

  it("adds up the coefficients of a token that two sequences share, but not where each draw has a weight", () => {
    const coefficients = [Float32Array.of(1, 2), Float32Array.of(4, 8)];
    const list = (values: ArrayLike<number | bigint> | undefined, count: number): number[] =>
      Array.from(values ?? [])
        .slice(0, count)
        .map(Number);
    const shared = fillHead(block, batch, { coefficients, importance: undefined });
    expect(shared.count).toBe(3);
    expect(list(shared.inputs.rows?.memory.data, 2)).toEqual([1, 2]);
    expect(list(shared.inputs.which?.memory.data, 3)).toEqual([0, 1, 1]);
    expect(list(shared.inputs.targets?.memory.data, 3)).toEqual([7, 8, 9]);
    expect(list(shared.inputs.coefficients?.memory.data, 3)).toEqual([5, 2, 8]);
    const importance = { behaviour: [[-1, -2], undefined], cap: 3 };
    const apart = fillHead(block, batch, { coefficients, importance });
    expect(list(apart.inputs.coefficients?.memory.data, 4)).toEqual([1, 4, 2, 8]);
    expect(list(apart.inputs.behaviour?.memory.data, 4)).toEqual([-1, -Infinity, -2, -Infinity]);
    expect(list(apart.inputs.cap?.memory.data, 4)).toEqual([3, 1, 3, 1]);
  });

  it("fills up a head of one row, with a row that counts nothing", () => {
    const [one = expect.fail("no batch")] = treeBatches([{ ids: [5, 6], targets: [1] }], 16);
    const { inputs, count } = fillHead(block, one, { coefficients: [Float32Array.of(3)], importance: undefined });
    expect(count).toBe(2);
    expect([...(inputs.rows?.memory.data.slice(0, 2) ?? [])].map(Number)).toEqual([0, 1]);
    expect([...(inputs.coefficients?.memory.data.slice(0, 2) ?? [])].map(Number)).toEqual([3, 0]);
  });
});
