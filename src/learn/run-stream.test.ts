import { describe, expect, it } from "vitest";
import { readRun } from "../../test/learn-double.ts";
import { fixedClock } from "../testing/index.ts";
import type { Emit, LearnEvent } from "./event.ts";
import type { LearnSignals } from "./options.ts";
import { runStream, secondsOf } from "./run-stream.ts";

interface Report {
  readonly interrupted: boolean;
}
type Work = (emit: Emit, abortSignal: AbortSignal) => Promise<Report>;

const wasInterrupted = ({ interrupted }: Report): boolean => interrupted;
const start = (work: Work, signals: LearnSignals = {}) => runStream(signals, work, wasInterrupted);
const stage = (emit: Emit, name: string): void => emit({ type: "stage", stage: name });
/** Waits for the signal, and for a moment longer, as somebody does who tidies up. */
const untilAborted = (abortSignal: AbortSignal): Promise<void> =>
  new Promise((resolve) => abortSignal.addEventListener("abort", () => setTimeout(resolve, 5)));

describe("the events of a run", () => {
  it("are numbered from 1, and end with one finish that has the report", async () => {
    const { events, report } = await readRun(
      start(async (emit) => {
        stage(emit, "one");
        await Promise.resolve();
        stage(emit, "two");
        return { interrupted: false };
      }),
    );
    expect(events).toEqual([
      { schemaVersion: 1, sequence: 1, type: "stage", stage: "one" },
      { schemaVersion: 1, sequence: 2, type: "stage", stage: "two" },
      { schemaVersion: 1, sequence: 3, type: "finish", status: "finished", report: { interrupted: false } },
    ]);
    expect(report).toEqual({ interrupted: false });
  });

  it("say of a run that was stopped that it was interrupted", async () => {
    const { events } = await readRun(start(async () => ({ interrupted: true })));
    expect(events).toMatchObject([{ type: "finish", status: "interrupted", report: { interrupted: true } }]);
  });

  it("come before the error of a run that fails, which loop and report both throw", async () => {
    const run = start(async (emit) => {
      stage(emit, "one");
      throw new Error("The disk is full.");
    });
    const events: LearnEvent<Report>[] = [];
    await expect(readRun(run, (event) => events.push(event))).rejects.toThrow("The disk is full.");
    await expect(run.report).rejects.toThrow("The disk is full.");
    expect(events).toMatchObject([
      { type: "stage" },
      { sequence: 2, type: "finish", status: "failed", error: "The disk is full." },
    ]);
  });

  it("say of a run that was aborted that it was", async () => {
    const abort = new AbortController();
    const run = start(
      async (emit, abortSignal) => {
        stage(emit, "one");
        await untilAborted(abortSignal);
        throw abortSignal.reason;
      },
      { abortSignal: abort.signal },
    );
    const events: LearnEvent<Report>[] = [];
    const reading = readRun(run, (event) => {
      events.push(event);
      abort.abort(new Error("Enough."));
    });
    await expect(reading).rejects.toThrow("Enough.");
    expect(events.at(-1)).toMatchObject({ type: "finish", status: "aborted", error: "Enough." });
  });

  it("say the same of a run that was told to stop when it had nothing to save", async () => {
    const stop = new AbortController();
    stop.abort(new Error("Later."));
    const statusOf = async (work: Work): Promise<unknown> => {
      const events: LearnEvent<Report>[] = [];
      const run = start(work, { stopSignal: stop.signal });
      await readRun(run, (event) => events.push(event)).catch(() => undefined);
      return events.at(-1);
    };
    expect(await statusOf(() => Promise.reject(stop.signal.reason))).toMatchObject({ status: "aborted" });
    // What fails for another reason has failed.
    expect(await statusOf(() => Promise.reject(new Error("Full.")))).toMatchObject({
      status: "failed",
      error: "Full.",
    });
  });
});

describe("a reader", () => {
  it("who leaves early aborts the run, and goes on once it is at rest", async () => {
    const seen: string[] = [];
    const run = start(async (emit, abortSignal) => {
      stage(emit, "one");
      await untilAborted(abortSignal);
      seen.push("at rest");
      throw abortSignal.reason;
    });
    for await (const event of run) {
      seen.push(event.type);
      break;
    }
    expect(seen).toEqual(["stage", "at rest"]);
    await expect(run.report).rejects.toThrow(/abort/);
  });

  it("is not needed: a run starts at once and keeps its report", async () => {
    let started = false;
    const run = start(async () => {
      started = true;
      return { interrupted: false };
    });
    expect(started).toBe(true);
    expect(await run.report).toEqual({ interrupted: false });
  });

  it("who comes late gets every event", async () => {
    const run = start(async (emit) => {
      stage(emit, "one");
      return { interrupted: false };
    });
    await run.report;
    expect((await readRun(run)).events.map(({ sequence }) => sequence)).toEqual([1, 2]);
  });
});

it("a clock's milliseconds are seconds of a run", () => {
  const clock = fixedClock(500);
  const now = secondsOf(clock);
  clock.advance(1000);
  expect(now()).toBe(1.5);
});
