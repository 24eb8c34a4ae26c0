import { type Chunk, commonPieces, tokensOf } from "../carriers/feed-plan.ts";
import type { Memory, Runtime, Tensor } from "../carriers/runtime.ts";
import type { ModelConfig } from "../model-config.ts";

/** One row of the cache: what was fed to it, and for whom. Its keys and values depend on the version and on that alone. */
export interface CacheRow {
  index: number;
  version: string | undefined;
  history: string | undefined;
  fed: Chunk[];
  /** Tokens whose keys and values are in the row. */
  length: number;
  busy: boolean;
  /** Its history has ended: the row is kept as a prefix for others until it is needed. */
  released: boolean;
  lastUsed: number;
  /** The distribution after the first `pieces` pieces, at the end of a prompt. */
  end: PromptEnd | undefined;
}

export interface PromptEnd {
  readonly pieces: number;
  readonly inverseTemperature: number;
  readonly probabilities: Float32Array;
}

type Binding = Readonly<Record<"inputs" | "outputs", Readonly<Record<string, Tensor>>>>;

/** Keys and values of many histories, [rows, K, capacity, d] a layer, as large as what is in use. */
export interface PrefixCache {
  /** A row for a history: its own, one that nobody needs, a new one, or the least recently used. Undefined when all are busy. */
  acquire(version: string, history: string, pieces: readonly Chunk[]): CacheRow | undefined;
  leave(row: CacheRow): void;
  /** Forgets what a row holds. */
  clear(row: CacheRow): void;
  release(history: string): void;
  /** Takes over the longest beginning of `pieces` that any row has been fed, and cuts off what is different. */
  adopt(row: CacheRow, pieces: readonly Chunk[], inverseTemperature: number): void;
  /** Makes room for `rows` rows of `length` tokens. */
  reserve(rows: number, length: number): void;
  /** Tokens of the longest row. */
  longest(): number;
  /** At least `least` rows, with all busy ones; now and then these are moved together so that few idle ones lie between. */
  span(least: number): { readonly first: number; readonly count: number };
  rowAt(index: number): CacheRow | undefined;
  /** Inputs `past.*` and outputs `present.*` over the rows [first, first + count): the same memory. */
  bind(first: number, count: number): Binding;
}

interface PrefixCacheOptions {
  /** Histories at once. */
  readonly slots: number;
  readonly contextLength: number;
  /** New rows are made, instead of dropping old ones, up to this size. */
  readonly bytes: number;
}

const CAPACITY_STEP = 64;
/** Idle rows that were decoded in vain before busy ones are moved together: copying a row is worth a few of them. */
const WASTE = 8;

export const createPrefixCache = (
  runtime: Runtime,
  config: ModelConfig,
  { slots, contextLength, bytes }: PrefixCacheOptions,
): PrefixCache => {
  const { num_hidden_layers: layers, num_key_value_heads: heads, head_dim: size } = config;
  const names = Array.from({ length: layers }, (_, layer) => [`${layer}.key`, `${layer}.value`]).flat();
  let capacity = CAPACITY_STEP;
  let count = 0;
  const blocks: Memory[] = [];
  const rows: CacheRow[] = [];
  const bound = new Map<string, Binding>();
  let clock = 0;
  let waste = 0;

  const blank = (index: number): CacheRow => ({
    index,
    version: undefined,
    history: undefined,
    fed: [],
    length: 0,
    busy: false,
    released: false,
    lastUsed: 0,
    end: undefined,
  });
  const clear = (row: CacheRow): void => void Object.assign(row, { ...blank(row.index), busy: row.busy });
  const floats = (memory: Memory): Float32Array => memory.data as Float32Array;

  const resize = (nextCount: number, nextCapacity: number): void => {
    if (nextCount === count && nextCapacity === capacity) return;
    rows.splice(nextCount);
    names.forEach((_, at) => {
      const memory = runtime.allocate("float32", nextCount * heads * nextCapacity * size);
      const old = blocks[at];
      // One by one: the old ones can go meanwhile.
      blocks[at] = memory;
      if (!old) return;
      for (const { index, length } of rows)
        for (let head = 0; head < heads; head += 1) {
          const from = (index * heads + head) * capacity * size;
          floats(memory).set(
            floats(old).subarray(from, from + length * size),
            (index * heads + head) * nextCapacity * size,
          );
        }
    });
    for (let index = count; index < nextCount; index += 1) rows.push(blank(index));
    [count, capacity] = [nextCount, nextCapacity];
    bound.clear();
  };

  /** Copies the positions [start, end). */
  const copy = (from: number, to: number, start: number, end: number): void => {
    for (const memory of blocks)
      for (let head = 0; head < heads; head += 1) {
        const source = (from * heads + head) * capacity * size;
        const target = (to * heads + head) * capacity * size;
        floats(memory).copyWithin(target + start * size, source + start * size, source + end * size);
      }
  };

  /** Moves a busy row to the place of an idle one, whose content is kept where it was if it is of use. */
  const exchange = (busy: CacheRow, idle: CacheRow): void => {
    if (idle.length === 0) copy(busy.index, idle.index, 0, busy.length);
    else {
      const longest = Math.max(busy.length, idle.length) * size;
      const spare = new Float32Array(longest);
      for (const memory of blocks)
        for (let head = 0; head < heads; head += 1) {
          const [a, b] = [busy, idle].map(({ index }) => (index * heads + head) * capacity * size) as [number, number];
          const data = floats(memory);
          spare.set(data.subarray(a, a + longest));
          data.copyWithin(a, b, b + longest);
          data.set(spare, b);
        }
    }
    [rows[busy.index], rows[idle.index]] = [idle, busy];
    [busy.index, idle.index] = [idle.index, busy.index];
  };

  /** Rows of a capacity that fit the size. */
  const affordable = (of: number): number =>
    Math.min(slots, Math.max(2, Math.floor(bytes / (4 * names.length * heads * size * of))));

  /** Moves busy rows to the front. */
  const gather = (): void => {
    for (;;) {
      const last = rows.findLast(({ busy }) => busy);
      const hole = rows.find(({ busy }) => !busy);
      if (!last || !hole || hole.index > last.index) return;
      exchange(last, hole);
    }
  };

  const grown = (): CacheRow | undefined => {
    const most = affordable(capacity);
    if (count >= most) return undefined;
    const first = count;
    resize(Math.min(most, Math.max(2, Math.ceil(count * 1.5))), capacity);
    return rows[first];
  };

  return {
    acquire: (version, history, pieces) => {
      const idle = rows.filter(({ busy }) => !busy);
      const oldest = (list: readonly CacheRow[]): CacheRow | undefined =>
        list.reduce<CacheRow | undefined>((a, b) => (a && a.lastUsed <= b.lastUsed ? a : b), undefined);
      const row =
        idle.find(
          (each) => each.version === version && each.history === history && commonPieces(each.fed, pieces) > 0,
        ) ??
        idle.find(({ length }) => length === 0) ??
        oldest(idle.filter(({ released }) => released)) ??
        grown() ??
        oldest(idle);
      if (!row) return undefined;
      // What it holds stays for now: it may be the beginning that the new history needs.
      if (row.version !== version) clear(row);
      clock += 1;
      Object.assign(row, { version, history, busy: true, released: false, lastUsed: clock });
      return row;
    },
    leave: (row) => {
      row.busy = false;
    },
    clear,
    release: (history) => {
      for (const row of rows) if (row.history === history) row.released = true;
    },
    adopt: (row, pieces, inverseTemperature) => {
      const rank = (of: CacheRow, common: number): number =>
        common === pieces.length && !(of.end?.pieces === common && of.end.inverseTemperature === inverseTemperature)
          ? common - 1
          : common;
      const own = rank(row, commonPieces(row.fed, pieces));
      let [best, most] = [row, own];
      for (const other of rows) {
        if (other === row || other.version !== row.version || other.fed.length <= most) continue;
        const common = rank(other, commonPieces(other.fed, pieces));
        if (common > most) [best, most] = [other, common];
      }
      const kept = tokensOf(pieces.slice(0, own));
      const length = tokensOf(pieces.slice(0, most));
      if (best !== row) {
        copy(best.index, row.index, kept, length);
        clock += 1;
        best.lastUsed = clock;
      }
      row.fed = pieces.slice(0, most);
      row.length = length;
      row.end = best.end && best.end.pieces <= most ? best.end : undefined;
    },
    reserve: (least, length) => {
      const stepped = (tokens: number): number =>
        Math.min(contextLength, Math.ceil(tokens / CAPACITY_STEP) * CAPACITY_STEP);
      if (stepped(length) <= capacity) return resize(Math.max(count, least), capacity);
      // Longer rows are dearer: idle ones make way.
      const next = Math.max(stepped(length), stepped(capacity * 1.5));
      gather();
      const busy = rows.filter((row) => row.busy).length;
      resize(Math.max(least, busy, Math.min(count, affordable(next))), next);
    },
    longest: () => rows.reduce((most, { length }) => Math.max(most, length), 0),
    span: (least) => {
      const busy = rows.filter((row) => row.busy).length;
      waste += (rows.findLast((row) => row.busy)?.index ?? -1) + 1 - busy;
      if (waste >= WASTE) {
        waste = 0;
        gather();
      }
      const last = (rows.findLast((row) => row.busy)?.index ?? -1) + 1;
      const first = Math.min(
        rows.findIndex((row) => row.busy),
        count - least,
      );
      return { first, count: Math.max(least, last - first) };
    },
    rowAt: (index) => rows[index],
    bind: (first, rowCount) => {
      const key = `${first}+${rowCount}`;
      const known = bound.get(key);
      if (known) return known;
      const row = heads * capacity * size;
      const tensors = names.map(
        (name, at) =>
          [name, runtime.tensor(blocks[at] as Memory, [rowCount, heads, capacity, size], first * row)] as const,
      );
      const binding: Binding = {
        inputs: Object.fromEntries(tensors.map(([name, tensor]) => [`past.${name}`, tensor])),
        outputs: Object.fromEntries(tensors.map(([name, tensor]) => [`present.${name}`, tensor])),
      };
      if (bound.size >= 64) bound.clear();
      bound.set(key, binding);
      return binding;
    },
  };
};
