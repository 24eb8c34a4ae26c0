import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { type Clock, systemClock } from "../clock.ts";
import { AgentFlowError } from "../errors.ts";
import { exists } from "../store/run-folder.ts";
import { neededBy } from "./arm.ts";
import type { ArmContext } from "./arms/context.ts";
import { runArm } from "./arms/run-arm.ts";
import { onlyRun } from "./arms/run-folder.ts";
import type { ReproduceEvent } from "./event.ts";
import type { ReproductionGround } from "./ground.ts";
import { type Ground, keyOf } from "./keys.ts";
import { type Sizes, usual } from "./options.ts";
import type { ArmResult } from "./result.ts";
import type { Results } from "./results.ts";
import { forecaster, type Job } from "./schedule.ts";

/** What is run, and what came of it so far. */
export interface Session extends Omit<ReproductionGround, "claims" | "hashes"> {
  readonly results: Results;
  readonly jobs: readonly Job[];
  readonly ground: Ground;
  readonly steps: number;
  readonly sizes: Sizes;
  /** Results by arm and seed. */
  readonly done: Map<string, Map<number, ArmResult>>;
  /** Why an arm came to nothing, by its name. */
  readonly failed: Map<string, string>;
}

export interface RunJobsOptions {
  readonly minutes?: number | undefined;
  readonly onEvent?: ((event: ReproduceEvent) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
  /** Called after each arm. */
  readonly onResult: () => Promise<void>;
}

/** How it ended: with everything, without what there was no time for, or because somebody stopped it. */
export type Ended = "done" | "out of time" | "interrupted";

const keep = ({ done }: Session, result: ArmResult): void => {
  const bySeed = done.get(result.arm) ?? new Map<number, ArmResult>();
  done.set(result.arm, bySeed.set(result.seed, result));
};

/** Runs what has no result yet, as long as there is time. An arm that fails leaves its claims without a verdict, and no more. */
export const runJobs = async (
  session: Session,
  { minutes = usual.minutes, onEvent, abortSignal, clock = systemClock, onResult }: RunJobsOptions,
): Promise<Ended> => {
  const { jobs, results, arms, ground } = session;
  const begun = clock.now();
  const secondsLeft = (): number => 60 * minutes - (clock.now() - begun) / 1000;
  const forecast = forecaster(session.steps);
  const open: Job[] = [];
  for (const job of jobs) {
    const { arm, seed } = job;
    const known = await results.read(arm.name, seed, keyOf(arms, arm.name, seed, ground));
    if (known === undefined) open.push(job);
    else {
      keep(session, known);
      forecast.took(job, known.seconds);
    }
  }
  onEvent?.({ type: "plan", arms: jobs.length, known: jobs.length - open.length, seconds: forecast.of(open) });
  const isInterrupted = (): boolean => abortSignal?.aborted === true;
  let late = 0;
  for (const [i, job] of open.entries()) {
    if (isInterrupted()) return "interrupted";
    // What an arm needs may have failed, or was left out for want of time; a shorter one may still fit.
    if (whyNot(session, job) !== undefined) continue;
    if (!isReady(session, job) || forecast.of([job]) > secondsLeft()) {
      late += 1;
      continue;
    }
    const left = (): number => Math.min(forecast.of(open.slice(i + 1)), Math.max(0, secondsLeft()));
    const deadline = new AbortController();
    const cancel = clock.after(Math.max(0, 1000 * secondsLeft()), () => deadline.abort());
    const started = clock.now();
    const { arm, seed } = job;
    onEvent?.({
      type: "arm-start",
      arm,
      seed,
      place: jobs.length - open.length + i + 1,
      arms: jobs.length,
      secondsLeft: left() + forecast.of([job]),
    });
    try {
      const result = await runJob(session, job, {
        abortSignal: signalOf(abortSignal, deadline.signal),
        seconds: () => (clock.now() - started) / 1000,
        onProgress: (share, words) =>
          onEvent?.({ type: "arm-progress", arm, seed, words, secondsLeft: left() + (1 - share) * forecast.of([job]) }),
      });
      forecast.took(job, result.seconds);
      onEvent?.({ type: "arm-end", arm, seed, seconds: result.seconds });
      await onResult();
    } catch (error) {
      if (isInterrupted()) return "interrupted";
      if (deadline.signal.aborted) late += 1;
      else if (!(error instanceof AgentFlowError)) throw error;
      else {
        session.failed.set(arm.name, error.message);
        onEvent?.({ type: "arm-failed", arm, seed, why: error.message });
      }
    } finally {
      cancel();
    }
  }
  if (late === 0) return "done";
  onEvent?.({ type: "out-of-time", arms: late });
  return "out of time";
};

const signalOf = (abortSignal: AbortSignal | undefined, deadline: AbortSignal): AbortSignal => {
  const signal = abortSignal === undefined ? deadline : AbortSignal.any([abortSignal, deadline]);
  // Every solve under way listens to it.
  setMaxListeners(0, signal);
  return signal;
};

/** Why an arm cannot be run: one that it needs has failed. */
const whyNot = ({ failed }: Session, { arm }: Job): string | undefined => {
  const needed = neededBy(arm).find((name) => failed.has(name));
  if (needed === undefined) return undefined;
  const why = `it needs ${needed}: ${failed.get(needed)}`;
  failed.set(arm.name, why);
  return why;
};

/** Whether all that an arm needs has a result. */
const isReady = ({ done }: Session, { arm, seed }: Job): boolean =>
  neededBy(arm).every((name) => done.get(name)?.has(seed) === true);

interface JobParts extends Pick<ArmContext, "onProgress" | "abortSignal"> {
  readonly seconds: () => number;
}

const runJob = async (session: Session, { arm, seed }: Job, parts: JobParts): Promise<ArmResult> => {
  const { environment, planner, recipe, steps, sizes, results, arms, ground, done } = session;
  const key = keyOf(arms, arm.name, seed, ground);
  const folderOf = (name: string): string => results.workOf(name, seed, keyOf(arms, name, seed, ground));
  const made = await runArm(arm, {
    environment,
    planner,
    recipe,
    steps,
    sizes,
    seed,
    // What was shown is the same for all seeds.
    folder: arm.kind === "cold start" ? results.workOf(arm.name, 0, ground.code.slice(0, 12)) : folderOf(arm.name),
    resultOf: (name) => {
      const result = done.get(name)?.get(seed);
      if (result === undefined) throw new RangeError(`${arm.name} needs ${name}, which has not been run.`);
      return result;
    },
    folderOf,
    weightsOf: async (name, module) => {
      const weights = join(await onlyRun(folderOf(name)), "weights");
      return (await exists(join(weights, module))) ? join(weights, module) : weights;
    },
    onProgress: parts.onProgress,
    abortSignal: parts.abortSignal,
  });
  const result = {
    schemaVersion: 1,
    arm: arm.name,
    seed,
    key,
    seconds: Math.round(parts.seconds()),
    ...made,
  } as ArmResult;
  await results.write(result);
  keep(session, result);
  return result;
};
