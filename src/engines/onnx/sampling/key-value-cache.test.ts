import { afterAll, describe, expect, it } from "vitest";
import { llamaFixture } from "../../../../test/fixtures/llama.ts";
import { openTestRuntime } from "../../../../test/fixtures/runtime.ts";
import { random, randomKey } from "../../../random.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { createKeyValueCache, type Slot } from "./key-value-cache.ts";

const runtime = openTestRuntime({ threads: 1 });
afterAll(() => runtime.dispose());

const COUNT = 40;
const capacity = 6;
const { num_key_value_heads: heads, head_dim: size, num_hidden_layers: layers } = llamaFixture.config;

/** A cache whose every row is taken by a history and filled with numbers of that history's own. */
const filled = () => {
  const cache = createKeyValueCache(runtime, llamaFixture.config, { slots: COUNT, capacity });
  const { inputs } = cache.bind(0, COUNT);
  const rows = Object.values(inputs).map(floatsOf);
  const rowSize = heads * capacity * size;
  const slots = Array.from({ length: COUNT }, (_, i) => {
    const slot = cache.acquire(`v/${i}`) as Slot;
    slot.length = i % (capacity + 1);
    rows.forEach((row, block) => {
      row.fill(1000 * block + i, slot.index * rowSize, (slot.index + 1) * rowSize);
    });
    return slot;
  });
  /** Of each history the numbers that its row holds in its first `length` positions. */
  const contents = () =>
    slots.map(({ index, length }) =>
      rows.map((row) =>
        Array.from({ length: heads }, (_, head) => {
          const from = index * rowSize + head * capacity * size;
          return [...new Set(row.subarray(from, from + length * size))];
        }),
      ),
    );
  return { cache, slots, contents };
};
const span = (slots: readonly Slot[]): number => {
  const places = slots.map(({ index }) => index);
  return Math.max(...places) - Math.min(...places) + 1;
};

describe("gathering rows of the cache", () => {
  it("brings them close together, and each history keeps what it holds", () => {
    const { cache, slots, contents } = filled();
    const before = contents();
    expect(before[5]).toHaveLength(2 * layers);
    const draws = random(randomKey(7, "gather"));
    for (let round = 0; round < 50; round += 1) {
      const rows = draws.shuffle(slots).slice(0, 1 + draws.below(COUNT));
      cache.gather(rows, `v${draws.below(3)}`);
      expect(span(rows)).toBeLessThanOrEqual(rows.length + Math.max(2, rows.length / 8));
      expect(contents()).toEqual(before);
      expect(cache.slots.map(({ index }) => index)).toEqual(cache.slots.map((_, i) => i));
    }
  });

  it("keeps two versions at different ends, and leaves rows where they are that lie well already", () => {
    const { cache, slots } = filled();
    const [old, young] = [slots.filter((_, i) => i % 4 === 0), slots.filter((_, i) => i % 4 === 1)];
    cache.gather(old, "old");
    cache.gather(young, "young");
    const places = slots.map(({ index }) => index);
    cache.gather(old, "old");
    cache.gather(young, "young");
    expect(slots.map(({ index }) => index)).toEqual(places);
    expect(Math.max(...old.map(({ index }) => index))).toBeLessThan(Math.min(...young.map(({ index }) => index)));
  });

  it("finds a history again where it was moved to", () => {
    const { cache, slots } = filled();
    const far = slots.at(-1) as Slot;
    for (const slot of slots) slot.busy = false;
    cache.gather([far], "v");
    expect(far.index).toBeLessThan(COUNT - 1);
    expect(cache.acquire(`v/${COUNT - 1}`)).toBe(far);
  });
});
