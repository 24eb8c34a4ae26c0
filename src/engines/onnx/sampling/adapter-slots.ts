import { EngineError } from "../../../errors.ts";
import { floatsOf, type Memory, type Runtime, type Tensor } from "../carriers/runtime.ts";
import { type AdapterKind, adapterNames, adapterPlace, LINEAR_GROUPS, maskName } from "../graph/sampling-graph.ts";
import { type LoraConfig, loraNames } from "../lora.ts";
import { linearShapes, type ModelConfig } from "../model-config.ts";
import type { Weights } from "../weights.ts";

export interface Adapter {
  readonly lora: LoraConfig;
  readonly weights: Weights;
}

/** One adapter in the matrices of its kind. */
export interface AdapterSlot {
  readonly index: number;
  version: string | undefined;
  adapter: Adapter | undefined;
  /** Rows that sample with it. */
  users: number;
  lastUsed: number;
}

/** Adapters of one kind, loaded when they are first sampled. */
export interface AdapterSlots {
  readonly kind: AdapterKind;
  /**
   * The slot of a version, for one more row; undefined while all slots serve rows of other versions. Throws EngineError
   * for an adapter that is not finite: times 0 it would still spoil the rows that share its batch.
   */
  acquire(version: string, adapter: Adapter): AdapterSlot | undefined;
  leave(slot: AdapterSlot): void;
  owns(slot: AdapterSlot): boolean;
  /** Makes the slot of a version the first to be given away. */
  forget(version: string): void;
  /** Inputs of the graph, in which this is the kind `index`; `rows` has the slot of each row, if it has one here. */
  inputs(index: number, rows: readonly (AdapterSlot | undefined)[]): Readonly<Record<string, Tensor>>;
}

interface Matrices {
  readonly a: Memory;
  readonly b: Memory;
}

const LARGEST = 1e30;

const requireFinite = ({ weights }: Adapter): void => {
  for (const value of weights.floats)
    if (!(Math.abs(value) < LARGEST))
      throw new EngineError(`The adapter is not finite (it holds ${value}): it is damaged or training diverged.`);
};

export const createAdapterSlots = (
  runtime: Runtime,
  config: ModelConfig,
  kind: AdapterKind,
  { most }: { readonly most: number },
): AdapterSlots => {
  const shapes = linearShapes(config);
  const places = Array.from({ length: config.num_hidden_layers }, (_, i) => `model.layers.${i}`).flatMap((layer) =>
    LINEAR_GROUPS.flatMap((group) => {
      const place = adapterPlace(config, kind, group);
      return place ? [{ layer, group, place }] : [];
    }),
  );
  const strides = [...new Set(places.map(({ place }) => place.stride))];
  const slots: AdapterSlot[] = [];
  let matrices: Matrices[] = [];
  let fixed: Readonly<Record<string, Tensor>> = {};
  let fixedFor = -1;
  const masks = new Map<number, Memory>();
  let clock = 0;

  /** Writes an adapter into its columns of all matrices. */
  const load = ({ index, adapter }: AdapterSlot): void => {
    places.forEach(({ layer, group, place }, at) => {
      const { a, b } = matrices[at] as Matrices; // One a place.
      const width = slots.length * place.stride;
      const part = place.into / place.parts;
      let row = 0;
      for (const linear of group.linears) {
        const out = shapes.get(linear)?.[0] ?? 0;
        const position = place.linears.indexOf(linear);
        const tensors = position < 0 ? undefined : adapter?.weights.tensors;
        const names = loraNames(layer, linear);
        const down = tensors?.get(names.a);
        const up = tensors?.get(names.b);
        if (down && up) {
          const from = floatsOf(down);
          const to = floatsOf(up);
          const column = index * place.stride + position * kind.rank;
          for (let p = 0; p < place.parts; p += 1) {
            for (let r = 0; r < kind.rank; r += 1) {
              const start = r * place.into + p * part;
              (a.data as Float32Array).set(from.subarray(start, start + part), (p * width + column + r) * part);
            }
          }
          for (let o = 0; o < out; o += 1)
            (b.data as Float32Array).set(to.subarray(o * kind.rank, (o + 1) * kind.rank), (row + o) * width + column);
        }
        row += out;
      }
    });
  };

  const grow = (): AdapterSlot => {
    const slot: AdapterSlot = { index: slots.length, version: undefined, adapter: undefined, users: 0, lastUsed: 0 };
    slots.push(slot);
    matrices = places.map(({ place }) => ({
      a: runtime.allocate("float32", slots.length * place.stride * place.into),
      b: runtime.allocate("float32", slots.length * place.stride * place.out),
    }));
    for (const each of slots) if (each.adapter) load(each);
    fixedFor = -1;
    return slot;
  };
  grow();

  return {
    kind,
    acquire: (version, adapter) => {
      let slot = slots.find((each) => each.version === version);
      if (!slot) {
        const idle = slots.filter(({ users }) => users === 0).sort((x, y) => x.lastUsed - y.lastUsed);
        const free = idle.find((each) => each.version === undefined);
        slot = free ?? (slots.length < most ? grow() : idle[0]);
        if (!slot) return undefined;
        requireFinite(adapter);
        slot.version = version;
        slot.adapter = adapter;
        load(slot);
      }
      clock += 1;
      slot.lastUsed = clock;
      slot.users += 1;
      return slot;
    },
    leave: (slot) => {
      slot.users -= 1;
    },
    owns: (slot) => slots[slot.index] === slot,
    forget: (version) => {
      for (const slot of slots) {
        if (slot.version !== version || slot.users > 0) continue;
        slot.version = undefined;
        slot.adapter = undefined;
      }
    },
    inputs: (index, rows) => {
      if (fixedFor !== index) {
        fixedFor = index;
        fixed = Object.fromEntries(
          places.flatMap(({ layer, group, place }, at) => {
            const { a, b } = matrices[at] as Matrices; // One a place.
            const names = adapterNames(index, layer, group.name);
            const width = slots.length * place.stride;
            return [
              [names.a, runtime.tensor(a, [place.parts, width, place.into / place.parts])],
              [names.b, runtime.tensor(b, [place.out, width])],
            ];
          }),
        );
      }
      const out: Record<string, Tensor> = { ...fixed };
      for (const stride of strides) {
        const width = slots.length * stride;
        let memory = masks.get(stride);
        if (!memory || memory.data.length < rows.length * width) {
          memory = runtime.allocate("float32", Math.ceil(rows.length * width * 1.25));
          masks.set(stride, memory);
        }
        const values = (memory.data as Float32Array).fill(0, 0, rows.length * width);
        rows.forEach((slot, row) => {
          if (!slot?.adapter) return;
          const { alpha, rank } = slot.adapter.lora;
          const start = row * width + slot.index * stride;
          values.fill((4 * alpha) / rank, start, start + stride);
        });
        out[maskName(index, stride)] = runtime.tensor(memory, [rows.length, width]);
      }
      return out;
    },
  };
};
