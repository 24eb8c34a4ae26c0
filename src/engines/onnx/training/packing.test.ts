import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { TrainingSequence } from "../../../engine.ts";
import { packSizes } from "./pack-inputs.ts";
import { type Pack, packSequences } from "./packing.ts";

/** The tokens that lead to a row, its own included. */
const pathTo = ({ ids, parents, depths }: Pack, row: number): number[] => {
  const out: number[] = [];
  for (let at = row; at >= 0; at = parents[at] as number) {
    expect(parents[at]).toBeLessThan(at);
    out.unshift(ids[at] as number);
  }
  expect(depths[row]).toBe(out.length - 1);
  return out;
};
const sequence = (ids: readonly number[], ...targets: number[]): TrainingSequence => ({ ids, targets });
const range = (from: number, count: number): number[] => Array.from({ length: count }, (_, i) => from + i);

describe("packSequences", () => {
  const sequences = fc.array(
    fc
      .tuple(fc.array(fc.nat(2), { minLength: 2, maxLength: 14 }), fc.infiniteStream(fc.boolean()))
      .map(([ids, trained]) => sequence(ids, ...range(1, ids.length - 1).filter(() => trained.next().value))),
    { maxLength: 12 },
  );

  it("gives every target the row behind its own history, once, and no token twice", () => {
    fc.assert(
      fc.property(sequences, fc.integer({ min: 1, max: 40 }), (given, limit) => {
        const packs = packSequences(given, limit);
        const seen = new Set<string>();
        for (const pack of packs) {
          const paths = pack.ids.map((_, row) => pathTo(pack, row).join());
          expect(new Set(paths).size).toBe(paths.length);
          for (const { row, id, uses } of pack.targets) {
            for (const { sequence: i, index } of uses) {
              const position = given[i]?.targets[index] ?? expect.fail("no such target");
              expect(given[i]?.ids[position]).toBe(id);
              expect(given[i]?.ids.slice(0, position).join()).toBe(paths[row]);
              seen.add(`${i} ${index}`);
            }
          }
          const members = new Set(pack.targets.flatMap(({ uses }) => uses.map((use) => use.sequence)));
          if (members.size > 1 && pack.ids.length > limit)
            // Only what adds nothing joins a pack that is full.
            expect(pack.ids.length).toBe(Math.max(...[...members].map((i) => Math.max(...(given[i]?.targets ?? [])))));
        }
        expect(seen.size).toBe(given.reduce((sum, { targets }) => sum + targets.length, 0));
        expect(packSequences(given, limit)).toEqual(packs);
      }),
    );
  });

  it("computes a shared prompt once, and nothing behind the last target", () => {
    const prompt = range(0, 300);
    const group = range(0, 8).map((g) => sequence([...prompt, ...range(1000 + 100 * g, 40)], ...range(300, 40)));
    const [pack, ...others] = packSequences(group);
    expect(others).toEqual([]);
    expect(pack?.ids.length).toBe(300 + 8 * 39);
    expect(pack?.targets.filter(({ row }) => row === 299)).toHaveLength(8);
  });

  it("lets sequences that are alike share a target, and a prefix lie inside a longer one", () => {
    const [pack, ...others] = packSequences([
      sequence([1, 2, 3], 2),
      sequence([1, 2, 3, 4], 2, 3),
      sequence([1, 2], 1),
    ]);
    expect(others).toEqual([]);
    expect(pack).toEqual({
      ids: [1, 2, 3],
      parents: [-1, 0, 1],
      depths: [0, 1, 2],
      targets: [
        { row: 0, id: 2, uses: [{ sequence: 2, index: 0 }] },
        {
          row: 1,
          id: 3,
          uses: [
            { sequence: 0, index: 0 },
            { sequence: 1, index: 0 },
          ],
        },
        { row: 2, id: 4, uses: [{ sequence: 1, index: 1 }] },
      ],
    });
  });

  it("puts short strangers together and keeps long ones apart", () => {
    const stranger = (from: number, count: number) => sequence(range(from, count + 1), count);
    expect(packSequences([stranger(0, 100), stranger(1000, 100)]).map(({ ids }) => ids.length)).toEqual([200]);
    expect(packSequences([stranger(0, 300), stranger(1000, 400)]).map(({ ids }) => ids.length)).toEqual([400, 300]);
  });

  it("splits a group that is too large for one pack", () => {
    const prompt = range(0, 50);
    const group = range(0, 9).map((g) => sequence([...prompt, ...range(1000 + 100 * g, 21)], 70));
    expect(packSequences(group, 130).map(({ ids }) => ids.length)).toEqual([130, 130, 70]);
  });
});

describe("packSizes", () => {
  it("pads to eighths and leaves no block of queries empty", () => {
    for (const count of [1, 8, 31, 32, 33, 100, 620]) {
      const { tokens, bounds } = packSizes({ ids: range(0, count), parents: [], depths: [], targets: [] });
      expect(tokens).toBe(Math.max(32, Math.ceil(count / 8) * 8));
      expect([bounds[0], bounds.at(-1)]).toEqual([0, tokens]);
      for (const [i, bound] of bounds.slice(1).entries()) expect(bound).toBeGreaterThan(bounds[i] as number);
    }
  });
});
