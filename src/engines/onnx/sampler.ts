import type { Sample, SampleRequest } from "../../engine.ts";
import { EngineError } from "../../errors.ts";
import { uniform } from "../../random.ts";
import { type Chunk, extendsPlan, feedPlan } from "./feed-plan.ts";
import { decodingGraph, extensionGraph } from "./graphs.ts";
import { growingBlocks } from "./growing-blocks.ts";
import { invariantThreads } from "./invariant-threads.ts";
import { createKeyValueCache, type Slot } from "./key-value-cache.ts";
import type { ModelConfig } from "./model-config.ts";
import { ropeTables } from "./rope.ts";
import { type DType, floatsOf, type Runtime, type Tensor } from "./runtime.ts";
import { bindings, type Weights } from "./weights.ts";

/** Published weights: immutable, named by their content. */
export interface Snapshot {
  readonly version: string;
  readonly weights: Weights;
}

/**
 * Continuous batching over all concurrent histories. Rows that have given tokens to take in are extended together, rows
 * that are sampling are decoded together, and rows come and go between runs. A row's bits do not depend on what shares
 * its batch, as long as a batch never has one row: what is sampled is a function of (weights, prompt, random key).
 */
export interface Sampler {
  sample(request: SampleRequest, snapshot: Snapshot): Promise<Sample>;
  release(history: string): void;
  dispose(): void;
}

interface Job {
  readonly request: SampleRequest;
  readonly snapshot: Snapshot;
  readonly plan: readonly Chunk[];
  readonly limit: number;
  readonly inverseTemperature: number;
  slot: Slot | undefined;
  /** Index of the chunk that is next, and how many ids of a decode chunk were fed. */
  chunk: number;
  fed: number;
  readonly ids: number[];
  readonly logProbs: number[];
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
}

/** Padded tokens of one extension run: activations stay near the caches. */
const EXTENSION_TOKENS = 1024;
/** Keys are looked at up to a multiple of this, so that padding never changes the order of a sum. */
const REACH_STEP = 64;
/** Decoding goes on while fewer rows than this wait to be extended. */
const EXTENSION_ROWS = 24;

export const createSampler = (
  runtime: Runtime,
  config: ModelConfig,
  {
    slots = 192,
    capacity = config.max_position_embeddings,
    exclusive,
  }: {
    readonly slots?: number;
    readonly capacity?: number;
    /** Runs one native call at a time, with the trainer's. */
    readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>;
  },
): Sampler => {
  const cache = createKeyValueCache(runtime, config, { slots, capacity });
  const threads = invariantThreads(config, runtime.description.threads);
  const load = (model: ReturnType<typeof extensionGraph>) => runtime.session(model.bytes, { ...model, threads });
  const extension = load(extensionGraph(config));
  const decoding = load(decodingGraph(config));
  const { cos, sin } = ropeTables(config);
  const tensorOf = (dtype: DType, values: Float32Array | BigInt64Array, shape: readonly number[]): Tensor => {
    const memory = runtime.allocate(dtype, values.length);
    memory.data.set(values as never);
    return runtime.tensor(memory, shape);
  };
  const half = config.head_dim / 2;
  const angles = {
    cos: tensorOf("float32", cos, [config.max_position_embeddings, half]),
    sin: tensorOf("float32", sin, [config.max_position_embeddings, half]),
  };
  const reach = tensorOf(
    "int64",
    BigInt64Array.from({ length: capacity }, (_, i) => BigInt(i)),
    [capacity],
  );
  const block = growingBlocks(runtime);
  const V = config.vocab_size;
  const K = config.num_key_value_heads;

  const waiting: Job[] = [];
  const active = new Set<Job>();
  let working = false;
  let disposed = false;

  const nextChunk = (job: Job): Chunk | undefined => job.plan[job.chunk];
  const extending = (job: Job): boolean => nextChunk(job)?.mode === "extend";

  const end = (job: Job): void => {
    active.delete(job);
    if (job.slot) job.slot.busy = false;
    job.slot = undefined;
  };
  const fail = (job: Job, reason: unknown): void => {
    const { slot } = job;
    end(job);
    if (slot?.key !== undefined) cache.release((key) => key === slot.key);
    job.reject(reason);
  };

  /** Takes one token for `job` from row `row` of a distribution. */
  const draw = (job: Job, probabilities: Float32Array, row: number): void => {
    const start = row * V;
    let token = 0;
    let total = 0;
    for (let v = 0; v < V; v += 1) total += probabilities[start + v] as number;
    if (!Number.isFinite(total)) {
      fail(
        job,
        new EngineError("The next-token distribution is not finite: the weights are damaged or training diverged."),
      );
      return;
    }
    if (job.request.temperature === 0) {
      for (let v = 1; v < V; v += 1)
        if ((probabilities[start + v] as number) > (probabilities[start + token] as number)) token = v;
    } else {
      let rest = uniform(job.request.randomKey, job.ids.length) * total;
      while (token < V - 1) {
        rest -= probabilities[start + token] as number;
        if (rest < 0) break;
        token += 1;
      }
    }
    job.ids.push(token);
    job.logProbs.push(Math.log(probabilities[start + token] as number));
    const stopped = job.request.stopIds.includes(token);
    if (!stopped && job.ids.length < job.limit) return;
    const slot = job.slot as Slot;
    slot.plan = job.ids.length > 1 ? [...job.plan, { mode: "decode", ids: job.ids.slice(0, -1) }] : job.plan;
    end(job);
    job.resolve({
      ids: job.ids,
      logProbs: job.logProbs,
      stopReason: stopped ? "stop" : "length",
      version: job.snapshot.version,
    });
  };

  /** Gives waiting jobs a row, and drops what was aborted. */
  const admit = (): void => {
    for (const job of [...active]) if (job.request.abortSignal?.aborted) fail(job, job.request.abortSignal.reason);
    for (let i = 0; i < waiting.length; ) {
      const job = waiting[i] as Job;
      if (job.request.abortSignal?.aborted) {
        waiting.splice(i, 1);
        job.reject(job.request.abortSignal.reason);
        continue;
      }
      const slot = cache.acquire(`${job.snapshot.version}/${job.request.history}`);
      if (!slot) {
        i += 1;
        continue;
      }
      waiting.splice(i, 1);
      // A row is reused only where it holds the beginning of this very history, fed in the same split.
      if (!extendsPlan(job.plan, slot.plan) || slot.plan.length >= job.plan.length) {
        slot.plan = [];
        slot.length = 0;
      }
      job.slot = slot;
      job.chunk = slot.plan.length;
      active.add(job);
    }
  };

  const extend = async (jobs: readonly Job[], snapshot: Snapshot): Promise<void> => {
    // Rollouts of a group start with the same prompt: it is taken in once and copied.
    const first = new Map<string, Job>();
    const copies = new Map<Job, Job[]>();
    for (const job of jobs) {
      const ids = (nextChunk(job) as Chunk).ids;
      const key = (job.slot as Slot).length === 0 ? `${job.inverseTemperature}:${ids.join()}` : "";
      const original = key === "" ? undefined : first.get(key);
      if (original) copies.get(original)?.push(job);
      else {
        if (key !== "") first.set(key, job);
        copies.set(job, []);
      }
    }
    const order = [...copies.keys()].sort(
      (a, b) => (nextChunk(a) as Chunk).ids.length - (nextChunk(b) as Chunk).ids.length,
    );
    for (let at = 0; at < order.length; ) {
      let count = 1;
      while (
        at + count < order.length &&
        (count + 1) * (nextChunk(order[at + count] as Job) as Chunk).ids.length <= EXTENSION_TOKENS
      )
        count += 1;
      const rows = order.slice(at, at + count);
      at += count;
      const B = Math.max(2, rows.length);
      const T = (nextChunk(rows.at(-1) as Job) as Chunk).ids.length;
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
        const job = rows[row];
        const given = job ? (nextChunk(job) as Chunk).ids : [0];
        const start = job?.slot?.length ?? 0;
        longest = Math.max(longest, start + given.length);
        (slotRows.memory.data as BigInt64Array)[row] = BigInt(job?.slot?.index ?? cache.scratch);
        (last.memory.data as BigInt64Array)[row] = BigInt(row * T + given.length - 1);
        inverseData[row] = job?.inverseTemperature ?? 1;
        for (let t = 0; t < T; t += 1) {
          const real = t < given.length;
          idData[row * T + t] = BigInt(given[t] ?? 0);
          positionData[row * T + t] = BigInt(Math.min(start + t, capacity - 1));
          for (let head = 0; head < K; head += 1) {
            const cell = ((row * K + head) * T + t) * 3;
            placeData[cell] = BigInt(real ? (job?.slot?.index ?? cache.scratch) : cache.scratch);
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
            reach: runtime.tensor(reach.memory, [seen]),
            last,
            inverseTemperature: inverse,
          },
          { ...all.outputs, probabilities: out },
        ),
      );
      const probabilities = floatsOf(out);
      rows.forEach((job, row) => {
        const given = (nextChunk(job) as Chunk).ids.length;
        for (const copy of copies.get(job) ?? []) cache.copy(job.slot as Slot, copy.slot as Slot, given);
        for (const each of [job, ...(copies.get(job) ?? [])]) {
          (each.slot as Slot).length += given;
          each.chunk += 1;
          if (each.chunk === each.plan.length) draw(each, probabilities, row);
        }
      });
    }
  };

  const decode = async (jobs: readonly Job[], snapshot: Snapshot): Promise<void> => {
    const indices = jobs.map((job) => (job.slot as Slot).index);
    const lowest = Math.min(...indices);
    const first = Math.min(lowest, cache.scratch - 1);
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
    for (const job of jobs) {
      const row = (job.slot as Slot).index - first;
      const token = nextChunk(job)?.ids[job.fed] ?? job.ids.at(-1);
      idData[row] = BigInt(token as number);
      inverseData[row] = job.inverseTemperature;
    }
    (longest.memory.data as Int32Array)[0] = reached + 1;
    const out = block("probabilities", "float32", [B, V]);
    const part = cache.bind(first, B);
    await exclusive(() =>
      decoding.run(
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
    for (const job of jobs) {
      const slot = job.slot as Slot;
      slot.length += 1;
      const replayed = nextChunk(job);
      if (!replayed) {
        draw(job, probabilities, slot.index - first);
        continue;
      }
      job.fed += 1;
      if (job.fed === replayed.ids.length) {
        job.chunk += 1;
        job.fed = 0;
      }
    }
  };

  const work = async (): Promise<void> => {
    working = true;
    while (!disposed) {
      // Lets flows whose turn has just ended ask for their next one before rows are chosen.
      await new Promise(setImmediate);
      admit();
      const oldest = active.values().next().value;
      if (!oldest) {
        if (waiting.length === 0) break;
        continue;
      }
      const jobs = [...active].filter((job) => job.snapshot === oldest.snapshot);
      const toExtend = jobs.filter(extending);
      const toDecode = jobs.filter((job) => !extending(job));
      const batch = toDecode.length === 0 || toExtend.length >= EXTENSION_ROWS ? toExtend : toDecode;
      try {
        await (batch === toExtend ? extend(batch, oldest.snapshot) : decode(batch, oldest.snapshot));
      } catch (failure) {
        for (const job of batch) fail(job, failure);
      }
    }
    working = false;
  };

  return {
    sample: (request, snapshot) =>
      new Promise<Sample>((resolve, reject) => {
        const plan = feedPlan(request.prompt);
        const length = plan.reduce((sum, { ids }) => sum + ids.length, 0);
        if (disposed) throw new EngineError("This engine is closed.");
        if (plan.at(-1)?.mode !== "extend") throw new EngineError("A prompt must end with at least one given token.");
        const limit = Math.min(request.maxTokens, capacity - length);
        if (limit < 1)
          throw new EngineError(`A prompt of ${length} tokens leaves no room in a context of ${capacity}.`);
        const temperature = request.temperature ?? 1;
        for (const { ids } of plan) {
          for (const id of ids) {
            // Refused here: in a batch it would fail everybody's run.
            if (!Number.isInteger(id) || id < 0 || id >= V)
              throw new EngineError(`Token id ${id} is not inside the vocabulary of ${V}.`);
          }
        }
        if (!(temperature >= 0)) throw new EngineError(`temperature must be 0 or more, received ${temperature}.`);
        waiting.push({
          request,
          snapshot,
          plan,
          limit,
          inverseTemperature: temperature === 0 ? 1 : 1 / temperature,
          slot: undefined,
          chunk: 0,
          fed: 0,
          ids: [],
          logProbs: [],
          resolve,
          reject,
        });
        if (!working) void work();
      }),
    release: (history) => cache.release((key) => key.endsWith(`/${history}`)),
    dispose: () => {
      disposed = true;
      for (const job of [...waiting.splice(0), ...active]) job.reject(new EngineError("This engine was closed."));
      active.clear();
      extension.dispose();
      decoding.dispose();
    },
  };
};
