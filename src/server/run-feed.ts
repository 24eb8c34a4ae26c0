import { stat } from "node:fs/promises";
import { join } from "node:path";
import { systemClock } from "../clock.ts";
import { holderOf } from "../files/file-lock.ts";
import type { LearnHappening } from "../learn/event.ts";
import { readJson } from "../learn/stored-options.ts";
import { defined } from "../options.ts";
import { parseLine, streamLines } from "../store/lines.ts";
import type { ServerEvent } from "./event-source.ts";

type Row = Readonly<Record<string, unknown>>;

/** Where a run is: a process works on it, it has its report, or it was interrupted. */
export type RunState = "running" | "finished" | "interrupted";

/** What happens in a run of this process and is not stored: progress, stages. */
export type Passing = (listen: (event: LearnHappening) => void) => () => void;

const rowOf = (value: unknown): Row => (typeof value === "object" && value !== null ? (value as Row) : {});
const jsonIn = async (folder: string, name: string): Promise<Row | undefined> => readJson(join(folder, name));

/** Reads where a run is. A report of a run that was stopped early is one of an interrupted run until it is resumed. */
export const runState = async (folder: string): Promise<RunState> => {
  if ((await holderOf(join(folder, ".owner"))) !== undefined) return "running";
  const report = await jsonIn(folder, "report.json");
  return report === undefined || report.interrupted === true ? "interrupted" : "finished";
};

/** Rows of a file that came since the last call. Throws `Shorter` when the file was cut. */
const tailOf = (path: string): (() => Promise<Row[]>) => {
  let read = 0;
  let line = 0;
  return async () => {
    const size = await stat(path).then(
      (found) => found.size,
      () => 0,
    );
    if (size < read) throw new Shorter();
    const rows: Row[] = [];
    if (size > read)
      for await (const bytes of streamLines(path, read)) {
        read += bytes.length;
        line += 1;
        rows.push(rowOf(parseLine(bytes, path, line)));
      }
    return rows;
  };
};

/** A run was resumed from before what was read of it. */
class Shorter extends Error {}

/** The steps of a run as they come: metrics, and the wall time that is stored apart from them. */
const stepsOf = (
  folder: string,
): ((isLive: boolean) => Promise<{ readonly metrics: Row; readonly timings?: Row }[]>) => {
  const [newMetrics, newTimings] = [tailOf(join(folder, "metrics.jsonl")), tailOf(join(folder, "timings.jsonl"))];
  const timings = new Map<unknown, Row>();
  let waiting: Row[] = [];
  return async (isLive) => {
    for (const row of await newMetrics()) waiting.push(row);
    for (const { step, schemaVersion: _, ...times } of await newTimings())
      if (step !== undefined) timings.set(step, times);
    const isWhole = (row: Row, i: number): boolean => !isLive || timings.has(row.index) || i < waiting.length - 1;
    const ready = waiting.filter(isWhole);
    waiting = waiting.slice(ready.length);
    return ready.map(({ schemaVersion: _, ...metrics }) => {
      const times = timings.get(metrics.index);
      timings.delete(metrics.index);
      return { metrics, ...defined({ timings: times }) };
    });
  };
};

/** How often a folder is looked at; what passes in this process is passed on at once. */
const POLL_MS = 1000;
/** Passing events that a slow reader may be behind; older ones are left out. */
const MOST_PASSING = 64;

export interface RunFeedOptions {
  /** The number of the event after which to begin. @default 0: all */
  readonly after?: number;
  readonly passing?: Passing | undefined;
  readonly abortSignal: AbortSignal;
}

/**
 * The events of a run from its folder: the same of a live run, of this process or another, and of one that has ended. Their
 * numbers depend on the folder alone, so that a reader resumes after any of them. What passes and is not stored (progress,
 * the run's state) has no number. Ends with `finish`; a run that was interrupted may be resumed, and is waited for.
 */
export async function* runFeed(folder: string, options: RunFeedOptions): AsyncGenerator<ServerEvent> {
  const { after = 0, passing, abortSignal } = options;
  const held: LearnHappening[] = [];
  let wake = (): void => undefined;
  const stopListening = passing?.((event) => {
    held.push(event);
    if (held.length > MOST_PASSING) held.shift();
    wake();
  });
  abortSignal.addEventListener("abort", () => wake(), { once: true });
  let stored = storedEvents(folder);
  let number = 0;
  let state: RunState | undefined;
  let due = 0;
  try {
    while (!abortSignal.aborted) {
      for (let event = held.shift(); event !== undefined; event = held.shift())
        yield { event: event.type, data: event };
      if (systemClock.now() >= due) {
        due = systemClock.now() + POLL_MS;
        const now = await runState(folder);
        if (now !== state) yield { event: "run-state", data: { type: "run-state", state: now } };
        state = now;
        try {
          for await (const event of stored.next(state)) {
            number += 1;
            if (number > after) yield { id: String(number), event: event.type, data: event };
            if (event.type === "finish") return;
          }
        } catch (error) {
          if (!(error instanceof Shorter)) throw error;
          // Resumed from an earlier step: what follows comes again, by the same numbers.
          yield { event: "reset", data: { type: "reset" } };
          stored = storedEvents(folder);
          number = 0;
          due = 0;
        }
      }
      if (held.length > 0) continue;
      await new Promise<void>((next) => {
        const timer = setTimeout(next, Math.max(0, due - systemClock.now()));
        wake = () => {
          clearTimeout(timer);
          next();
        };
      });
    }
  } finally {
    stopListening?.();
  }
}

/** What a folder holds of a run, in the order in which it happened: each call continues after the last. */
const storedEvents = (folder: string) => {
  const newSteps = stepsOf(folder);
  const seen = new Set<string>();
  let steps: unknown;
  const once = (name: string, value: unknown): boolean => {
    if (value === undefined || seen.has(name)) return false;
    seen.add(name);
    return true;
  };
  async function* next(state: RunState): AsyncGenerator<Row & { readonly type: string }> {
    if (!seen.has("start")) {
      const config = rowOf((await jsonIn(folder, "config.json"))?.config);
      seen.add("start");
      steps = config.steps;
      yield { type: "run-start", config };
    }
    if (!seen.has("steps")) {
      const phases = (await jsonIn(folder, "phases.json")) ?? {};
      for (const phase of ["before", "baselines", "coldStart"] as const) {
        if (!once(phase, phases[phase])) continue;
        if (phase === "baselines") yield { type: "baselines-end", baselines: phases.baselines };
        else yield { type: "evaluation-end", phase, figures: rowOf(phases[phase]).figures };
      }
    }
    for (const { metrics, timings } of await newSteps(state === "running")) {
      seen.add("steps");
      const { validation, ...measured } = metrics;
      const step = Number(metrics.index) + 1;
      yield { type: "step-end", step, steps, metrics: measured, ...defined({ timings }) };
      if (validation !== undefined) yield { type: "validation-end", step, accuracy: validation };
    }
    if (state !== "finished") return;
    const report = await jsonIn(folder, "report.json");
    if (report === undefined) return;
    if (report.after !== undefined) yield { type: "evaluation-end", phase: "after", figures: report.after };
    yield { type: "finish", status: "finished", report };
  }
  return { next };
};
