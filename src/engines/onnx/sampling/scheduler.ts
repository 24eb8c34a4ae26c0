import { isPlainDraw, type Sample, type SampleRequest } from "../../../engine.ts";
import { EngineError } from "../../../errors.ts";
import { type Chunk, feedPlan } from "../carriers/feed-plan.ts";
import type { Published } from "../versions.ts";
import { type Continuation, type Pick, startContinuation, type TextRules } from "./continuation.ts";

/** A request under way. */
export interface Job<S extends Published> {
  readonly request: SampleRequest;
  readonly snapshot: S;
  /** The prompt, in the canonical split. */
  readonly plan: readonly Chunk[];
  readonly inverseTemperature: number;
  readonly drawn: Continuation;
}

/** What feeds tokens to a model: rows of a cache, and runs of graphs over them. A row belongs to one job at a time. */
export interface Backend<S extends Published, Row extends { readonly job: Job<S> }> {
  /** What must be done before a job can have a row, if anything; no run is under way meanwhile. */
  prepare?(job: Job<S>): Promise<void> | undefined;
  /** A row for a job; undefined while there is none. */
  admit(job: Job<S>): Row | undefined;
  /** Chooses rows that go together; `run` takes one step with them, and hands distributions to `draw`. */
  next(active: readonly Row[]): { readonly batch: readonly Row[]; run(draw: Draw<Row>): Promise<void> };
  /** The job of a row has ended; after a failure what the row holds is in doubt. */
  leave(row: Row, outcome: "complete" | "failed"): void;
  release(history: string): void;
  dispose(): void;
}

/** Draws a row's next token from its distribution. */
export type Draw<Row> = (row: Row, probabilities: Float32Array) => void;

/**
 * Continuous batching over all concurrent histories: rows come and go between runs. What is sampled is a function of
 * (weights, prompt, settings, random key), as long as a backend's rows do not depend on what shares their batch.
 */
export interface SamplerOf<S extends Published> {
  sample(request: SampleRequest, snapshot: S): Promise<Sample>;
  /** Says that a history has ended. */
  release(history: string): void;
  dispose(): void;
}

interface Waiting<S extends Published> {
  readonly job: Job<S>;
  readonly resolve: (sample: Sample) => void;
  readonly reject: (reason: unknown) => void;
}

interface SchedulerOptions {
  readonly vocabularySize: number;
  /** Tokens of a prompt and its sample together. */
  readonly contextLength: number;
  readonly pick: Pick;
  /** Whether a backend's distributions are the trainer's, but for rounding. */
  readonly exact: boolean;
  readonly text?: TextRules | undefined;
}

export const createScheduler = <S extends Published, Row extends { readonly job: Job<S> }>(
  backend: Backend<S, Row>,
  { vocabularySize, contextLength, pick, exact, text }: SchedulerOptions,
): SamplerOf<S> => {
  const waiting: Waiting<S>[] = [];
  const active = new Map<Row, Waiting<S>>();
  let working = false;
  let disposed = false;

  const fail = (row: Row, reason: unknown): void => {
    const entry = active.get(row);
    if (!entry) return;
    active.delete(row);
    backend.leave(row, "failed");
    entry.reject(reason);
  };

  const draw: Draw<Row> = (row, probabilities) => {
    const entry = active.get(row);
    if (!entry) return;
    const { drawn, request, snapshot } = row.job;
    let stopReason: Sample["stopReason"] | undefined;
    try {
      stopReason = drawn.take(probabilities);
    } catch (failure) {
      fail(row, failure);
      return;
    }
    if (!stopReason) return;
    active.delete(row);
    backend.leave(row, "complete");
    entry.resolve({
      ids: drawn.ids,
      logProbs: drawn.logProbs,
      exact: exact && isPlainDraw(request),
      stopReason,
      version: snapshot.version,
    });
  };

  /** Gives waiting jobs a row, and drops what was aborted. */
  const admit = async (): Promise<void> => {
    for (const row of [...active.keys()]) {
      const signal = row.job.request.abortSignal;
      if (signal?.aborted) fail(row, signal.reason);
    }
    for (let i = 0; i < waiting.length && !disposed; ) {
      const entry = waiting[i] as Waiting<S>;
      const signal = entry.job.request.abortSignal;
      try {
        signal?.throwIfAborted();
        const preparing = backend.prepare?.(entry.job);
        if (preparing) await preparing;
        if (disposed) return;
        const row = backend.admit(entry.job);
        if (row) active.set(row, entry);
        else {
          i += 1;
          continue;
        }
      } catch (failure) {
        entry.reject(failure);
      }
      waiting.splice(waiting.indexOf(entry), 1);
    }
  };

  const work = async (): Promise<void> => {
    working = true;
    while (!disposed) {
      // Lets flows whose turn has just ended ask for their next one before rows are chosen.
      await new Promise(setImmediate);
      if (disposed) break;
      let batch: readonly Row[] = [];
      try {
        await admit();
        if (active.size === 0) {
          if (waiting.length === 0) break;
          continue;
        }
        const step = backend.next([...active.keys()]);
        batch = step.batch;
        await step.run(draw);
      } catch (failure) {
        for (const row of batch) fail(row, failure);
      }
    }
    working = false;
  };

  const jobOf = (request: SampleRequest, snapshot: S): Job<S> => {
    const plan = feedPlan(request.prompt);
    const length = plan.reduce((sum, { ids }) => sum + ids.length, 0);
    if (disposed) throw new EngineError("This engine is closed.");
    if (plan.at(-1)?.mode !== "extend") throw new EngineError("A prompt must end with at least one given token.");
    const limit = Math.min(request.maxTokens, contextLength - length);
    if (limit < 1)
      throw new EngineError(`A prompt of ${length} tokens leaves no room in a context of ${contextLength}.`);
    for (const { ids } of plan) {
      for (const id of ids) {
        // Refused here: in a batch it would fail everybody's run.
        if (!Number.isInteger(id) || id < 0 || id >= vocabularySize)
          throw new EngineError(`Token id ${id} is not inside the vocabulary of ${vocabularySize}.`);
      }
    }
    const drawn = startContinuation(request, { limit, pick, text });
    const temperature = request.temperature ?? 1;
    return { request, snapshot, plan, inverseTemperature: temperature === 0 ? 1 : 1 / temperature, drawn };
  };

  return {
    sample: (request, snapshot) =>
      new Promise<Sample>((resolve, reject) => {
        waiting.push({ job: jobOf(request, snapshot), resolve, reject });
        if (!working) void work();
      }),
    release: (history) => backend.release(history),
    dispose: () => {
      disposed = true;
      for (const { reject } of [...waiting.splice(0), ...active.values()])
        reject(new EngineError("This engine was closed."));
      active.clear();
      backend.dispose();
    },
  };
};
