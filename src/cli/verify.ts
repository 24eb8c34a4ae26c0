import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { verifyManifest } from "../engines/onnx/files/manifest.ts";
import { messageOf, StoreError } from "../errors.ts";
import { readLines } from "../store/lines.ts";
import { replyJournal } from "../store/reply-journal.ts";
import { readTrajectories } from "../store/run-folder.ts";
import type { Interrupts } from "./interrupt.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { hashOf, type JournalTurn } from "./journal.ts";
import { optionsOfRun } from "./learn-resume.ts";
import { openLearning, openWorldOf } from "./learn-start.ts";
import { findRun } from "./model.ts";
import { openScreen, sideScreen, writeJson } from "./terminal.ts";
import { type TrainingRun, train } from "./training.ts";
import { loadState } from "./training-state.ts";

export interface VerifyOptions {
  /** One step, counted from 1; all of them when absent. */
  readonly step?: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** Where what was done again differs from what was kept. */
class Difference extends Error {}

/**
 * `agentflow runs verify`: a certificate. Executes steps of a run again, from the newest checkpoint before them, and compares
 * all that was kept: the journal with itself, tokens, log-probabilities, calls and replies turn by turn, metrics with the
 * coefficients' traces, and the hash of the weights after each step. Returns the exit code: 1 for a difference.
 */
export const verify = async (name: string, { step, json, quiet }: VerifyOptions): Promise<number> => {
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const { root, id } = await findRun(name);
  const folder = join(root, id);
  const { options, machine } = await optionsOfRun(folder, id);
  const metrics = await readLines(join(folder, "metrics.jsonl"));
  const digests = await readLines(join(folder, "digests.jsonl"));
  const wanted = step ?? metrics.length;
  if (metrics.length === 0 || wanted > metrics.length)
    throw new StoreError(
      `The run ${id} has ${metrics.length} steps${step === undefined ? "" : `; there is no step ${step}`}.`,
    );
  // Only read: what tools replied then is what they reply now.
  const replies = replyJournal(folder);
  const { world } = await openWorldOf({ ...options, check: false }, screen, interrupts, replies);
  const learning = await openLearning(options, world, screen, interrupts);
  const { engine, policies } = learning;
  let compared = 0;
  let difference: string | undefined;
  const damage: string[] = [];
  const sameMachine = isDeepStrictEqual(machine, engine.description);
  try {
    await checkJournal(folder, digests);
    await checkWeights(
      folder,
      policies.map((policy) => policy.name),
    );
    const names = policies.map((policy) => policy.name);
    const stored = await loadState(folder, names, (one) => damage.push(one), step === undefined ? 0 : step - 1);
    if (
      stored === undefined &&
      damage.length === 0 &&
      learning.recipe.coldStart.steps > 0 &&
      engine.learns === "adapters"
    )
      throw new StoreError(
        `The run ${id} has no checkpoint before step ${wanted}: its cold start cannot be done again from here.`,
      );
    for (const [i, policy] of policies.entries()) {
      const state = stored?.policies[i];
      if (state !== undefined) await policy.importState(state);
    }
    // Checkpoints that are kept have to be whole, whether they are needed here or not.
    await loadState(folder, names, (one) => damage.push(one));
    if (damage.length > 0) throw new Difference(damage[0]);
    const onStep = (index: number): void => {
      compared += 1;
      screen.live(`verified step ${index + 1}/${wanted}`);
    };
    await train({
      ...learning,
      options,
      world,
      replies,
      run: comparing({
        metrics,
        digests,
        trajectories: await trajectoriesFrom(folder, stored === undefined ? 0 : stored.state.after.index + 1),
        journal: await journalAt(folder),
        onStep,
        sameMachine,
      }),
      screen: sideScreen({ quiet: true }),
      interrupts: silent(interrupts),
      secondsAfter: 0,
      from: stored?.state,
      until: wanted - 1,
    });
  } catch (error) {
    if (!(error instanceof Difference)) throw error;
    difference = error.message;
  } finally {
    interrupts.close();
    screen.clear();
    await engine.dispose();
  }
  const machineText = sameMachine ? "the same machine and runtime" : "another machine or runtime than the run's";
  if (difference === undefined)
    screen.line(`verified  ${compared} steps of ${id}, every turn and every weight, on ${machineText}`);
  else screen.line(screen.bad(`differs   ${difference} (${machineText})`));
  if (json)
    writeJson({
      schemaVersion: 1,
      run: id,
      verified: difference === undefined,
      steps: compared,
      sameMachine,
      difference: difference ?? null,
    });
  return difference === undefined ? 0 : 1;
};

/** Nothing asks training to end early but the abort. */
const silent = (interrupts: Interrupts): Interrupts => ({
  asked: false,
  abortSignal: interrupts.abortSignal,
  stopAtOnce: true,
  close: () => undefined,
});

/** What a run has kept. */
interface Kept {
  readonly metrics: readonly unknown[];
  readonly digests: readonly unknown[];
  /** Rows of training from the first step on that is done again. */
  readonly trajectories: readonly Readonly<Record<string, unknown>>[];
  readonly journal: ReadonlyMap<string, readonly JournalTurn[]>;
  readonly onStep: (index: number) => void;
  readonly sameMachine: boolean;
}

/** Rows of the trajectories of training, from a step on. */
const trajectoriesFrom = async (folder: string, step: number): Promise<Kept["trajectories"]> =>
  ((await readTrajectories({ folder })) as Kept["trajectories"]).filter(
    (row) => row.phase === "train" && Number(row.step) >= step,
  );

/** Where training writes to, that compares instead. */
const comparing = ({ metrics, digests, trajectories, journal, onStep, sameMachine }: Kept): TrainingRun => {
  let next = 0;
  const again = new Map<string, readonly JournalTurn[]>();
  const replies = new Map<string, unknown>();
  return {
    appendTimings: () => undefined,
    appendTrajectory: (row) => {
      const { schemaVersion: _, ...kept } = trajectories[next] ?? {};
      next += 1;
      const now = JSON.parse(JSON.stringify(row)) as Record<string, unknown>;
      if (!isDeepStrictEqual(kept, now))
        throw new Difference(
          `step ${Number(now.step) + 1}, task ${String(now.task)}: the trajectory that was kept is another one`,
        );
    },
    turnJournal: async () => undefined,
    appendJournal: (row) => {
      const { reply, observation, trajectory, turns } = row as {
        readonly reply?: string;
        readonly observation?: unknown;
        readonly trajectory?: string;
        readonly turns?: readonly (Omit<JournalTurn, "observation"> & { readonly observation: string | null })[];
      };
      if (reply !== undefined) replies.set(reply, observation);
      if (trajectory === undefined || turns === undefined) return;
      again.set(
        trajectory,
        turns.map((turn) => ({
          ...turn,
          observation: turn.observation === null ? null : (replies.get(turn.observation) as JournalTurn["observation"]),
        })),
      );
    },
    appendMetrics: (row) => {
      const index = (row as { readonly index: number }).index;
      const { schemaVersion: _, ...kept } = (metrics[index] ?? {}) as Record<string, unknown>;
      const now = JSON.parse(JSON.stringify(row)) as Record<string, unknown>;
      for (const key of new Set([...Object.keys(kept), ...Object.keys(now)]))
        if (!isDeepStrictEqual(kept[key], now[key]))
          throw new Difference(
            `step ${index + 1}: ${key} was ${JSON.stringify(kept[key])} and is ${JSON.stringify(now[key])}${sameMachine ? "" : " (other machine)"}`,
          );
    },
    appendDigest: (row) => {
      const { step, turns } = row as {
        readonly step: number;
        readonly turns: Readonly<Record<string, readonly string[]>>;
      };
      const kept = (digests[step] as { readonly turns?: typeof turns } | undefined)?.turns ?? {};
      for (const id of new Set([...Object.keys(kept), ...Object.keys(turns)])) {
        const [was, is] = [kept[id] ?? [], turns[id] ?? []];
        const at = Array.from({ length: Math.max(was.length, is.length) }, (_, i) => i).find((i) => was[i] !== is[i]);
        if (at !== undefined)
          throw new Difference(
            `step ${step + 1}, trajectory ${id}, turn ${at + 1}: ${partThatDiffers(journal.get(id)?.[at], again.get(id)?.[at])}`,
          );
      }
      again.clear();
      onStep(step);
    },
  };
};

const partThatDiffers = (was: JournalTurn | undefined, is: JournalTurn | undefined): string => {
  if (was === undefined || is === undefined) return "what was sampled or answered is another";
  if (
    !isDeepStrictEqual(
      was.sampled.map(({ ids }) => ids),
      is.sampled.map(({ ids }) => ids),
    )
  )
    return "other tokens were sampled";
  if (!isDeepStrictEqual(was.sampled, is.sampled)) return "log-probabilities or the version differ";
  return isDeepStrictEqual(was.call, is.call) ? "the tool's reply differs" : "another call was made";
};

/** The turns that the journal holds in full, by trajectory. */
const journalAt = async (folder: string): Promise<Map<string, readonly JournalTurn[]>> => {
  const found = new Map<string, readonly JournalTurn[]>();
  for (const name of (await readdir(join(folder, "journal")).catch(() => [])).sort()) {
    const replies = new Map<string, JournalTurn["observation"]>();
    for (const row of (await readLines(join(folder, "journal", name))) as Record<string, unknown>[]) {
      if (typeof row.reply === "string") replies.set(row.reply, row.observation as JournalTurn["observation"]);
      else if (typeof row.trajectory === "string")
        found.set(
          row.trajectory,
          (row.turns as (Omit<JournalTurn, "observation"> & { observation: string | null })[]).map((turn) => ({
            ...turn,
            observation: turn.observation === null ? null : (replies.get(turn.observation) ?? null),
          })),
        );
    }
  }
  return found;
};

/** The journal against the hashes of its turns: what was altered in it is found without doing anything again. */
const checkJournal = async (folder: string, digests: readonly unknown[]): Promise<void> => {
  const hashes = new Map<string, readonly string[]>();
  for (const row of digests as { readonly turns: Readonly<Record<string, readonly string[]>> }[])
    for (const [id, turns] of Object.entries(row.turns)) hashes.set(id, turns);
  for (const [id, turns] of await journalAt(folder)) {
    const kept = hashes.get(id);
    // A step that was under way when the run died has no hashes yet.
    if (kept === undefined) continue;
    const at = turns.findIndex((turn, i) => hashOf(turn) !== kept[i]);
    if (at >= 0)
      throw new Difference(
        `step ${Number(id.split("/")[0]) + 1}, trajectory ${id}, turn ${at + 1}: the journal does not have the hash that was kept of it`,
      );
  }
};

/** The weights that the run gave, against the hashes of their manifest. */
const checkWeights = async (folder: string, names: readonly string[]): Promise<void> => {
  const weights = join(folder, "weights");
  for (const place of names.length === 1 ? [weights] : names.map((name) => join(weights, name))) {
    // A run that was interrupted has none yet.
    if ((await readdir(place).catch(() => [])).length === 0) continue;
    await verifyManifest(place).catch((error: unknown) => {
      throw new Difference(messageOf(error));
    });
  }
};
