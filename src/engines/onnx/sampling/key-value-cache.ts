import type { Chunk } from "../carriers/feed-plan.ts";
import type { Memory, Runtime, Tensor } from "../carriers/runtime.ts";
import type { ModelConfig } from "../model-config.ts";

/** One row of the cache: what of which history it holds. */
export interface Slot {
  /** Where it lies now. */
  index: number;
  /** `version/history` of what it holds; undefined when free. */
  key: string | undefined;
  /** What was fed, in the canonical split. */
  plan: readonly Chunk[];
  /** Tokens whose keys and values are in the row. */
  length: number;
  busy: boolean;
  lastUsed: number;
}

/** Keys and values of many histories, [slots + 1, K, capacity, d] a layer; the last row is scratch. */
export interface KeyValueCache {
  readonly slots: readonly Slot[];
  readonly capacity: number;
  readonly scratch: number;
  /** The row of a history, its own or a free one, else the least recently used idle one; undefined when all are busy. */
  acquire(key: string): Slot | undefined;
  release(matches: (key: string) => boolean): void;
  /** Copies `length` positions of a row from `start` on. */
  copy(from: Slot, to: Slot, start: number, length: number): void;
  /**
   * Brings rows of a version together, for decoding runs over all rows between the first and the last of them: those that
   * lie far away change places with others.
   */
  gather(rows: readonly Slot[], version: string): void;
  /** Inputs `past.*` and outputs `present.*` over the rows [first, first + count): the same memory. */
  bind(
    first: number,
    count: number,
  ): { readonly inputs: Readonly<Record<string, Tensor>>; readonly outputs: Readonly<Record<string, Tensor>> };
}

/** Where a version's rows are gathered: two that are sampled at once, at different ends. */
type End = "front" | "back";
const VERSIONS_KEPT = 16;
/** Idle rows among n gathered ones: to move a row costs what an idle one does in one or two runs. */
const roomFor = (rows: number): number => rows + Math.max(2, Math.floor(rows / 8));

export const createKeyValueCache = (
  runtime: Runtime,
  config: ModelConfig,
  { slots: count, capacity }: { readonly slots: number; readonly capacity: number },
): KeyValueCache => {
  const { num_hidden_layers: layers, num_key_value_heads: heads, head_dim: size } = config;
  const row = heads * capacity * size;
  const blocks = Array.from({ length: layers }, (_, layer) =>
    (["key", "value"] as const).map((kind) => ({
      name: `${layer}.${kind}`,
      memory: runtime.allocate("float32", (count + 1) * row),
    })),
  ).flat();
  const slots = Array.from(
    { length: count },
    (_, index): Slot => ({ index, key: undefined, plan: [], length: 0, busy: false, lastUsed: 0 }),
  );
  const byKey = new Map<string, Slot>();
  const bound = new Map<string, ReturnType<KeyValueCache["bind"]>>();
  let clock = 0;
  const floats = (memory: Memory): Float32Array => memory.data as Float32Array;
  const free = (slot: Slot): void => {
    if (slot.key !== undefined) byKey.delete(slot.key);
    slot.key = undefined;
    slot.plan = [];
    slot.length = 0;
  };
  const copy = (from: number, to: number, start: number, length: number): void => {
    for (const { memory } of blocks) {
      const data = floats(memory);
      for (let head = 0; head < heads; head += 1) {
        const at = (head * capacity + start) * size;
        data.copyWithin(to * row + at, from * row + at, from * row + at + length * size);
      }
    }
  };
  const exchange = (a: Slot, b: Slot): void => {
    const [here, there] = [a.index, b.index];
    // The shorter goes by way of the scratch row: most of the time it is empty.
    const [shorter, longer] = a.length < b.length ? [a, b] : [b, a];
    if (shorter.length > 0) copy(shorter.index, count, 0, shorter.length);
    copy(longer.index, shorter.index, 0, longer.length);
    if (shorter.length > 0) copy(count, longer.index, 0, shorter.length);
    [slots[here], slots[there]] = [b, a];
    [a.index, b.index] = [there, here];
  };
  const ends = new Map<string, End>();
  let newestEnd: End = "back";
  const endOf = (version: string): End => {
    const known = ends.get(version);
    if (known) return known;
    newestEnd = newestEnd === "back" ? "front" : "back";
    ends.set(version, newestEnd);
    for (const old of ends.keys()) if (ends.size > VERSIONS_KEPT) ends.delete(old);
    return newestEnd;
  };
  return {
    slots,
    capacity,
    scratch: count,
    acquire: (key) => {
      let slot = byKey.get(key);
      if (slot?.busy) return undefined;
      slot ??= slots.find((candidate) => candidate.key === undefined && !candidate.busy);
      if (!slot) {
        for (const candidate of slots)
          if (!candidate.busy && (!slot || candidate.lastUsed < slot.lastUsed)) slot = candidate;
      }
      if (!slot) return undefined;
      if (slot.key !== key) {
        free(slot);
        slot.key = key;
        byKey.set(key, slot);
      }
      clock += 1;
      slot.lastUsed = clock;
      slot.busy = true;
      return slot;
    },
    release: (matches) => {
      for (const [key, slot] of byKey) if (!slot.busy && matches(key)) free(slot);
    },
    copy: (from, to, start, length) => copy(from.index, to.index, start, length),
    gather: (rows, version) => {
      const back = endOf(version) === "back";
      const from = (i: number): number => (back ? count - 1 - i : i);
      const limit = Math.min(count, roomFor(rows.length));
      const gathered = new Set(rows);
      let at = 0;
      for (const slot of rows) {
        if (from(slot.index) < limit) continue;
        while (gathered.has(slots[from(at)] as Slot)) at += 1;
        exchange(slot, slots[from(at)] as Slot);
      }
    },
    bind: (first, rows) => {
      const key = `${first}+${rows}`;
      const known = bound.get(key);
      if (known) return known;
      const tensors = blocks.map(
        ({ name, memory }) => [name, runtime.tensor(memory, [rows, heads, capacity, size], first * row)] as const,
      );
      const binding = {
        inputs: Object.fromEntries(tensors.map(([name, tensor]) => [`past.${name}`, tensor])),
        outputs: Object.fromEntries(tensors.map(([name, tensor]) => [`present.${name}`, tensor])),
      };
      if (bound.size >= 256) bound.clear();
      bound.set(key, binding);
      return binding;
    },
  };
};
