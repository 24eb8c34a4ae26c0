import { messageOf } from "../errors.ts";
import type { LearnHappening } from "../learn/event.ts";
import type { AskedSettings, LearnRun, LearnSignals } from "../learn/index.ts";
import type { Why, WhyOptions } from "../review/index.ts";
import { RequestError } from "./request-error.ts";
import type { Passing } from "./run-feed.ts";

/** Explains how a run came to solve a task, by the run's folder. */
export type Explain = (
  folder: string,
  task: string,
  options: Pick<WhyOptions, "counterfactual" | "versions" | "abortSignal">,
) => Promise<Why>;

/** How this server trains. Whoever starts it names environment and planner; a request only chooses settings. */
export interface RunStarter {
  start(settings: AskedSettings, signals: LearnSignals): Promise<LearnRun> | LearnRun;
  /** Resumes a run by its folder. */
  resume?(folder: string, signals: LearnSignals): Promise<LearnRun> | LearnRun;
  /** Explains a run's planners. */
  readonly explain?: Explain;
}

/** The run of learning that this process works on, one at a time. */
export interface RunControl {
  /** The id of the run under way. */
  readonly current: string | undefined;
  /** Returns the id once the run has begun. Throws `RequestError` 409 while another one is under way. */
  start(settings: AskedSettings): Promise<string>;
  resume(folder: string): Promise<string>;
  /** After the step under way, or `now`. Throws `RequestError` 409 for a run that is not of this process. */
  stop(id: string, now: boolean): void;
  passing(id: string): Passing | undefined;
  /** Aborts what is under way, and waits for it: it can be resumed. */
  close(): Promise<void>;
}

interface Current {
  id: string | undefined;
  readonly stop: AbortController;
  readonly abort: AbortController;
  readonly listeners: Set<(event: LearnHappening) => void>;
}

/** What is in the folder too, and therefore in its feed. */
const stored = new Set<string>([
  "run-start",
  "evaluation-end",
  "baselines-end",
  "step-end",
  "validation-end",
  "finish",
]);

export const runControl = (starter: RunStarter | undefined, onFault: (error: unknown) => void): RunControl => {
  let current: Current | undefined;
  let ended: Promise<void> = Promise.resolve();
  const begin = async (open: (signals: LearnSignals) => Promise<LearnRun> | LearnRun): Promise<string> => {
    if (current !== undefined)
      throw new RequestError(409, `The run ${current.id ?? "that was started before"} is under way: one at a time.`, {
        code: "run_under_way",
      });
    const mine: Current = {
      id: undefined,
      stop: new AbortController(),
      abort: new AbortController(),
      listeners: new Set(),
    };
    current = mine;
    return new Promise<string>((begun, failed) => {
      const work = async (): Promise<void> => {
        try {
          const run = await open({ stopSignal: mine.stop.signal, abortSignal: mine.abort.signal });
          for await (const event of run) {
            if (event.type === "run-start") {
              mine.id = event.run;
              begun(event.run);
            }
            if (event.type !== "finish" && !stored.has(event.type)) for (const tell of mine.listeners) tell(event);
          }
        } catch (error) {
          if (mine.id !== undefined && !mine.abort.signal.aborted) onFault(error);
          failed(
            new RequestError(400, `The run did not begin: ${messageOf(error)}`, { code: "run_failed", cause: error }),
          );
        } finally {
          current = undefined;
        }
      };
      ended = work();
    });
  };
  const needed = (): RunStarter => {
    if (starter !== undefined) return starter;
    throw new RequestError(501, "This server does not train: it was started without an environment to learn in.", {
      code: "no_training",
    });
  };
  return {
    get current() {
      return current?.id;
    },
    start: async (settings) => {
      const { start } = needed();
      return begin((signals) => start(settings, signals));
    },
    resume: async (folder) => {
      const { resume } = needed();
      if (resume === undefined)
        throw new RequestError(501, "This server does not resume runs.", { code: "no_training" });
      return begin((signals) => resume(folder, signals));
    },
    stop: (id, now) => {
      if (current?.id !== id)
        throw new RequestError(409, `The run ${id} is not under way in this server.`, { code: "not_under_way" });
      if (now) current.abort.abort();
      else current.stop.abort();
    },
    passing: (id) => {
      const mine = current;
      if (mine === undefined || mine.id !== id) return undefined;
      return (listen) => {
        mine.listeners.add(listen);
        return () => void mine.listeners.delete(listen);
      };
    },
    close: async () => {
      current?.abort.abort();
      await ended;
    },
  };
};
