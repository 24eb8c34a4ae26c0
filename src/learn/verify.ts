import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import type { Interrupts } from "../cli/interrupt.ts";
import { listenToInterrupts } from "../cli/interrupt.ts";
import type { Screen } from "../cli/screen.ts";
import { openScreen, sideScreen, writeJson } from "../cli/terminal.ts";
import { verifyManifest } from "../engines/onnx/files/manifest.ts";
import type { World } from "../environment.ts";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { findRun } from "../setup/local-model.ts";
import { stepsIn } from "../store/checkpoint.ts";
import { readLines } from "../store/lines.ts";
import { requireIdle } from "../store/owner.ts";
import { type ReplyJournal, replyJournal } from "../store/reply-journal.ts";
import { changedSince, createRun, exists, idShape, type Run } from "../store/run-folder.ts";
import { changesSince } from "../store/run-seal.ts";
import { requirePlainFiles } from "../store/stored-run.ts";
import { indexFits } from "../store/trajectory-index.ts";
import { loadState } from "./checkpoint-state.ts";
import { learnInRun } from "./phases.ts";
import { recordOf } from "./record.ts";
import { readPhases } from "./resume.ts";
import { type Learning, openLearning, openWorldOf } from "./start.ts";
import {
  keyThatDiffers,
  type NamedHere,
  OPTIONS_VERSION,
  optionsHere,
  readJson,
  readStoredOptions,
  type StoredOptions,
} from "./stored-options.ts";
import { type DoneBefore, train } from "./training.ts";
import { filesThatDiffer, notCovered } from "./verify-files.ts";
import { checkJournal, comparing, Difference, readKeptRows } from "./verify-rows.ts";

export interface VerifyOptions extends NamedHere {
  /** One step, counted from 1; the whole run when absent. */
  readonly step?: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** A run that is verified. */
interface Verified {
  readonly id: string;
  readonly folder: string;
  readonly stored: StoredOptions;
  readonly screen: Screen;
  readonly interrupts: Interrupts;
  readonly replies: ReplyJournal;
  /** Told after each step that came out the same. */
  readonly onStep: (index: number) => void;
}

/**
 * `agentflow runs verify`: a certificate. First the files of a run against the hashes that were kept of them, which takes
 * no time; then the run is done again, and everything that comes out is compared with what is there, row by row and file by
 * file. What cannot be done again is listed. Returns the exit code: 1 for a difference.
 */
export const verify = async (name: string, { step, json, quiet, ...named }: VerifyOptions): Promise<number> => {
  const screen = openScreen({ json, quiet });
  const { root, id } = await findRun(name);
  const folder = join(root, id);
  await requireIdle(folder);
  await requireThisVersion(folder);
  const interrupts = listenToInterrupts(() => undefined);
  let compared = 0;
  let sameMachine: boolean | undefined;
  let open: readonly string[] = notCovered;
  let differences = await integrityOf(folder);
  let learning: Learning | undefined;
  try {
    if (differences.length === 0) {
      const stored = await readStoredOptions(folder, id);
      const options = await optionsHere(id, stored, named);
      if ((options.maxStaleness ?? 0) > 0)
        throw new ConfigError(
          `The run ${id} rolled out while it trained (--max-staleness): such a run does not repeat.`,
        );
      const replies = replyJournal(folder, {
        onMissing: (file) => {
          throw new Difference(`${file} lacks a reply that the run used`);
        },
      });
      const { world } = await openWorldOf({ ...options, check: false }, screen, interrupts, replies);
      learning = await openLearning(options, world, screen, interrupts);
      sameMachine = isDeepStrictEqual(stored.config.machine, learning.engine.description);
      const onStep = (index: number): void => {
        compared += 1;
        screen.live(`verified step ${index + 1}`);
      };
      const parts = { id, folder, stored, screen, interrupts, replies, onStep };
      if (step === undefined) {
        const done = await doAgain(parts, learning, world);
        differences = done.differences;
        open = [...notCovered, ...done.open];
      } else {
        await trainAgain(parts, learning, world, step);
        open = [`everything but step ${step}: verify without --step for the whole run`];
      }
    }
  } catch (error) {
    if (!(error instanceof Difference || error instanceof StoreError)) throw error;
    differences = [error.message];
  } finally {
    interrupts.close();
    screen.clear();
    await learning?.engine.dispose();
  }
  const verified = differences.length === 0;
  const machine = sameMachine === false ? ", on another machine or runtime than the run's" : "";
  if (verified)
    screen.line(
      `verified  ${compared} steps of ${id}${step === undefined ? ", every row and every file" : ""}${machine}`,
    );
  for (const one of differences) screen.line(screen.bad(`differs   ${one}${machine}`));
  if (verified) for (const one of open) screen.line(`not covered  ${one}`);
  if (json)
    writeJson({
      schemaVersion: 1,
      run: id,
      verified,
      steps: compared,
      sameMachine: sameMachine ?? null,
      difference: differences[0] ?? null,
      differences,
      notCovered: open,
    });
  return verified ? 0 : 1;
};

/** Throws `ConfigError` for an unfinished run of an earlier version. One that cannot be read is another matter. */
const requireThisVersion = async (folder: string): Promise<void> => {
  const stored = await readJson(join(folder, "options.json")).catch(() => undefined);
  const version = stored?.schemaVersion;
  if (typeof version === "number" && version < OPTIONS_VERSION && !(await exists(join(folder, "seal.json"))))
    throw new ConfigError(
      `The run ${folder} is of an earlier version (options.json has schemaVersion ${version}, and ${OPTIONS_VERSION} is verified here). Verify it with that version.`,
    );
};

/** What differs from the hashes that a run keeps of its own files: nothing is done again for it. */
export const integrityOf = async (folder: string): Promise<string[]> => {
  try {
    await requirePlainFiles(folder);
    const ended = (await exists(join(folder, "report.json"))) || (await exists(join(folder, "seal.json")));
    const changes = ended ? await changesSince(folder) : await changedSinceCheckpoint(folder);
    if (changes.length > 0) return changes;
    await readPhases(folder);
    await checkJournal(folder);
    await checkWeights(folder);
    if (!(await indexFits({ folder })))
      throw new Difference("index.sqlite does not fit trajectories.jsonl: runs query makes it again");
    return [];
  } catch (error) {
    if (error instanceof Difference || error instanceof StoreError) return [error.message];
    throw error;
  }
};

/** Checkpoints that are damaged, and rows that are not those of the newest one. */
const changedSinceCheckpoint = async (folder: string): Promise<string[]> => {
  const damage: string[] = [];
  const stored = await loadState(folder, [], (one) => damage.push(one));
  return [...damage, ...(stored === undefined ? [] : await changedSince(folder, stored.extents))];
};

/** The weights that the run gave, against the hashes of their manifests. */
const checkWeights = async (folder: string): Promise<void> => {
  const weights = join(folder, "weights");
  const inside = await readdir(weights, { withFileTypes: true }).catch(() => []);
  const several = inside.filter((entry) => entry.isDirectory()).map(({ name }) => join(weights, name));
  // A run that was interrupted has none yet.
  if (inside.length > 0)
    for (const place of several.length === 0 ? [weights] : several)
      await verifyManifest(place).catch((error: unknown) => {
        throw new Difference(messageOf(error));
      });
};

/** Nothing asks training to end early but the abort. */
const silent = (interrupts: Interrupts): Interrupts => ({
  asked: false,
  abortSignal: interrupts.abortSignal,
  stopAtOnce: true,
  close: () => undefined,
});

const quietly = (): Screen => sideScreen({ quiet: true });

/** Does the whole run again in a folder of its own and compares the folders. What is not compared is `open`. */
const doAgain = async (
  { id, folder, stored, interrupts, replies, onStep }: Verified,
  learning: Learning,
  world: World,
): Promise<{ readonly differences: string[]; readonly open: readonly string[] }> => {
  const { options, config: recorded } = stored;
  const config = recordOf(options, learning, world, recorded.projectSha256);
  const key = keyThatDiffers(recorded, config);
  if (key !== undefined)
    throw new Difference(
      `config.json: ${key} is ${JSON.stringify(recorded[key])}, and options.json comes to ${JSON.stringify(config[key])}`,
    );
  const again = await wentBefore(folder, learning);
  const kept = await readKeptRows(folder);
  const differences: string[] = [];
  const scratch = await mkdtemp(join(tmpdir(), "agentflow-verify-"));
  let run: Run | undefined;
  try {
    run = await createRun(scratch, await nameIn(folder, id), { ...config, machine: recorded.machine });
    await run.writeJson("options.json", { schemaVersion: OPTIONS_VERSION, options });
    const redone = run.folder;
    const isFinal = again.finished ? () => true : (file: string) => /^(?:config|options|phases)\.json$/.test(file);
    await learnInRun({
      options,
      learning,
      world,
      config: { ...config, machine: recorded.machine },
      run: comparing(run, kept, onStep),
      replies,
      screen: quietly(),
      interrupts: silent(interrupts),
      phases: {},
      stored: undefined,
      started: performance.now(),
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

/** How a run went, by its files: where it ended, and after which steps it was told to end and gone on with. */
const wentBefore = async (folder: string, { recipe, steps }: Learning): Promise<DoneBefore> => {
  const report = await readJson(join(folder, "report.json"));
  const metrics = (await readLines(join(folder, "metrics.jsonl"))) as { readonly validation?: number }[];
  const saved = await stepsIn(folder);
  const done = report === undefined ? (saved.at(-1) ?? 0) : metrics.length;
  if (done === 0) throw new ConfigError(`The run ${folder} has no step that it kept: there is nothing to verify yet.`);
  const journals = (await readdir(join(folder, "journal")).catch(() => [])).map((name) => Number.parseInt(name, 10));
  const validated = metrics.flatMap(({ validation }, index) =>
    validation !== undefined && (index + 1) % recipe.validation.every !== 0 ? [index + 1] : [],
  );
  return {
    until: done - 1,
    finished: report !== undefined,
    outOfTime: report?.interrupted === false && done < steps,
    stops: new Set(
      [...saved, ...journals, ...validated].filter((step) => step > 0 && step < done).map((step) => step - 1),
    ),
  };
};

/** Trains one step again, from the newest checkpoint before it, and compares its rows. */
const trainAgain = async (
  { id, folder, stored: { options }, interrupts, replies, onStep }: Verified,
  learning: Learning,
  world: World,
  step: number,
): Promise<void> => {
  const { policies, recipe, engine } = learning;
  const { length } = await readLines(join(folder, "metrics.jsonl"));
  if (step > length) throw new ConfigError(`The run ${id} has ${length} steps; there is no step ${step}.`);
  const names = policies.map((policy) => policy.name);
  const damage: string[] = [];
  const stored = await loadState(folder, names, (one) => damage.push(one), step - 1);
  if (damage[0] !== undefined) throw new Difference(damage[0]);
  if (stored === undefined && recipe.coldStart.steps > 0 && engine.learns === "adapters")
    throw new StoreError(
      `The run ${id} has no checkpoint before step ${step}: its cold start cannot be done again from here. Verify without --step.`,
    );
  for (const [i, policy] of policies.entries()) {
    const state = stored?.policies[i];
    if (state !== undefined) await policy.importState(state);
  }
  const nothing = (): void => undefined;
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
    ...learning,
    options,
    world,
    replies,
    run: comparing(run, await readKeptRows(folder, from), onStep),
    screen: quietly(),
    interrupts: silent(interrupts),
    secondsAfter: 0,
    from: stored?.state,
    again: { ...(await wentBefore(folder, learning)), until: step - 1, finished: false },
  });
};
