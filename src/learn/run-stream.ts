import { setMaxListeners } from "node:events";
import type { Clock } from "../clock.ts";
import { messageOf } from "../errors.ts";
import { eventStream } from "../event-stream.ts";
import type { Emit, LearnEvent, LearnFinish, LearnHappening } from "./event.ts";
import type { LearnSignals } from "./options.ts";
import type { LearnReport } from "./report.ts";

/** A run of learning under way: its events, for one reader, and its report. */
export interface LearnRun<Report = LearnReport> extends AsyncIterable<LearnEvent<Report>> {
  /** Rejects when the run fails or is aborted. A run that was stopped has a report. */
  readonly report: Promise<Report>;
}

/**
 * Starts a run at once, numbers its events and ends them with exactly one `finish`. A reader who leaves early aborts it.
 * After the last event, the reader's loop throws what the report rejects with.
 */
export const runStream = <Report>(
  { abortSignal, stopSignal }: LearnSignals,
  work: (emit: Emit, abortSignal: AbortSignal) => Promise<Report>,
  isInterrupted: (report: Report) => boolean,
): LearnRun<Report> => {
  let sequence = 0;
  const stream = eventStream<LearnEvent<Report>, Report>(
    async (listen, signal) => {
      // Every solve under way listens to it.
      setMaxListeners(0, signal);
      const tell = (happening: LearnHappening | LearnFinish<Report>): void => {
        sequence += 1;
        listen({ schemaVersion: 1, sequence, ...happening });
      };
      try {
        const report = await work(tell, signal);
        tell({ type: "finish", status: isInterrupted(report) ? "interrupted" : "finished", report });
        return report;
      } catch (error) {
        // Before the first step, to stop is to abort.
        const aborted = signal.aborted || (stopSignal?.aborted === true && error === stopSignal.reason);
        tell({ type: "finish", status: aborted ? "aborted" : "failed", error: messageOf(error) });
        throw error;
      }
    },
    { abortSignal },
  );
  // A caller that only reads the events learns it from them.
  stream.result.catch(() => undefined);
  const read = async function* (): AsyncGenerator<LearnEvent<Report>> {
    try {
      yield* stream;
    } finally {
      // Whoever leaves early finds the run's folder at rest, and can resume it.
      await stream.result.catch(() => undefined);
    }
  };
  return { report: stream.result, [Symbol.asyncIterator]: read };
};

/** Seconds on a clock. */
export const secondsOf =
  (clock: Clock): (() => number) =>
  () =>
    clock.now() / 1000;
