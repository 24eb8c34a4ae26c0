import type { Clock } from "../clock.ts";
import { ConfigError } from "../errors.ts";
import { makeChosenFolder } from "../files/make-folder.ts";
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
import { own } from "../store/owner.ts";
import type { Claim } from "./claim.ts";
import type { ReproduceEvent } from "./event.ts";
import { builtInGround, type ReproductionGround } from "./ground.ts";
import { metaOf } from "./meta.ts";
import { type Sizes, usual, usualSizes } from "./options.ts";
import { type ReproductionMeta, type ReproductionReport, reportOf } from "./report.ts";
import { openResults } from "./results.ts";
import { type Ended, runJobs, type Session } from "./run-jobs.ts";
import { jobsOf } from "./schedule.ts";
import { writeReport } from "./write-report.ts";

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
  readonly ended: Ended;
}

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
  const ground = options.ground ?? (await builtInGround());
  const claims = claimsNamed(options.claims, ground.claims);
  if (seeds.length === 0 || new Set(seeds).size < seeds.length)
    throw new ConfigError(`seeds is [${seeds.join(", ")}]: name at least one, each once.`);
  const meta = options.meta ?? (await metaOf(seeds, steps));
  await makeChosenFolder(folder);
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
      failed: new Map(),
    };
    const report = async (): Promise<ReproductionReport> => {
      const made = reportOf(claims, session.done, meta, absent, session.failed);
      await writeReport(folder, made);
      return made;
    };
    const { minutes, onEvent, abortSignal, clock } = options;
    const onResult = async (): Promise<void> => void (await report());
    const ended = await runJobs(session, { minutes, onEvent, abortSignal, clock, onResult });
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
