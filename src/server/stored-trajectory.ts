import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { parseLine, streamLines } from "../store/lines.ts";
import { RequestError } from "./request-error.ts";

type Row = Readonly<Record<string, unknown>>;

/** A stored trajectory: its row, and of one of training the tokens of each turn while the journal still has them. */
export interface StoredTrajectory {
  readonly row: Row;
  /** Turns with what was sampled (token ids, log-probabilities), the call and what came of it; null once they are gone. */
  readonly journal: Row | null;
}

/** Reads the row of a line, which counts from 1. Throws `RequestError` 404 where there is no such line. */
export const storedTrajectory = async (folder: string, line: number): Promise<StoredTrajectory> => {
  const path = join(folder, "trajectories.jsonl");
  let number = 0;
  let place = 0;
  let step: unknown;
  let found: Row | undefined;
  // Rows of a step stand together: the journal has its trajectories in the same order.
  for await (const bytes of streamLines(path)) {
    number += 1;
    if (number < line - MOST_A_STEP) continue;
    const row = parseLine(bytes, path, number) as Row;
    place = row.phase === "train" && row.step === step ? place + 1 : 0;
    step = row.phase === "train" ? row.step : undefined;
    if (number < line) continue;
    found = row;
    break;
  }
  if (found === undefined)
    throw new RequestError(404, `The run has ${number} trajectories, and no line ${line}.`, { code: "no_trajectory" });
  const journal = typeof step === "number" ? await journalOf(folder, step, place) : undefined;
  return { row: found, journal: journal ?? null };
};

/** Trajectories of one step, at most: rows before those need not be parsed. */
const MOST_A_STEP = 5000;

/** The n-th trajectory of a step in the journal, with its observations put in. */
const journalOf = async (folder: string, step: number, place: number): Promise<Row | undefined> => {
  let at = 0;
  for await (const row of journalRows(folder, step)) {
    if (at === place) return row;
    at += 1;
  }
  return undefined;
};

/** The trajectories of a step in the journal, in their order, with their observations put in; none once they are gone. */
export async function* journalRows(folder: string, step: number): AsyncGenerator<Row> {
  const names = await readdir(join(folder, "journal")).catch(() => []);
  const firsts = names
    .flatMap((name) => {
      const first = /^(\d+)\.jsonl$/.exec(name)?.[1];
      return first === undefined || Number(first) > step ? [] : [{ name, first: Number(first) }];
    })
    .sort((a, b) => b.first - a.first);
  const [file] = firsts;
  if (file === undefined) return;
  const path = join(folder, "journal", file.name);
  const replies = new Map<unknown, unknown>();
  let number = 0;
  for await (const bytes of streamLines(path)) {
    number += 1;
    const row = parseLine(bytes, path, number) as Row;
    if (row.reply !== undefined) replies.set(row.reply, row.observation);
    if (typeof row.trajectory !== "string" || !row.trajectory.startsWith(`${step}/`)) continue;
    const turns = (Array.isArray(row.turns) ? row.turns : []) as readonly Row[];
    yield { ...row, turns: turns.map((turn) => ({ ...turn, observation: replies.get(turn.observation) ?? null })) };
  }
}
