import { createReadStream } from "node:fs";
import { open, stat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import { pacer } from "../pacer.ts";
import { parseLine, streamLines } from "../store/lines.ts";
import { rowsOf, type TrajectoryRows } from "../store/trajectory-rows.ts";

/** Which lines of a run's `trajectories.jsonl` are wanted. */
export interface LineFilter {
  /** Names it: what was found is kept under this name, and only new lines are looked at later. */
  readonly key: string;
  /** Whether the bytes of a line say that it fits, or does not; undefined where it has to be parsed. */
  readonly says: (line: Buffer) => boolean | undefined;
  readonly fits: (row: TrajectoryRows) => boolean;
}

/** Where the lines of runs stand. Nothing of their contents is kept: a run of 100,000 trajectories opens at once. */
export interface TrajectoryLines {
  /** Numbers of the lines that fit, from 1 and oldest first; of all without a filter. Throws `StoreError`. */
  find(folder: string, filter?: LineFilter): Promise<readonly number[]>;
  /** The rows of some lines, in their order. Throws `StoreError` for one that is damaged. */
  read(folder: string, lines: readonly number[]): Promise<readonly TrajectoryRows[]>;
}

/** Of one file: where each line begins, and which lines fitted which filter. */
interface Known {
  /** One more than there are lines: the last is where the next line will begin. */
  readonly starts: number[];
  readonly numbers: number[];
  readonly found: Map<string, { readonly lines: number[]; looked: number }>;
  /** What is under way; the next one begins after it. */
  last: Promise<unknown>;
}

/** Files and filters that are remembered. */
const MOST_FILES = 8;
const MOST_FILTERS = 32;
/** Bytes that are looked through before other work runs. */
const PACE = 2 ** 18;

export const trajectoryLines = (): TrajectoryLines => {
  const files = new Map<string, Known>();
  const knownOf = (path: string): Known => {
    const known = files.get(path) ?? { starts: [0], numbers: [], found: new Map(), last: Promise.resolve() };
    files.delete(path);
    files.set(path, known);
    const [oldest] = files.keys();
    if (files.size > MOST_FILES && oldest !== undefined) files.delete(oldest);
    return known;
  };
  /** One change of what is known of a file at a time. */
  const inTurn = <Result>(known: Known, work: () => Promise<Result>): Promise<Result> => {
    const done = known.last.then(work, work);
    known.last = done.catch(() => undefined);
    return done;
  };
  return {
    find: (folder, filter) => {
      const path = join(folder, "trajectories.jsonl");
      const known = knownOf(path);
      return inTurn(known, async () => {
        await extend(known, path);
        return filter === undefined ? known.numbers : matching(known, path, filter);
      });
    },
    read: (folder, lines) => {
      const path = join(folder, "trajectories.jsonl");
      return readFrom(knownOf(path), path, lines);
    },
  };
};

/** Notes where the lines begin that came since. A file that was cut is read again from its beginning. */
const extend = async (known: Known, path: string): Promise<void> => {
  const { starts, numbers, found } = known;
  const size = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  if (size < (starts.at(-1) ?? 0)) {
    starts.splice(0, starts.length, 0);
    numbers.length = 0;
    found.clear();
  }
  const from = starts.at(-1) ?? 0;
  if (size <= from) return;
  let at = from;
  // Line breaks are all that is looked for: a line that is not wanted is not even put together.
  for await (const chunk of createReadStream(path, { start: from, highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, end + 1)) {
      starts.push(at + end + 1);
      numbers.push(starts.length - 1);
    }
    at += chunk.length;
  }
};

const matching = async (known: Known, path: string, { key, says, fits }: LineFilter): Promise<readonly number[]> => {
  const { starts, numbers, found } = known;
  const before = found.get(key) ?? { lines: [], looked: 0 };
  found.delete(key);
  found.set(key, before);
  const [oldest] = found.keys();
  if (found.size > MOST_FILTERS && oldest !== undefined) found.delete(oldest);
  if (before.looked >= numbers.length) return before.lines;
  const pace = pacer(PACE);
  for await (const line of streamLines(path, starts[before.looked])) {
    if (before.looked >= numbers.length) break;
    const number = before.looked + 1;
    if (says(line) ?? fits(rowsOf(checkedRow(line, path, number)))) before.lines.push(number);
    before.looked = number;
    await pace(line.length);
  }
  return before.lines;
};

const checkedRow = (line: Buffer, path: string, number: number): unknown => {
  const row = parseLine(line, path, number);
  const version = (row as { schemaVersion?: unknown } | null)?.schemaVersion;
  if (version === 1) return row;
  throw new StoreError(`Line ${number} of ${path} has schemaVersion ${JSON.stringify(version)}; this version reads 1.`);
};

const readFrom = async (known: Known, path: string, lines: readonly number[]): Promise<readonly TrajectoryRows[]> => {
  if (lines.length === 0) return [];
  const pace = pacer(PACE);
  const file = await open(path, "r");
  try {
    const rows: TrajectoryRows[] = [];
    const startOf = (number: number): number => known.starts[number - 1] ?? 0;
    for (const { first, last } of stretchesOf(lines, startOf)) {
      const from = startOf(first);
      const stretch = Buffer.alloc(startOf(last + 1) - from);
      const { bytesRead } = await file.read(stretch, 0, stretch.length, from);
      for (let number = first; number <= last; number += 1) {
        const line = stretch.subarray(startOf(number) - from, Math.min(bytesRead, startOf(number + 1) - from));
        rows.push(rowsOf(checkedRow(line, path, number)));
        await pace(line.length);
      }
    }
    return rows;
  } finally {
    await file.close();
  }
};

/** Bytes that are read at once, where it is more than a line. */
const STRETCH = 2 ** 20;

/** Lines that stand one after another are read together. */
const stretchesOf = (
  lines: readonly number[],
  startOf: (number: number) => number,
): readonly { readonly first: number; readonly last: number }[] => {
  const stretches: { readonly first: number; last: number }[] = [];
  for (const number of lines) {
    const latest = stretches.at(-1);
    if (latest?.last === number - 1 && startOf(number + 1) - startOf(latest.first) <= STRETCH) latest.last = number;
    else stretches.push({ first: number, last: number });
  }
  return stretches;
};

type Plain = TrajectoryRows["trajectory"]["plain"];

/** How our writers begin a row: what stands here need not be parsed. */
const HEAD = /^\{"schemaVersion":1,"phase":"([^"\\]{0,40})"(?:,"step":(\d{1,15}))?[,}]/;
/** Where that ends, at the latest. */
const HEAD_BYTES = 120;

/** Lines whose columns have these values. A row that our writers wrote has each of them in its bytes. */
export const columnFilter = (wanted: Partial<Plain>): LineFilter => {
  const columns = Object.entries(wanted) as [keyof Plain, Plain[keyof Plain]][];
  const bytes = columns.map(([column, value]) =>
    Buffer.from(column === "step" ? `"step":${value}` : JSON.stringify(value)),
  );
  const others = columns.filter(([column]) => column !== "phase" && column !== "step");
  return {
    key: JSON.stringify(columns),
    says: (line) => {
      if (!bytes.every((part) => line.includes(part))) return false;
      const [head, phase, step] = HEAD.exec(line.toString("latin1", 0, HEAD_BYTES)) ?? [];
      if (head === undefined || others.length > 0 || (wanted.step !== undefined && step === undefined))
        return undefined;
      return (
        (wanted.phase === undefined || wanted.phase === phase) &&
        (wanted.step === undefined || wanted.step === Number(step))
      );
    },
    fits: ({ trajectory }) => columns.every(([column, value]) => trajectory.plain[column] === value),
  };
};

const TRAINED = Buffer.from('"phase":"train"');

/** Lines of tasks that were scored outside of training. */
export const evaluatedFilter: LineFilter = {
  key: "evaluated",
  says: (line) => (line.subarray(0, HEAD_BYTES).includes(TRAINED) ? false : undefined),
  fits: ({ trajectory: { plain } }) => plain.phase !== "train" && plain.reward !== null,
};
