import { EngineError } from "../../../errors.ts";
import { growingBlocks } from "../carriers/growing-blocks.ts";
import { floatsOf, type Runtime, type Session, type Tensor } from "../carriers/runtime.ts";
import type { TensorSource } from "../files/model-files.ts";
import { type AdapterKind, type Quantisation, samplingGraph } from "../graph/sampling-graph.ts";
import { angleTensors, layerKinds } from "../graph/training-tables.ts";
import type { ModelConfig } from "../model-config.ts";
import { type Adapter, type AdapterSlot, type AdapterSlots, createAdapterSlots } from "./adapter-slots.ts";
import { type FrozenBase, loadFrozenBase } from "./frozen-base.ts";
import { createPrefixCache, type PrefixCache } from "./prefix-cache.ts";

/** One run: the same number of new tokens for each row from `first` on. More than one token goes to one row only. */
export interface Step {
  readonly cache: PrefixCache;
  readonly first: number;
  /** One a row. */
  readonly rows: readonly StepRow[];
}

export interface StepRow {
  /** Tokens in the cache already. */
  readonly length: number;
  /** What it takes in; undefined for an idle row, which writes behind its end. */
  readonly ids: readonly number[] | undefined;
  readonly inverseTemperature: number;
  readonly slot: AdapterSlot | undefined;
}

/** A frozen base in a session, with adapters. */
export interface FrozenModel {
  /** A batch has at least this many rows: with fewer, another kernel would give other last bits. */
  readonly fewestRows: number;
  /** The slots of adapters like this one. Undefined until `admit` has made a graph for them. */
  slotsFor(adapter: Adapter): AdapterSlots | undefined;
  /** Makes the graph anew, with a place for adapters like this one. */
  admit(adapter: Adapter): Promise<void>;
  /** The slot of a version becomes free when no row needs it. */
  forget(version: string): void;
  /** Distributions [rows, V] after each row's last token; valid until the next step. */
  run(step: Step): Promise<Float32Array>;
  dispose(): void;
}

export interface FrozenModelOptions {
  readonly tensors: Pick<TensorSource, "read">;
  readonly quantisation: Quantisation;
  readonly contextLength: number;
  readonly threads: number;
  /** Adapters of one kind at once. */
  readonly adapterSlots: number;
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
}

const kindOf = ({ lora: { rank, targets } }: Adapter): AdapterKind => ({ rank, targets });
const sameKind = (a: AdapterKind, b: AdapterKind): boolean =>
  a.rank === b.rank && a.targets.length === b.targets.length && a.targets.every((target, i) => target === b.targets[i]);

export const createFrozenModel = async (
  runtime: Runtime,
  config: ModelConfig,
  { tensors, quantisation, contextLength, threads, adapterSlots, exclusive }: FrozenModelOptions,
): Promise<FrozenModel> => {
  const { hidden_size: D, vocab_size: V } = config;
  const angles: Record<string, Tensor> = {};
  for (const [type, prefix] of layerKinds(config)) {
    const { cos, sin } = angleTensors(runtime, config, type, contextLength);
    Object.assign(angles, { [`${prefix}cos`]: cos, [`${prefix}sin`]: sin });
  }
  const block = growingBlocks(runtime);
  const kinds: AdapterSlots[] = [];

  const runIn = async (
    session: Session,
    base: Pick<FrozenBase, "embed">,
    { cache, first, rows }: Step,
  ): Promise<Float32Array> => {
    const B = rows.length;
    const T = rows[0]?.ids?.length ?? 1;
    const x = block("x", "float32", [B * T, D]);
    const shape = block("shape", "int64", [3]);
    const lengths = block("lengths", "int32", [B]);
    const longest = block("longest", "int32", [1]);
    const last = block("rows", "int64", [B]);
    const inverseTemperature = block("inverse", "float32", [B, 1]);
    const probabilities = block("probabilities", "float32", [B, V]);
    const floats = floatsOf(x);
    (shape.memory.data as BigInt64Array).set([BigInt(B), BigInt(T), -1n]);
    let most = 0;
    rows.forEach(({ length, ids, inverseTemperature: inverse }, row) => {
      if (!ids) floats.fill(0, row * D, (row + 1) * D);
      for (const [i, id] of ids?.entries() ?? []) base.embed(id, floats, (row * T + i) * D);
      (lengths.memory.data as Int32Array)[row] = length + T - 1;
      (last.memory.data as BigInt64Array)[row] = BigInt(row * T + T - 1);
      (inverseTemperature.memory.data as Float32Array)[row] = inverse;
      most = Math.max(most, length + T);
    });
    (longest.memory.data as Int32Array)[0] = most;
    const part = cache.bind(first, B);
    const adapters: Record<string, Tensor> = {};
    kinds.forEach((slots, index) => {
      const own = rows.flatMap(({ slot }) =>
        Array<AdapterSlot | undefined>(T).fill(slot && slots.owns(slot) ? slot : undefined),
      );
      Object.assign(adapters, slots.inputs(index, own));
    });
    await session.run(
      { ...angles, ...part.inputs, ...adapters, x, shape, lengths, longest, rows: last, inverseTemperature },
      { ...part.outputs, probabilities },
    );
    return floatsOf(probabilities);
  };

  /** What a fresh session gives for a few made-up tokens: alone, with others, and as a prompt. */
  const probe = async (session: Session, base: FrozenBase): Promise<{ one: Float32Array; all: Float32Array }> => {
    const cache = createPrefixCache(runtime, config, { slots: 4, contextLength, bytes: 0 });
    const T = Math.min(17, contextLength - 1);
    cache.reserve(4, T);
    const row = (...ids: number[]): StepRow => ({ length: 0, ids, inverseTemperature: 1, slot: undefined });
    const prompts = [[row(1)], [row(1), row(2)], [row(1), row(2), row(3), row(4)], [row(...Array<number>(T).fill(1))]];
    const all = new Float32Array(prompts.flat().length * V);
    let at = 0;
    for (const rows of prompts) {
      all.set(await runIn(session, base, { cache, first: 0, rows }), at);
      at += rows.length * V;
    }
    return { one: all.subarray(0, V), all };
  };
  const equal = (a: Float32Array, b: Float32Array, count = a.length): boolean => {
    for (let i = 0; i < count; i += 1) if (a[i] !== b[i]) return false;
    return true;
  };

  const load = async (): Promise<{ session: Session; base: FrozenBase; fewestRows: number }> => {
    const base = await loadFrozenBase(runtime, config, tensors, quantisation);
    const { constants, matrices } = base;
    const graph = samplingGraph(
      config,
      quantisation,
      kinds.map(({ kind }) => kind),
    );
    const session = runtime.session(graph.bytes, { ...graph, threads, constants });
    const { one, all } = await probe(session, base);
    // Most runtimes lay matrices out anew when they load them. Whether this one still reads what it was given, it shows.
    for (const name of matrices) constants.blank(name);
    if (equal(all, (await probe(session, base)).all)) for (const name of matrices) constants.release(name);
    else await loadFrozenBase(runtime, config, tensors, quantisation, constants);
    return {
      session,
      base,
      fewestRows: equal(one, all.subarray(one.length), V) && equal(one, all.subarray(3 * V), V) ? 1 : 2,
    };
  };

  let loaded: Awaited<ReturnType<typeof load>> | undefined = await exclusive(load);
  let disposed = false;
  const unload = (): void => {
    loaded?.session.dispose();
    loaded?.base.constants.dispose();
    loaded = undefined;
  };
  return {
    get fewestRows() {
      return loaded?.fewestRows ?? 2;
    },
    slotsFor: (adapter) => kinds.find(({ kind }) => sameKind(kind, kindOf(adapter))),
    admit: (adapter) =>
      exclusive(async () => {
        // The old graph goes first: two would take twice the memory.
        unload();
        kinds.push(createAdapterSlots(runtime, config, kindOf(adapter), { most: adapterSlots }));
        try {
          loaded = await load();
        } catch (failure) {
          kinds.pop();
          throw failure;
        }
      }),
    forget: (version) => {
      for (const slots of kinds) slots.forget(version);
    },
    run: (step) =>
      exclusive(async () => {
        if (disposed) throw new EngineError("This engine is closed.");
        loaded ??= await load();
        return runIn(loaded.session, loaded.base, step);
      }),
    dispose: () => {
      disposed = true;
      unload();
    },
  };
};
