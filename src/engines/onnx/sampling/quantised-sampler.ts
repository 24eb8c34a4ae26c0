import type { Tokenizer } from "../../../engine.ts";
import { type Chunk, piecesOf } from "../carriers/feed-plan.ts";
import type { Runtime } from "../carriers/runtime.ts";
import type { TensorSource } from "../files/model-files.ts";
import type { Quantisation } from "../graph/sampling-graph.ts";
import type { ModelConfig } from "../model-config.ts";
import type { Published } from "../versions.ts";
import type { Adapter, AdapterSlot, AdapterSlots } from "./adapter-slots.ts";
import { pickFast, type TextRules } from "./continuation.ts";
import { createFrozenModel, type FrozenModel, type StepRow } from "./frozen-model.ts";
import { type CacheRow, createPrefixCache, type PrefixCache } from "./prefix-cache.ts";
import { type Backend, createScheduler, type Draw, type Job, type SamplerOf } from "./scheduler.ts";

/** The base, or an adapter on it. */
export interface QuantisedSnapshot extends Published {
  readonly adapter?: Adapter;
}

/** Samples from a frozen base and any number of adapters on it, all in the same batches. */
export interface QuantisedSampler extends SamplerOf<QuantisedSnapshot> {
  /** Says that a version is not sampled any more: its adapter makes room. */
  forget(version: string): void;
}

export interface QuantisedSamplerOptions {
  /** Where the base's weights are read, once more whenever adapters of another shape appear. */
  readonly tensors: Pick<TensorSource, "read">;
  readonly quantisation: Quantisation;
  /** Runs one native call at a time. */
  readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  /** Tokens of a prompt and its sample together. @default the model's */
  readonly contextLength?: number;
  /** Histories that are sampled at once. @default 32 */
  readonly slots?: number;
  /** Size up to which the cache keeps histories that nobody samples. @default 256 MB */
  readonly cacheBytes?: number;
  /** Adapters of one shape that are sampled at once; requests for more wait. @default 4 */
  readonly adapterSlots?: number;
  /** For stop texts and, if it can compile them, grammars. */
  readonly tokenizer?: Pick<Tokenizer, "decode"> & TextRules;
  /** @default the runtime's */
  readonly threads?: number;
}

interface Row {
  readonly job: Job<QuantisedSnapshot>;
  readonly pieces: readonly Chunk[];
  /** What was fed to it is always the beginning of `pieces`, or all of them and what was drawn since. */
  readonly cached: CacheRow;
  /** Where its adapter lies; undefined for the base. */
  readonly adapter: { readonly slots: AdapterSlots; readonly slot: AdapterSlot } | undefined;
}

/** Given tokens of one run: more do not make it faster, and its scores take tokens² memory. */
const PIECE_TOKENS = 512;
/** Given tokens that are taken in before rows that are sampling run again. */
const PATIENCE_TOKENS = 1024;

/**
 * A sampler over a frozen base, quantised or not, that never needs the base's float32 weights as a whole. Prompts are
 * taken in piece by piece, each in a run of its own, so that the cache after a piece is a function of (version, pieces)
 * alone: whatever row has been fed the same beginning may be copied. Rows that are sampling are decoded together.
 */
export const createQuantisedSampler = async (
  runtime: Runtime,
  config: ModelConfig,
  {
    tensors,
    quantisation,
    exclusive,
    contextLength = config.max_position_embeddings,
    slots = 32,
    cacheBytes = 256 * 2 ** 20,
    adapterSlots = 4,
    tokenizer,
    threads = runtime.description.threads,
  }: QuantisedSamplerOptions,
): Promise<QuantisedSampler> => {
  const model = await createFrozenModel(runtime, config, {
    tensors,
    quantisation,
    contextLength,
    threads,
    adapterSlots,
    exclusive,
  });
  const cache = createPrefixCache(runtime, config, { slots, contextLength, bytes: cacheBytes });
  const sampler = createScheduler(createBackend(model, cache, config.vocab_size), {
    vocabularySize: config.vocab_size,
    contextLength,
    pick: pickFast,
    // Also in float32 it is another graph than the trainer's, with sums in another order.
    exact: false,
    text: tokenizer,
  });
  return { ...sampler, forget: model.forget };
};

/** The adapter of a snapshot, if it changes anything. */
const adapterOf = ({ adapter }: QuantisedSnapshot): Adapter | undefined =>
  adapter && adapter.lora.targets.length > 0 ? adapter : undefined;

const createBackend = (model: FrozenModel, cache: PrefixCache, V: number): Backend<QuantisedSnapshot, Row> => {
  /** Given tokens that were taken in since rows were last decoded. */
  let taken = 0;

  const nextPiece = ({ pieces, cached }: Row): Chunk | undefined => pieces[cached.fed.length];
  /** The prompt is in the cache, and nothing was drawn yet. */
  const atEnd = (row: Row): boolean => !nextPiece(row) && row.job.drawn.ids.length === 0;
  const drawFirst = (row: Row, draw: Draw<Row>): void => {
    if (row.cached.end) draw(row, row.cached.end.probabilities);
  };
  const stepRow = ({ cached, job, adapter }: Row, ids: readonly number[]): StepRow => ({
    length: cached.length,
    ids,
    inverseTemperature: job.inverseTemperature,
    slot: adapter?.slot,
  });

  /** Takes in the next piece of a prompt, unless another row has been fed the same. */
  const extend = async (row: Row, draw: Draw<Row>): Promise<void> => {
    const { cached, pieces, job } = row;
    const { inverseTemperature } = job;
    cache.adopt(cached, pieces, inverseTemperature);
    const piece = nextPiece(row);
    if (!piece) return drawFirst(row, draw);
    if (piece.mode === "decode") return;
    taken += piece.ids.length;
    cache.reserve(1, cached.length + piece.ids.length);
    const probabilities = await model.run({ cache, first: cached.index, rows: [stepRow(row, piece.ids)] });
    cached.fed.push(piece);
    cached.length += piece.ids.length;
    if (nextPiece(row)) return;
    cached.end = { pieces: pieces.length, inverseTemperature, probabilities: probabilities.slice() };
    drawFirst(row, draw);
  };

  /** Feeds one token to each row. */
  const decode = async (batch: readonly Row[], draw: Draw<Row>): Promise<void> => {
    taken = 0;
    cache.reserve(model.fewestRows, cache.longest() + 1);
    const { first, count } = cache.span(model.fewestRows);
    const given = batch.map((row): Chunk => nextPiece(row) ?? { mode: "decode", ids: row.job.drawn.ids.slice(-1) });
    const rows = Array.from(
      { length: count },
      (_, i): StepRow => ({
        length: cache.rowAt(first + i)?.length ?? 0,
        ids: undefined,
        inverseTemperature: 1,
        slot: undefined,
      }),
    );
    batch.forEach((row, i) => {
      rows[row.cached.index - first] = stepRow(row, (given[i] as Chunk).ids);
    });
    const probabilities = await model.run({ cache, first, rows });
    batch.forEach((row, i) => {
      const at = row.cached.index - first;
      const replayed = nextPiece(row) !== undefined;
      row.cached.fed.push(given[i] as Chunk);
      row.cached.length += 1;
      if (!replayed) draw(row, probabilities.subarray(at * V, (at + 1) * V));
    });
  };

  return {
    prepare: ({ snapshot }) => {
      const adapter = adapterOf(snapshot);
      return adapter && !model.slotsFor(adapter) ? model.admit(adapter) : undefined;
    },
    admit: (job) => {
      const { version } = job.snapshot;
      const adapter = adapterOf(job.snapshot);
      const slots = adapter && model.slotsFor(adapter);
      const slot = adapter && slots?.acquire(version, adapter);
      if (slots && !slot) return undefined;
      const place = slots && slot && { slots, slot };
      const pieces = piecesOf(job.plan, PIECE_TOKENS);
      const cached = cache.acquire(version, job.request.history, pieces);
      if (!cached) {
        place?.slots.leave(place.slot);
        return undefined;
      }
      cache.adopt(cached, pieces, job.inverseTemperature);
      return { job, pieces, cached, adapter: place };
    },
    next: (active) => {
      const ready = active.filter(atEnd);
      if (ready.length > 0)
        return {
          batch: ready,
          run: async (draw) => {
            for (const row of ready) drawFirst(row, draw);
          },
        };
      const extending = active.find((row) => nextPiece(row)?.mode === "extend");
      const decoding = active.filter((row) => nextPiece(row)?.mode !== "extend");
      return extending && (decoding.length === 0 || taken < PATIENCE_TOKENS)
        ? { batch: [extending], run: (draw) => extend(extending, draw) }
        : { batch: decoding, run: (draw) => decode(decoding, draw) };
    },
    leave: ({ cached, adapter }, outcome) => {
      adapter?.slots.leave(adapter.slot);
      cache.leave(cached);
      if (outcome === "failed") cache.clear(cached);
    },
    release: cache.release,
    dispose: model.dispose,
  };
};
