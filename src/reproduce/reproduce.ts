import { setMaxListeners } from "node:events";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { almanac } from "../almanac/environment.ts";
import { type Clock, systemClock } from "../clock.ts";
import type { EnvironmentSource } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import type { PlannerSource } from "../learn/planner-source.ts";
import { type Recipe, recipes } from "../learn/recipe.ts";
import {
  abortSignal as aSignal,
  callback,
  checked,
  count,
  listOf,
  name,
  number,
  objectWith,
  type Rules,
  required,
  seed,
} from "../options.ts";
import { BUILT_IN_MODEL, localPlanner } from "../setup/local-model.ts";
import { own } from "../store/owner.ts";
import { exists } from "../store/run-folder.ts";
import { type Arm, neededBy } from "./arm.ts";
import { arms as allArms } from "./arms/all.ts";
import type { ArmContext } from "./arms/context.ts";
import { runArm } from "./arms/run-arm.ts";
import { onlyRun } from "./arms/run-folder.ts";
import type { Claim } from "./claim.ts";
import { claims as allClaims } from "./claims/all.ts";
import { codeHash, type Ground, keyOf, modelHash } from "./keys.ts";
import { metaOf } from "./meta.ts";
import { type Sizes, usual, usualSizes } from "./options.ts";
import { type ReproductionMeta, type ReproductionReport, reportOf } from "./report.ts";
import type { ArmResult } from "./result.ts";
import { openResults, type Results } from "./results.ts";
import { forecaster, type Job, jobsOf } from "./schedule.ts";
import { writeReport } from "./write-report.ts";

/** What happens while claims are reproduced. Seconds are forecasts. */
export type ReproduceEvent =
  | { readonly type: "plan"; readonly arms: number; readonly known: number; readonly seconds: number }
  | {
      readonly type: "arm-start";
      readonly arm: Arm;
      readonly seed: number;
      /** From 1. */
      readonly place: number;
      readonly arms: number;
      readonly secondsLeft: number;
    }
  | {
      readonly type: "arm-progress";
      readonly arm: Arm;
      readonly seed: number;
      readonly words: string;
      readonly secondsLeft: number;
    }
  | { readonly type: "arm-end"; readonly arm: Arm; readonly seed: number; readonly seconds: number }
  | { readonly type: "out-of-time"; readonly arms: number };

/** Where claims are put to the test. @default the Almanac, with the built-in planner */
export interface ReproductionGround {
  readonly environment: EnvironmentSource;
  /** Opens a planner: of that folder, by default the one that every arm begins with. */
  readonly planner: (weights?: string) => PlannerSource;
  readonly recipe: Recipe;
  readonly claims: readonly Claim[];
  readonly arms: Readonly<Record<string, Arm>>;
  /** What stands for code, model and data in keys. */
  readonly hashes: Pick<Ground, "code" | "model" | "world">;
}

export interface ReproduceOptions {
  /** Ids of claims. @default all */
  readonly claims?: readonly string[] | undefined;
  /** What is run, and the report. What lies there already is not run again. */
  readonly folder: string;
  /** @default [7, 8] */
  readonly seeds?: readonly number[] | undefined;
  /** Training steps. @default 100 */
  readonly steps?: number | undefined;
  /** No arm begins that would not end within this time. @default 175 */
  readonly minutes?: number | undefined;
  readonly sizes?: Sizes | undefined;
  readonly ground?: ReproductionGround | undefined;
  readonly meta?: ReproductionMeta | undefined;
  readonly onEvent?: ((event: ReproduceEvent) => void) | undefined;
  /** Ends it: results are kept, and the report says what is missing. */
  readonly abortSignal?: AbortSignal | undefined;
  readonly clock?: Clock | undefined;
}

const optionRules: Rules<ReproduceOptions> = {
  claims: listOf(name),
  folder: required(name),
  seeds: listOf(seed),
  steps: count,
  minutes: number({ above: 0 }),
  sizes: objectWith("numbers of tasks by set"),
  ground: objectWith("an environment and all that is run in it"),
  meta: objectWith("what a report says of its making"),
  onEvent: callback,
  abortSignal: aSignal,
  clock: objectWith("a clock", "now", "after"),
};

/** The report, and whether it is of all that was asked for. */
export interface Reproduction {
  readonly report: ReproductionReport;
  readonly ended: "done" | "out of time" | "interrupted";
}

/** The built-in environment and planner. */
const builtIn = async (): Promise<ReproductionGround> => ({
  environment: almanac(),
  planner: (weights) => localPlanner(weights ?? BUILT_IN_MODEL),
  recipe: recipes.tiny,
  claims: allClaims,
  arms: allArms,
  hashes: {
    code: await codeHash(),
    model: await modelHash(BUILT_IN_MODEL),
    world: (await almanac().open({ seed: 0 })).hash,
  },
});

const claimsNamed = (ids: readonly string[] | undefined, known: readonly Claim[]): readonly Claim[] => {
  const unknown = ids?.find((id) => !known.some((claim) => claim.id === id));
  if (unknown !== undefined)
    throw new ConfigError(
      `There is no claim ${JSON.stringify(unknown)}: accepted are ${known.map(({ id }) => id).join(", ")}.`,
    );
  return ids === undefined ? known : known.filter(({ id }) => ids.includes(id));
};

/**
 * Puts published claims to the test: runs what they need, each arm once a seed, and reports what became of each. Whatever is
 * killed continues where it was, from the same folder. Throws `ConfigError` for claims that are not known, and `StoreError` for
 * a folder that another process works in.
 *
 * @example
 * ```ts
 * import { reproduce } from "agentflow/reproduce";
 *
 * const { report } = await reproduce({ claims: ["trained"], folder: "reproduction", seeds: [7], steps: 60 });
 * for (const { sentence, verdict } of report.claims) console.log(verdict, sentence);
 * ```
 */
export const reproduce = async (options: ReproduceOptions): Promise<Reproduction> => {
  checked("reproduce", options, optionRules);
  const { folder, seeds = usual.seeds, steps = usual.steps, sizes = usualSizes } = options;
  const ground = options.ground ?? (await builtIn());
  const claims = claimsNamed(options.claims, ground.claims);
  if (seeds.length === 0 || new Set(seeds).size < seeds.length)
    throw new ConfigError(`seeds is [${seeds.join(", ")}]: name at least one, each once.`);
  const meta = options.meta ?? (await metaOf(seeds, steps));
  await mkdir(folder, { recursive: true });
  const lock = await own(folder);
  try {
    const absent = await whatIsAbsent(claims);
    const testable = claims.filter(({ id }) => !absent.has(id));
    const session: Session = {
      ...ground,
      results: await openResults(folder),
      jobs: jobsOf(ground.arms, testable, seeds),
      ground: { ...ground.hashes, steps, sizes },
      steps,
      sizes,
      done: new Map(),
    };
    const report = async (): Promise<ReproductionReport> => {
      const made = reportOf(claims, session.done, meta, absent);
      await writeReport(folder, made);
      return made;
    };
    const ended = await runJobs(session, options, async () => void (await report()));
    return { report: await report(), ended };
  } finally {
    await lock.release();
  }
};

const whatIsAbsent = async (claims: readonly Claim[]): Promise<ReadonlyMap<string, string>> => {
  const absent = new Map<string, string>();
  for (const { id, absent: why } of claims) {
    const reason = await why?.();
    if (reason !== undefined) absent.set(id, reason);
  }
  return absent;
};

interface Session extends Omit<ReproductionGround, "claims" | "hashes"> {
  readonly results: Results;
  readonly jobs: readonly Job[];
  readonly ground: Ground;
  readonly steps: number;
  readonly sizes: Sizes;
  /** Results by arm and seed. */
  readonly done: Map<string, Map<number, ArmResult>>;
}

const keep = ({ done }: Session, result: ArmResult): void => {
  const bySeed = done.get(result.arm) ?? new Map<number, ArmResult>();
  done.set(result.arm, bySeed.set(result.seed, result));
};

/** Runs what has no result yet, as long as there is time. */
const runJobs = async (
  session: Session,
  { minutes = usual.minutes, onEvent, abortSignal, clock = systemClock }: ReproduceOptions,
  onResult: () => Promise<void>,
): Promise<Reproduction["ended"]> => {
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
    // What an arm needs may have been left out for want of time, and a shorter one may still fit.
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
      if (!deadline.signal.aborted) throw error;
      late += 1;
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
