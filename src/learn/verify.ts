import { setMaxListeners } from "node:events";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { systemClock } from "../clock.ts";
import { ConfigError, StoreError } from "../errors.ts";
import { callback, checked, count, type Rules } from "../options.ts";
import { stepsIn } from "../store/checkpoint.ts";
import { readLines } from "../store/lines.ts";
import { requireIdle } from "../store/owner.ts";
import { type ReplyJournal, replyJournal } from "../store/reply-journal.ts";
import { createRun, exists, idShape, type Run } from "../store/run-folder.ts";
import { loadState } from "./checkpoint-state.ts";
import { untaught } from "./cold-start.ts";
import type { ResumeOptions } from "./learn.ts";
import type { RunSignals } from "./options.ts";
import { learnInRun } from "./phases.ts";
import { plannerSource } from "./planner-source.ts";
import { recordOf } from "./record.ts";
import { openingRules } from "./rules.ts";
import { secondsOf } from "./run-stream.ts";
import type { LearnSettings } from "./settings.ts";
import { type Learning, openLearning } from "./start.ts";
import { keyThatDiffers, OPTIONS_VERSION, readJson, readStoredOptions, type StoredOptions } from "./stored-options.ts";
import { type DoneBefore, train } from "./training.ts";
import { filesThatDiffer, notCovered } from "./verify-files.ts";
import { integrityOf, requireThisVersion } from "./verify-integrity.ts";
import { serverOf, verifyRemote } from "./verify-remote.ts";
import { comparing, Difference, readKeptRows } from "./verify-rows.ts";

export interface VerifyOptions extends Omit<ResumeOptions, "stopSignal" | "queue"> {
  /** One step, counted from 1. @default the whole run */
  readonly step?: number | undefined;
  /** Told of each step, counted from 1, that came out the same. */
  readonly onStep?: ((step: number) => void) | undefined;
}

/** What a verification found. */
export interface Verification {
  readonly run: string;
  readonly verified: boolean;
  /** Steps that were done again and came out the same. */
  readonly steps: number;
  /** Whether machine and runtime are those of the run; undefined where files differ from their hashes already. */
  readonly sameMachine: boolean | undefined;
  /** What differs, a line each that begins with the name of a file. */
  readonly differences: readonly string[];
  /** Of a run at a server, which cannot be done again as a whole: what was. */
  readonly covered?: readonly string[];
  /** What doing it again cannot tell. */
  readonly notCovered: readonly string[];
}

/** A run that is verified. */
interface Verified {
  readonly id: string;
  readonly folder: string;
  readonly stored: StoredOptions;
  readonly replies: ReplyJournal;
  readonly signals: RunSignals;
  readonly now: () => number;
  /** Told after each step that came out the same. */
  readonly onStep: (index: number) => void;
}

const verifyRules: Rules<VerifyOptions> = {
  ...openingRules,
  step: count,
  onStep: callback,
};

const nothing = (): void => undefined;

/**
 * Verifies a stored run: first its files against the hashes that were kept of them, which takes no time; then the run is
 * done again, and everything that comes out is compared with what is there, row by row and file by file. What cannot be
 * done again is listed; of a run at a server these are samples, gradients and weights, and its answers are scored again. Environment and planner are named again, as for `resume`. Throws `ConfigError` for what is not a run
 * or does not repeat.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { verify } from "agentflow/learn";
 *
 * const found = await verify("runs/2026-11-29-1412-7f3a", { environment: almanac() });
 * console.log(found.verified, found.differences, found.notCovered);
 * ```
 */
export const verify = async (folder: string, options: VerifyOptions): Promise<Verification> => {
  const { step, onStep = nothing, clock = systemClock, abortSignal = new AbortController().signal } = options;
  checked("verify", options, verifyRules);
  if (!(await exists(join(folder, "config.json"))))
    throw new ConfigError(`There is no run in ${folder}: it has no config.json. Name the folder of a run.`);
  // Every solve under way listens to it.
  setMaxListeners(0, abortSignal);
  const run = basename(folder);
  await requireIdle(folder);
  await requireThisVersion(folder);
  const integrity = await integrityOf(folder);
  const failed = (differences: readonly string[], steps = 0, sameMachine?: boolean): Verification => ({
    run,
    verified: false,
    steps,
    sameMachine,
    differences,
    notCovered,
  });
  if (integrity.length > 0) return failed(integrity);
  let steps = 0;
  let sameMachine: boolean | undefined;
  let learning: Learning | undefined;
  try {
    const stored = await readStoredOptions(folder);
    const { settings, recipe } = stored;
    if ((settings.maxStaleness ?? 0) > 0)
      throw new ConfigError(`The run ${run} rolled out while it trained (maxStaleness): such a run does not repeat.`);
    const replies = replyJournal(folder, {
      onMissing: (file) => {
        throw new Difference(`${file} lacks a reply that the run used`);
      },
    });
    await replies.enter("opening");
    const environment = await options.environment.open({ seed: settings.seed, replies, abortSignal });
    const server = serverOf(stored);
    if (server !== undefined) {
      const found = await verifyRemote(folder, server, stored, environment);
      return { run, verified: found.differences.length === 0, steps: 0, sameMachine: undefined, ...found };
    }
    const planner = plannerSource(options.planner, environment);
    const now = secondsOf(clock);
    learning = await openLearning({ settings, environment, planner, recipe, emit: nothing, now, abortSignal });
    sameMachine = isDeepStrictEqual(stored.config.machine, learning.engine.description);
    const parts: Verified = {
      id: run,
      folder,
      stored,
      replies,
      signals: { abortSignal, stopSignal: new AbortController().signal },
      now,
      onStep: (index) => {
        steps += 1;
        onStep(index + 1);
      },
    };
    if (step !== undefined) {
      await trainAgain(parts, learning, step);
      const open = [`everything but step ${step}: verify without a step for the whole run`];
      return { run, verified: true, steps, sameMachine, differences: [], notCovered: open };
    }
    const { differences, open } = await doAgain(parts, learning);
    if (differences.length > 0) return failed(differences, steps, sameMachine);
    return { run, verified: true, steps, sameMachine, differences, notCovered: [...notCovered, ...open] };
  } catch (error) {
    if (!(error instanceof Difference || error instanceof StoreError)) throw error;
    return failed([error.message], steps, sameMachine);
  } finally {
    await learning?.dispose();
  }
};

/** Does the whole run again in a folder of its own and compares the folders. What is not compared is `open`. */
const doAgain = async (
  { id, folder, stored, signals, replies, now, onStep }: Verified,
  learning: Learning,
): Promise<{ readonly differences: string[]; readonly open: readonly string[] }> => {
  const { settings, written, config: recorded } = stored;
  const config = recordOf(settings, learning);
  const key = keyThatDiffers(recorded, config);
  if (key !== undefined)
    throw new Difference(
      `config.json: ${key} is ${JSON.stringify(recorded[key])}, and options.json comes to ${JSON.stringify(config[key])}`,
    );
  const again = await wentBefore(folder, settings, learning);
  const kept = await readKeptRows(folder);
  const differences: string[] = [];
  const scratch = await mkdtemp(join(tmpdir(), "agentflow-verify-"));
  let run: Run | undefined;
  try {
    run = await createRun(scratch, await nameIn(folder, id), recorded);
    await run.writeJson("options.json", { schemaVersion: OPTIONS_VERSION, options: written });
    const redone = run.folder;
    const isFinal = again.finished ? () => true : (file: string) => /^(?:config|options|phases)\.json$/.test(file);
    await learnInRun({
      settings,
      learning,
      config: recorded,
      run: comparing(run, kept, onStep),
      replies,
      emit: nothing,
      signals,
      phases: {},
      stored: undefined,
      now,
      started: now(),
      again,
      onSaved: async (step) => {
        const place = `checkpoints/step-${String(step).padStart(7, "0")}/`;
        if (!(await exists(join(folder, place)))) return;
        const [first] = await filesThatDiffer(folder, redone, (file) => file.startsWith(place));
        if (first !== undefined) throw new Difference(first);
      },
    });
    await run.flush();
    differences.push(...(await filesThatDiffer(folder, redone, isFinal)), ...(await replies.unused()));
  } finally {
    await run?.close();
    await rm(scratch, { recursive: true, force: true });
  }
  const rest = "the run has no report: rows after its newest checkpoint, its journal, and weights";
  return { differences, open: again.finished ? [] : [rest] };
};

/** The name that a run had when it ended: its folder may have got another one. */
const nameIn = async (folder: string, id: string): Promise<string> => {
  const named = (await readJson(join(folder, "report.json")))?.run;
  return typeof named === "string" && idShape.test(named) ? named : id;
};

/** How a run went, by its files: where it ended, and after which steps it was stopped and resumed. */
const wentBefore = async (
  folder: string,
  { checkpointEvery }: LearnSettings,
  { recipe, steps }: Learning,
): Promise<DoneBefore> => {
  const report = await readJson(join(folder, "report.json"));
  const metrics = (await readLines(join(folder, "metrics.jsonl"))) as { readonly validation?: number }[];
  const saved = await stepsIn(folder);
  const done = report === undefined ? (saved.at(-1) ?? 0) : metrics.length;
  if (done === 0) throw new ConfigError(`The run ${folder} has no step that it kept: there is nothing to verify yet.`);
  const journals = (await readdir(join(folder, "journal")).catch(() => [])).map((name) => Number.parseInt(name, 10));
  // What it saves and validates in any case says nothing of an end.
  const every = checkpointEvery ?? recipe.checkpointEvery;
  const outOfTurn = [...saved, ...journals].filter((step) => step % every !== 0);
  const validated = metrics.flatMap(({ validation }, index) =>
    (validation !== undefined) === ((index + 1) % recipe.validation.every === 0) ? [] : [index + 1],
  );
  return {
    until: done - 1,
    finished: report !== undefined,
    outOfTime: report?.interrupted === false && done < steps,
    stops: new Set([...outOfTurn, ...validated].filter((step) => step > 0 && step < done).map((step) => step - 1)),
  };
};

/** Trains one step again, from the newest checkpoint before it, and compares its rows. */
const trainAgain = async (
  { id, folder, stored: { settings }, signals, replies, now, onStep }: Verified,
  learning: Learning,
  step: number,
): Promise<void> => {
  const { policies } = learning;
  const { length } = await readLines(join(folder, "metrics.jsonl"));
  if (step > length) throw new ConfigError(`The run ${id} has ${length} steps; there is no step ${step}.`);
  const names = policies.map((policy) => policy.name);
  const damage: string[] = [];
  const stored = await loadState(folder, names, (one) => damage.push(one), step - 1);
  if (damage[0] !== undefined) throw new Difference(damage[0]);
  if (stored === undefined && untaught(learning).length > 0) {
    const [oldest] = await stepsIn(folder);
    const later =
      oldest === undefined ? "Verify the whole run." : `Name a step after ${oldest}, or verify the whole run.`;
    throw new ConfigError(
      `The run ${id} keeps no checkpoint before step ${step}, and it began with imitation, which is not repeated to verify a single step. ${later}`,
    );
  }
  for (const [i, policy] of policies.entries()) {
    const state = stored?.policies[i];
    if (state !== undefined) await policy.importState(state);
  }
  const run = {
    appendTimings: nothing,
    appendTrajectory: nothing,
    appendJournal: nothing,
    appendMetrics: nothing,
    appendDigest: nothing,
    turnJournal: async () => undefined,
  };
  const from = stored === undefined ? 0 : stored.state.after.index + 1;
  await train({
    settings,
    learning,
    replies,
    run: comparing(run, await readKeptRows(folder, from), onStep),
    emit: nothing,
    signals,
    now,
    from: stored?.state,
    again: { ...(await wentBefore(folder, settings, learning)), until: step - 1, finished: false },
  });
};
