import { AsyncLocalStorage } from "node:async_hooks";
import { type Clock, systemClock } from "../clock.ts";
import type { ChatTemplate, Tokenizer } from "../engine.ts";
import type { EnvironmentSource } from "../environment.ts";
import { ConfigError, EngineError, messageOf } from "../errors.ts";
import {
  abortSignal as aSignal,
  callback,
  checked,
  count,
  name,
  objectWith,
  type Rules,
  required,
} from "../options.ts";
import type { CallPlace, Reply, ReplyLog } from "../reply-log.ts";
import { openCalls, RunGone } from "../workers/calls.ts";
import type { Job } from "../workers/dispatcher.ts";
import type { ReplyPlace } from "../workers/kept-replies.ts";
import type { Message, WorkerLink } from "../workers/queue.ts";
import { workerEngine } from "../workers/worker-engine.ts";
import type { RunAbout } from "./offer.ts";
import { secondsOf } from "./run-stream.ts";
import { type Learning, openLearning } from "./start.ts";

/** What a worker reads prompts with. */
export interface WorkerTexts {
  readonly tokenizer: Tokenizer;
  readonly chat?: ChatTemplate | undefined;
}

export interface WorkOptions {
  /** `joinQueue(address)`; it is closed at the end. */
  readonly link: WorkerLink;
  /** The run's environment, named again: nothing is opened because a run says so. */
  readonly environment: EnvironmentSource;
  /** The tokenizer of the run's planner, by its name; `tokenizer` is the tokenizer.json of one that was made for the run. */
  readonly texts: (planner: { readonly name: string; readonly tokenizer?: unknown }) => Promise<WorkerTexts>;
  /** This worker's name, its own among all of a run. Trajectories bear it. */
  readonly name: string;
  /** Solves under way at once. @default 8 */
  readonly concurrency?: number | undefined;
  /** How long the run may give no sign of life. @default 120 */
  readonly patienceSeconds?: number | undefined;
  /** Called when the worker is ready. */
  readonly onReady?: ((run: string) => void) | undefined;
  /** Called after each solve, with how many there were. */
  readonly onSolve?: ((solves: number) => void) | undefined;
  /** Gives back what is under way, and ends. */
  readonly abortSignal?: AbortSignal | undefined;
  /** @default the machine's clock */
  readonly clock?: Clock | undefined;
}

const workRules: Rules<WorkOptions> = {
  link: required(objectWith("a worker's end of a queue", "send", "ended", "close")),
  environment: required(objectWith("an environment", "open")),
  texts: required(callback),
  name: required(name),
  concurrency: count,
  patienceSeconds: count,
  onReady: callback,
  onSolve: callback,
  abortSignal: aSignal,
  clock: objectWith("a clock", "now", "after"),
};

/** A solve under way, for what is asked beneath it. */
interface Attempt {
  readonly call: (what: Message, abortSignal?: AbortSignal) => Promise<Message>;
  /** How often each call of a tool was made. */
  readonly times: Map<string, number>;
}

/**
 * Works for a run: takes solves from its queue, does them with the environment's tools, and gives back trajectories, until
 * the run ends. Its model is sampled where the run has it. Returns how many solves it did. Throws `ConfigError` for an
 * environment that is not the run's, `EngineError` when the run cannot be reached any more.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { work } from "agentflow/learn";
 * import { workerTexts } from "agentflow/setup";
 * import { joinQueue } from "agentflow/workers";
 *
 * const link = await joinQueue("runs/2026-11-29-1412-7f3a");
 * await work({ link, environment: almanac(), texts: workerTexts("agentflow-tiny"), name: "first" });
 * ```
 */
export const work = async (options: WorkOptions): Promise<number> => {
  const {
    link,
    name: worker,
    clock = systemClock,
    patienceSeconds = 120,
    concurrency = 8,
  } = checked("work", options, workRules);
  const { onReady, onSolve, abortSignal = new AbortController().signal } = options;
  const calls = openCalls({ link, worker, clock, patienceSeconds });
  const current = new AsyncLocalStorage<Attempt>();
  let learning: Learning | undefined;
  let beat: () => void = () => undefined;
  let solves = 0;
  try {
    const about = await calls.call({ type: "hello" });
    if (!isRunAbout(about))
      throw new EngineError(
        `The run speaks protocol ${JSON.stringify(about.protocol) ?? "none"} of workers, and this worker protocol 2: start both with the same version of agentflow.`,
      );
    // From here on the run hears of this worker.
    const live = (): void => {
      beat = clock.after(250 * about.leaseSeconds, live);
      calls.call({ type: "beat" }).catch(() => undefined);
    };
    live();
    learning = await openAs(about, options, current, clock);
    const flows = { before: learning.flowBefore, evaluation: learning.flow, training: learning.practice.flow };
    onReady?.(about.run);

    const solve = async (job: Job, attempt: number): Promise<void> => {
      const ending = new AbortController();
      const call: Attempt["call"] = async (what, signal) => {
        const answer = await calls.call({ ...what, job: job.id, attempt }, signal);
        if (answer.gone !== true) return answer;
        ending.abort(new ConfigError("Another worker has this solve now."));
        throw ending.signal.reason;
      };
      const { id, randomKey, versions, from, query } = job;
      const signal = AbortSignal.any([abortSignal, ending.signal]);
      const parts = { id, randomKey, ...(versions && { versions }), ...(from && { from }), abortSignal: signal };
      let done: Message;
      try {
        const { trajectory } = await current.run({ call, times: new Map() }, () => flows[job.flow].solve(query, parts));
        done = { type: "done", trajectory };
      } catch (error) {
        done = { type: "failed", message: messageOf(error) };
      }
      if (signal.aborted) return;
      await call(done).catch((error) => {
        if (!ending.signal.aborted) throw error;
      });
      solves += 1;
      onSolve?.(solves);
    };
    const lane = async (): Promise<void> => {
      while (!abortSignal.aborted) {
        const { job, attempt, ended } = await calls.call({ type: "take" }, abortSignal);
        if (ended === true) return;
        await solve(job as Job, Number(attempt));
      }
    };
    try {
      await Promise.all(Array.from({ length: concurrency }, lane));
    } catch (error) {
      // The run may be over, as other lanes have heard.
      if (!abortSignal.aborted && !(error instanceof RunGone && (await link.ended()))) throw error;
    }
    if (abortSignal.aborted) await calls.call({ type: "leave" }).catch(() => undefined);
    return solves;
  } finally {
    beat();
    await calls.close();
    await learning?.dispose();
  }
};

/** Whether a run says what a worker of this version has to know. */
const isRunAbout = (message: Message): message is Message & RunAbout => {
  const { protocol, run, leaseSeconds, settings, environment, planner, engine } = message;
  const areParts = [settings, environment, planner, engine].every((part) => typeof part === "object" && part !== null);
  return protocol === 2 && typeof run === "string" && Number(leaseSeconds) > 0 && areParts;
};

/** The run's flows in this process: the same settings, environment and modules, with an engine that asks the run. */
const openAs = async (
  { settings, recipe, environment: of, planner, engine: about }: RunAbout,
  { environment: source, texts, abortSignal = new AbortController().signal }: WorkOptions,
  current: AsyncLocalStorage<Attempt>,
  clock: Clock,
): Promise<Learning> => {
  const environment = await source.open({ seed: settings.seed, replies: repliesOf(current), abortSignal });
  if (environment.hash !== of.hash || environment.name !== of.name)
    throw new ConfigError(
      `The run learns on ${of.name} (${of.hash.slice(0, 12)}), and this worker has ${environment.name} (${environment.hash.slice(0, 12)}): start it with the run's --config, or without one.`,
    );
  const { tokenizer, chat } = await texts(planner);
  const call: Attempt["call"] = (what, signal) => {
    const attempt = current.getStore();
    if (attempt === undefined) throw new ConfigError("A worker samples within a solve only.");
    return attempt.call(what, signal);
  };
  const engine = workerEngine({ about, tokenizer, chat, call });
  const { name: plannerName, prompt, verdicts, turnsLeft, marked, references } = planner;
  return openLearning({
    settings,
    environment,
    planner: { name: plannerName, open: async () => ({ engine, prompt, verdicts, turnsLeft, marked, references }) },
    recipe,
    emit: () => undefined,
    now: secondsOf(clock),
    abortSignal,
  });
};

/** Replies of tools, which the run keeps. Outside of a solve nothing is kept. */
const repliesOf = (current: AsyncLocalStorage<Attempt>): ReplyLog => ({
  open: async ({ turn, call: made }: CallPlace) => {
    const attempt = current.getStore();
    if (attempt === undefined) return { known: undefined, keep: async () => undefined };
    const name = JSON.stringify([turn, made]);
    const time = attempt.times.get(name) ?? 0;
    attempt.times.set(name, time + 1);
    const place: ReplyPlace = { turn, call: made, time };
    const { known } = await attempt.call({ type: "reply", place });
    return {
      known: known as Reply | undefined,
      keep: async (reply) => {
        await attempt.call({ type: "keep", place, reply });
      },
    };
  },
});
