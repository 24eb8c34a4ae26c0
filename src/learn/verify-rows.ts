import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../errors.ts";
import { readLines } from "../store/lines.ts";
import { hashOf, type JournalTurn } from "./journal.ts";
import type { TrainingRun } from "./training.ts";

/** Where what was done again differs from what was kept. Its message begins with the name of the file. */
export class Difference extends Error {}

/** What a run has kept of its rows, as lines, and its journal's turns. */
export interface KeptRows {
  readonly metrics: readonly string[];
  readonly digests: readonly string[];
  /** Those that are written from the beginning on, or from a step of training on. */
  readonly trajectories: readonly string[];
  /** How many lines there are before those. */
  readonly skipped: number;
  readonly journal: ReadonlyMap<string, readonly JournalTurn[]>;
}

const linesIn = async (path: string): Promise<string[]> => (await readFile(path, "utf8")).split("\n").slice(0, -1);

/** Reads the rows of a run: from its first evaluation on, or from a step of training. Throws `StoreError` for damage. */
export const readKeptRows = async (folder: string, fromStep?: number): Promise<KeptRows> => {
  const path = (name: string): string => join(folder, `${name}.jsonl`);
  const rows = (await readLines(path("trajectories"))) as { readonly phase?: unknown; readonly step?: unknown }[];
  const first =
    fromStep === undefined ? 0 : rows.findIndex(({ phase, step }) => phase === "train" && Number(step) >= fromStep);
  const skipped = first < 0 ? rows.length : first;
  return {
    metrics: await linesIn(path("metrics")),
    digests: await linesIn(path("digests")),
    trajectories: (await linesIn(path("trajectories"))).slice(skipped),
    skipped,
    journal: await journalIn(folder),
  };
};

/** A run whose rows are compared with those that were kept, one by one, before they are written. */
export const comparing = <Kind extends TrainingRun>(
  run: Kind,
  { metrics, digests, trajectories, skipped, journal }: KeptRows,
  onStep: (index: number) => void,
): Kind => {
  let next = 0;
  const again = new Map<string, readonly JournalTurn[]>();
  const replies = new Map<string, JournalTurn["observation"]>();
  return {
    ...run,
    appendTrajectory: (row: object) => {
      const kept = trajectories[next];
      next += 1;
      if (kept !== textOf(row))
        throw new Difference(
          `trajectories.jsonl, line ${skipped + next}: ${aboutTrajectory(row)}: ${kept === undefined ? "it is missing" : partOf(kept, row)}`,
        );
      run.appendTrajectory(row);
    },
    appendJournal: (row: object) => {
      remember(row as JournalRow, again, replies);
      run.appendJournal(row);
    },
    appendMetrics: (row: object) => {
      const { index } = row as { readonly index: number };
      const kept = metrics[index];
      if (kept !== textOf(row))
        throw new Difference(
          `metrics.jsonl, step ${index + 1}: ${kept === undefined ? "it is missing" : partOf(kept, row)}`,
        );
      run.appendMetrics(row);
    },
    appendDigest: (row: object) => {
      const { step, turns } = row as Digest;
      const kept = digests[step];
      if (kept !== textOf(row)) throw new Difference(`digests.jsonl, step ${step + 1}: ${turnOf(kept, turns)}`);
      again.clear();
      run.appendDigest(row);
      onStep(step);
    },
  };

  /** Which turn of which trajectory has another hash, and what of it differs where the journal still has it. */
  function turnOf(kept: string | undefined, turns: Digest["turns"]): string {
    const was = kept === undefined ? {} : ((JSON.parse(kept) as Partial<Digest>).turns ?? {});
    for (const id of new Set([...Object.keys(was), ...Object.keys(turns)])) {
      const [before, now] = [was[id] ?? [], turns[id] ?? []];
      const length = Math.max(before.length, now.length);
      const at = Array.from({ length }, (_, i) => i).find((i) => before[i] !== now[i]);
      if (at !== undefined)
        return `trajectory ${id}, turn ${at + 1}: ${partThatDiffers(journal.get(id)?.[at], again.get(id)?.[at])}`;
    }
    return "the row has another form";
  }
};

interface Digest {
  readonly step: number;
  readonly turns: Readonly<Record<string, readonly string[]>>;
}

const textOf = (row: object): string => JSON.stringify({ schemaVersion: 1, ...row });

const aboutTrajectory = (row: object): string => {
  const { phase, step, task } = row as { readonly phase?: unknown; readonly step?: unknown; readonly task?: unknown };
  return `${phase === "train" ? `step ${Number(step) + 1}` : String(phase)}, task ${String(task)}`;
};

/** The first value of a row that is another one now. */
const partOf = (kept: string, row: object): string => {
  const [was, is] = [JSON.parse(kept), JSON.parse(textOf(row))] as Readonly<Record<string, unknown>>[];
  for (const key of new Set([...Object.keys(was ?? {}), ...Object.keys(is ?? {})]))
    if (!isDeepStrictEqual(was?.[key], is?.[key]))
      return `${key} was ${shortened(was?.[key])} and is ${shortened(is?.[key])}`;
  return "the row has another form";
};

const shortened = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
};

const partThatDiffers = (was: JournalTurn | undefined, is: JournalTurn | undefined): string => {
  if (was === undefined || is === undefined) return "what was sampled or answered is another";
  const ids = (turn: JournalTurn): unknown => turn.sampled.map((one) => one.ids);
  if (!isDeepStrictEqual(ids(was), ids(is))) return "other tokens were sampled";
  if (!isDeepStrictEqual(was.sampled, is.sampled)) return "log-probabilities or the version differ";
  return isDeepStrictEqual(was.call, is.call) ? "the tool's reply differs" : "another call was made";
};

/** A row of the journal: a reply by its hash, or a trajectory whose turns name replies. */
interface JournalRow {
  readonly reply?: string;
  readonly observation?: JournalTurn["observation"];
  readonly trajectory?: string;
  readonly turns?: readonly (Omit<JournalTurn, "observation"> & { readonly observation: string | null })[];
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What is looked at in a row; whether it is what was written, its hash tells. */
const isJournalRow = (row: unknown): row is JournalRow =>
  isRecord(row) && (row.turns === undefined || (Array.isArray(row.turns) && row.turns.every(isRecord)));

const isDigest = (row: unknown): row is Digest =>
  isRecord(row) && isRecord(row.turns) && Object.values(row.turns).every(Array.isArray);

const remember = (
  { reply, observation, trajectory, turns }: JournalRow,
  trajectories: Map<string, readonly JournalTurn[]>,
  replies: Map<string, JournalTurn["observation"]>,
): void => {
  if (typeof reply === "string") replies.set(reply, observation ?? null);
  else if (typeof trajectory === "string" && Array.isArray(turns))
    trajectories.set(
      trajectory,
      turns.map((turn) => ({
        ...turn,
        observation: turn.observation === null ? null : (replies.get(turn.observation) ?? null),
      })),
    );
};

/** The turns that the journal holds in full, by trajectory. */
const journalIn = async (folder: string): Promise<Map<string, readonly JournalTurn[]>> => {
  const found = new Map<string, readonly JournalTurn[]>();
  for (const name of await readdir(join(folder, "journal")).catch(() => [])) await readJournal(folder, name, found);
  return found;
};

const readJournal = async (
  folder: string,
  name: string,
  found: Map<string, readonly JournalTurn[]>,
): Promise<Map<string, readonly JournalTurn[]>> => {
  const replies = new Map<string, JournalTurn["observation"]>();
  for (const [i, row] of (await readLines(join(folder, "journal", name))).entries()) {
    if (!isJournalRow(row)) throw new Difference(`journal/${name}, line ${i + 1}: it is no row of a journal`);
    remember(row, found, replies);
  }
  return found;
};

/** The journal against the hashes of its turns: what was altered in it is found without doing anything again. */
export const checkJournal = async (folder: string): Promise<void> => {
  const hashes = new Map<string, readonly string[]>();
  const path = join(folder, "digests.jsonl");
  for (const [i, row] of (await readLines(path)).entries()) {
    if (!isDigest(row)) throw new StoreError(`${path} is damaged: line ${i + 1} holds no hashes of turns.`);
    for (const [id, turns] of Object.entries(row.turns)) hashes.set(id, turns);
  }
  for (const name of (await readdir(join(folder, "journal")).catch(() => [])).sort())
    for (const [id, turns] of await readJournal(folder, name, new Map())) {
      const kept = hashes.get(id);
      // A step that was under way when the run died has no hashes yet.
      if (kept === undefined) continue;
      const places = Array.from({ length: Math.max(turns.length, kept.length) }, (_, i) => i);
      const at = places.find((i) => turns[i] === undefined || hashOf(turns[i]) !== kept[i]);
      if (at !== undefined)
        throw new Difference(
          `journal/${name}, trajectory ${id}, turn ${at + 1}: it does not have the hash that digests.jsonl keeps of it`,
        );
    }
};
