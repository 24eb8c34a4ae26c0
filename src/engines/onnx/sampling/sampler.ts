import { extendsPlan } from "../carriers/feed-plan.ts";
import { growingBlocks } from "../carriers/growing-blocks.ts";
import { elementsOf, floatsOf, type Runtime, type Session, type Tensor } from "../carriers/runtime.ts";
import { decodingGraph, extensionGraph } from "../graph/graphs.ts";
import type { OnnxModel } from "../graph/onnx-builder.ts";
import { angleTensors, layerKinds } from "../graph/training-tables.ts";
import { invariantThreads } from "../invariant-threads.ts";
import { type ModelConfig, parameterShapes } from "../model-config.ts";
import { cheapestRuns } from "../padded-runs.ts";
import type { Published } from "../versions.ts";
import { bindings, type Weights } from "../weights.ts";
import { type CacheRow, type Group, groupsOf, nextChunk, written } from "./alike-rows.ts";
import { pickExactly, type TextRules } from "./continuation.ts";
import { createKeyValueCache } from "./key-value-cache.ts";
import { type Backend, createScheduler, type Draw, type SamplerOf } from "./scheduler.ts";

/** Published weights: immutable, named by their content. */
export interface Snapshot extends Published {
  readonly weights: Weights;
}

/** Samples from full weights in float32, which may differ from request to request. */
export type Sampler = SamplerOf<Snapshot>;

type Row = CacheRow<Snapshot>;

/** Keys are looked at up to a multiple of this, so that padding never changes the order of a sum. */
const REACH_STEP = 64;
/** Decoding continues while fewer rows than this wait to be extended. */
const EXTENSION_ROWS = 24;
/** A run costs about 4 ms where a token takes 0.04 (2.56 M parameters, 2 threads). */
const EXTENSION_COSTS = { most: 1024, run: 100, pair: 0 };
/**
 * Rows times parameters up to which one thread decodes: 16 rows of 2.56 M parameters cost 1.5 times the processor time on
 * two threads, and take nine tenths of the time.
 */
const ON_ONE_THREAD = 40e6;

interface SamplerOptions {
  readonly slots?: number;
  /** Tokens of a history. @default the model's */
  readonly capacity?: number;
  /** Runs one native call at a time. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  readonly text?: TextRules;
}

/**
 * A sampler over full weights. Rows that have given tokens to take in are extended together, rows that are sampling are
 * decoded together. A row's bits do not depend on what shares its batch, as long as a batch never has one row.
 */
export const createSampler = (
  runtime: Runtime,
  config: ModelConfig,
  { slots = 192, capacity = config.max_position_embeddings, exclusive, text }: SamplerOptions,
): Sampler =>
  createScheduler(createBackend(runtime, config, { slots, capacity, exclusive }), {
    vocabularySize: config.vocab_size,
    contextLength: capacity,
    pick: pickExactly,
    exact: true,
    text,
  });

const createBackend = (
  runtime: Runtime,
  config: ModelConfig,
  { slots, capacity, exclusive }: Required<Omit<SamplerOptions, "text">>,
): Backend<Snapshot, Row> => {
  const cache = createKeyValueCache(runtime, config, { slots, capacity });
  const threads = invariantThreads(config, runtime.description.threads);
  const load = (model: OnnxModel, most = threads) => runtime.session(model.bytes, { ...model, threads: most });
  const extension = load(extensionGraph(config));
  const decoding = load(decodingGraph(config));
  const onOneThread = load(decodingGraph(config), 1);
  const parameters = [...parameterShapes(config).values()].reduce((sum, shape) => sum + elementsOf(shape), 0);
  /** The session for `rows` rows; their bits are the same in both. */
  const decodingOf = (rows: number): Session => (rows * parameters > ON_ONE_THREAD ? decoding : onOneThread);
  const angles: Readonly<Record<string, Tensor>> = Object.fromEntries(
    [...layerKinds(config)].flatMap(([type, prefix]) => {
      const { cos, sin } = angleTensors(runtime, config, type, config.max_position_embeddings);
      return [
        [`${prefix}cos`, cos],
        [`${prefix}sin`, sin],
      ];
    }),
  );
  const reach = runtime.allocate("int64", capacity);
  (reach.data as BigInt64Array).set(BigInt64Array.from({ length: capacity }, (_, i) => BigInt(i)));
  const block = growingBlocks(runtime);
  const V = config.vocab_size;
  const K = config.num_key_value_heads;

  /** After a run: the rows of each group have what the first of them was fed, and who is through with the prompt draws. */
  const settle = (
    groups: readonly Group<Row>[],
    distributionOf: (i: number) => Float32Array,
    draw: Draw<Row>,
  ): void => {
    for (const [i, { rows, feed, written }] of groups.entries()) {
      const [{ slot: original }] = rows;
      const start = original.length;
      for (const row of rows) {
        if (row.slot !== original) cache.copy(original, row.slot, start, feed.ids.length);
        row.slot.length += feed.ids.length;
        row.written = written;
        row.fed += feed.ids.length;
        if (row.fed === nextChunk(row)?.ids.length) {
          row.chunk += 1;
          row.fed = 0;
        }
        if (row.chunk === row.job.plan.length) draw(row, distributionOf(i));
      }
    }
  };

  /** Feeds a chunk of given tokens to each row. */
  const extend = async (batch: readonly Row[], snapshot: Snapshot, draw: Draw<Row>): Promise<void> => {
    const order = groupsOf(batch).sort((a, b) => a.feed.ids.length - b.feed.ids.length);
    let at = 0;
    for (const count of cheapestRuns(
      order.map(({ feed }) => feed.ids.length),
      EXTENSION_COSTS,
    )) {
      const groups = order.slice(at, at + count);
      at += count;
      const B = Math.max(2, groups.length);
      const T = groups.at(-1)?.feed.ids.length ?? 1;
      const ids = block("ids", "int64", [B * T]);
      const positions = block("positions", "int64", [B, T]);
      const shape = block("shape", "int64", [2]);
      const slotRows = block("slots", "int64", [B]);
      const place = block("place", "int64", [B, K, T, 3]);
      const last = block("last", "int64", [B]);
      const inverse = block("inverse", "float32", [B, 1]);
      const idData = ids.memory.data as BigInt64Array;
      const positionData = positions.memory.data as BigInt64Array;
      const placeData = place.memory.data as BigInt64Array;
      const inverseData = inverse.memory.data as Float32Array;
      (shape.memory.data as BigInt64Array).set([BigInt(B), BigInt(T)]);
      let longest = 1;
      for (let row = 0; row < B; row += 1) {
        const own = groups[row]?.rows[0];
        const given = groups[row]?.feed.ids ?? [0];
        const start = own?.slot.length ?? 0;
        longest = Math.max(longest, start + given.length);
        (slotRows.memory.data as BigInt64Array)[row] = BigInt(own?.slot.index ?? cache.scratch);
        (last.memory.data as BigInt64Array)[row] = BigInt(row * T + given.length - 1);
        inverseData[row] = own?.job.inverseTemperature ?? 1;
        for (let t = 0; t < T; t += 1) {
          const real = t < given.length;
          idData[row * T + t] = BigInt(given[t] ?? 0);
          positionData[row * T + t] = BigInt(Math.min(start + t, capacity - 1));
          for (let head = 0; head < K; head += 1) {
            const cell = ((row * K + head) * T + t) * 3;
            placeData[cell] = BigInt(real ? (own?.slot.index ?? cache.scratch) : cache.scratch);
            placeData[cell + 1] = BigInt(head);
            placeData[cell + 2] = BigInt(real ? start + t : Math.min(t, capacity - 1));
          }
        }
      }
      const seen = Math.min(capacity, Math.ceil(longest / REACH_STEP) * REACH_STEP);
      const out = block("probabilities", "float32", [B, V]);
      const all = cache.bind(0, cache.scratch + 1);
      await exclusive(() =>
        extension.run(
          {
            ...angles,
            ...bindings(snapshot.weights),
            ...all.inputs,
            ids,
            positions,
            shape,
            slots: slotRows,
            place,
            reach: runtime.tensor(reach, [seen]),
            last,
            inverseTemperature: inverse,
          },
          { ...all.outputs, probabilities: out },
        ),
      );
      const probabilities = floatsOf(out);
      settle(groups, (i) => probabilities.subarray(i * V, (i + 1) * V), draw);
    }
  };

  /** Feeds one token to each row. */
  const decode = async (batch: readonly Row[], snapshot: Snapshot, draw: Draw<Row>): Promise<void> => {
    const groups = groupsOf(batch);
    const slots = groups.map(({ rows }) => rows[0].slot);
    cache.gather(slots, snapshot.version);
    const indices = slots.map(({ index }) => index);
    const first = Math.min(Math.min(...indices), cache.scratch - 1);
    const B = Math.max(2, Math.max(...indices) - first + 1);
    const ids = block("ids", "int64", [B]);
    const lengths = block("lengths", "int32", [B]);
    const longest = block("longest", "int32", [1]);
    const inverse = block("inverse", "float32", [B, 1]);
    const idData = (ids.memory.data as BigInt64Array).fill(0n, 0, B);
    const lengthData = lengths.memory.data as Int32Array;
    const inverseData = (inverse.memory.data as Float32Array).fill(1, 0, B);
    // An idle row writes behind its end, where the next token it really gets will overwrite it.
    let reached = 0;
    for (let row = 0; row < B; row += 1) {
      lengthData[row] = Math.min(cache.slots[first + row]?.length ?? 0, capacity - 1);
      reached = Math.max(reached, lengthData[row] as number);
    }
    for (const { rows, feed } of groups) {
      const at = rows[0].slot.index - first;
      idData[at] = BigInt(feed.ids[0] as number);
      inverseData[at] = rows[0].job.inverseTemperature;
    }
    (longest.memory.data as Int32Array)[0] = reached + 1;
    const out = block("probabilities", "float32", [B, V]);
    const part = cache.bind(first, B);
    await exclusive(() =>
      decodingOf(B).run(
        {
          ...angles,
          ...bindings(snapshot.weights),
          ...part.inputs,
          ids,
          lengths,
          longest,
          inverseTemperature: inverse,
        },
        { ...part.outputs, probabilities: out },
      ),
    );
    const probabilities = floatsOf(out);
    const places = indices.map((index) => index - first);
    settle(groups, (i) => probabilities.subarray((places[i] as number) * V, ((places[i] as number) + 1) * V), draw);
  };

  return {
    admit: (job) => {
      const slot = cache.acquire(`${job.snapshot.version}/${job.request.history}`);
      if (!slot) return undefined;
      // A row is reused only where it holds the beginning of this very history, fed in the same split.
      if (!extendsPlan(job.plan, slot.plan) || slot.plan.length >= job.plan.length) {
        slot.plan = [];
        slot.length = 0;
      }
      return {
        job,
        slot,
        written: slot.plan.reduce(written, `${job.inverseTemperature}`),
        chunk: slot.plan.length,
        fed: 0,
      };
    },
    next: (active) => {
      const snapshot = (active[0] as Row).job.snapshot;
      const rows = active.filter(({ job }) => job.snapshot === snapshot);
      const toExtend = rows.filter((row) => nextChunk(row)?.mode === "extend");
      const toDecode = rows.filter((row) => nextChunk(row)?.mode !== "extend");
      return toDecode.length === 0 || toExtend.length >= EXTENSION_ROWS
        ? { batch: toExtend, run: (draw) => extend(toExtend, snapshot, draw) }
        : { batch: toDecode, run: (draw) => decode(toDecode, snapshot, draw) };
    },
    leave: ({ job, slot }, outcome) => {
      const { ids } = job.drawn;
      slot.busy = false;
      if (outcome === "failed") cache.release((key) => key === slot.key);
      else slot.plan = ids.length > 1 ? [...job.plan, { mode: "decode", ids: ids.slice(0, -1) }] : job.plan;
    },
    release: (history) => cache.release((key) => key.endsWith(`/${history}`)),
    dispose: () => {
      extension.dispose();
      decoding.dispose();
      onOneThread.dispose();
    },
  };
};
