import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { makeChosenFolder, makeFolder } from "../files/make-folder.ts";
import { abortSignal, callback, checked, name, oneOf, type Rules, required, truth } from "../options.ts";
import { writeDurably } from "../store/durable.ts";
import { readRun } from "../store/stored-run.ts";
import { atifOf } from "./formats/atif.ts";
import { beganOf, type Exported, type ExportSource } from "./formats/exported.ts";
import { logAround, sampleIdOf, sampleOf } from "./formats/inspect.ts";
import { messagesOf, sessionOf } from "./formats/messages.ts";
import { storedRows } from "./stored-rows.ts";

/** Formats of trajectories that other programs read. */
export const trajectoryFormats = ["atif", "session-traces", "inspect", "messages"] as const;
export type TrajectoryFormat = (typeof trajectoryFormats)[number];

/** Which trajectories of a run are meant; those left out of a filter are all. */
export interface ExportFilters {
  /** `before`, `after`, `coldStart`, `failing`; of a run that answers questions there are none. */
  readonly phase?: string | undefined;
  readonly set?: string | undefined;
  readonly family?: string | undefined;
  readonly task?: string | undefined;
  /** Only those that earned the whole reward, or ended as solved where there is no reward. */
  readonly solved?: boolean | undefined;
}

export interface ExportRunOptions extends ExportFilters {
  readonly format: TrajectoryFormat;
  /**
   * `inspect` and `messages` write a file, `session-traces` a folder with a file a trajectory; `atif` a folder too, or JSON
   * lines where the name ends in `.jsonl`. Nothing that is there is written over.
   */
  readonly out: string;
  /** Version of this package, which the formats name. */
  readonly version: string;
  readonly onProgress?: ((written: number) => void) | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

export interface ExportedRun {
  readonly run: string;
  readonly format: TrajectoryFormat;
  readonly out: string;
  readonly written: number;
  /** Rollouts of training of which the run keeps only what the planner said: no format can hold them. */
  readonly leftOut: number;
}

const optionRules: Rules<ExportRunOptions> = {
  format: required(oneOf(...trajectoryFormats)),
  out: required(name),
  version: required(name),
  phase: name,
  set: name,
  family: name,
  task: name,
  solved: truth,
  onProgress: callback,
  abortSignal,
};

/**
 * Writes the trajectories of a run for other programs, one at a time, so that none but the current one is in memory. Throws
 * `ConfigError` where nothing is left to write or `out` is there already, and `StoreError`.
 *
 * @example
 * ```ts
 * import { exportRun } from "agentflow/review";
 *
 * const options = { format: "messages", out: "solved.jsonl", version: "1", phase: "after", solved: true } as const;
 * console.log((await exportRun("runs/2026-11-29-1412-7f3a", options)).written);
 * ```
 */
export const exportRun = async (folder: string, options: ExportRunOptions): Promise<ExportedRun> => {
  checked("exportRun", options, optionRules);
  const { format, out, version } = options;
  const id = basename(resolve(folder));
  const { config } = await readRun(dirname(resolve(folder)), id);
  const { model = "unknown" } = (config ?? {}) as { readonly model?: unknown };
  const source: ExportSource = {
    run: id,
    version,
    model: String(model),
    began: beganOf(id) ?? (await beganByFiles(folder)),
  };
  if (await isThere(out))
    throw new ConfigError(`${out} is there already, and nothing is written over: remove it, or choose another --out.`);
  const counted: Counted = {
    leftOut: 0,
    known: { phase: new Set(), set: new Set(), family: new Set(), task: new Set() },
  };
  const chosen = (): AsyncGenerator<Exported> => chosenOf(folder, id, options, counted);
  const { [format]: write } = writers;
  const written = await write(chosen, source, options);
  if (written > 0) return { run: id, format, out, written, leftOut: counted.leftOut };
  requireKnown(id, options, counted);
  throw new ConfigError(
    `The run ${id} has no evaluated trajectory${lookedFor(options)}. ${counted.leftOut === 0 ? "" : `Rollouts of training (${counted.leftOut}) are kept as what the planner said, without calls and results, and cannot be written. `}Leave a filter out, or see what there is: agentflow runs query.`,
  );
};

/** What was asked for of a run, in words. */
const lookedFor = ({ phase, set, family, task, solved = false }: ExportRunOptions): string => {
  const named = Object.entries({ phase, set, family, task }).flatMap(([filter, name]) =>
    name === undefined ? [] : [`of the ${filter} ${JSON.stringify(name.slice(0, 200))}`],
  );
  const wanted = [...named, ...(solved ? ["that earned the whole reward (--solved)"] : [])];
  return wanted.length === 0 ? "" : ` ${wanted.join(" ")}`;
};

/** When the first of a run's files was written: its configuration, which nothing changes later. */
const beganByFiles = async (folder: string): Promise<number> => {
  const { mtimeMs } = await stat(join(folder, "config.json"));
  return Math.floor(mtimeMs / 1000) * 1000;
};

/** What a run holds: shown where a filter leaves nothing of it. */
interface Counted {
  leftOut: number;
  readonly known: Readonly<Record<"phase" | "set" | "family" | "task", Set<string>>>;
}

/** Throws `ConfigError` for a filter that names what the run has not. */
const requireKnown = (run: string, options: ExportRunOptions, { known }: Counted): void => {
  const listOf = (names: ReadonlySet<string>): string => [...names].join(", ") || "none";
  for (const filter of ["phase", "set", "family", "task"] as const) {
    const { [filter]: named } = options;
    if (named === undefined || known[filter].has(named)) continue;
    const there =
      filter === "task"
        ? `it has ${known.task.size} others, such as ${[...known.task][0] ?? "none"}`
        : filter === "family"
          ? `its families are ${listOf(known.family)}`
          : `its evaluation sets are ${listOf(known.set)}, and its phases ${listOf(known.phase)}`;
    throw new ConfigError(
      `The run ${run} has no trajectory of the ${filter} ${JSON.stringify(named.slice(0, 200))}: ${there}.`,
    );
  }
};

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

async function* chosenOf(
  folder: string,
  run: string,
  { phase, set, family, task, solved = false, abortSignal }: ExportRunOptions,
  counted: Counted,
): AsyncGenerator<Exported> {
  counted.leftOut = 0;
  for await (const row of storedRows(folder)) {
    abortSignal?.throwIfAborted();
    const { trajectory, reward } = row;
    for (const filter of ["phase", "set", "family", "task"] as const) {
      const { [filter]: value } = row;
      if (value !== undefined) counted.known[filter].add(value);
    }
    const passes =
      (phase === undefined || row.phase === phase) &&
      (set === undefined || row.set === set) &&
      (family === undefined || row.family === family) &&
      (task === undefined || row.task === task) &&
      (!solved || (reward === undefined ? trajectory?.status === "solved" : reward === 1));
    if (!passes) continue;
    if (trajectory === undefined) {
      counted.leftOut += 1;
      continue;
    }
    const { phase: of, step, set: from, family: like, expected } = row;
    yield { trajectory, run, phase: of, step, set: from, family: like, expected, reward };
  }
}

type Choose = () => AsyncGenerator<Exported>;
type Write = (chosen: Choose, source: ExportSource, options: ExportRunOptions) => Promise<number>;

const writers: Readonly<Record<TrajectoryFormat, Write>> = {
  atif: async (chosen, source, options) => {
    const { out } = options;
    if (!out.endsWith(".jsonl"))
      return intoFolder(chosen, options, "json", (one) => `${JSON.stringify(atifOf(one, source), null, 2)}\n`);
    return intoFile(chosen, options, (one) => `${JSON.stringify(atifOf(one, source))}\n`);
  },
  messages: (chosen, _, options) =>
    intoFile(chosen, options, ({ trajectory }) => `${JSON.stringify({ messages: messagesOf(trajectory) })}\n`),
  "session-traces": (chosen, source, options) =>
    intoFolder(chosen, options, "jsonl", (one) =>
      sessionOf(one, source)
        .map((row) => `${JSON.stringify(row)}\n`)
        .join(""),
    ),
  inspect: async (chosen, source, options) => {
    const [rewards, ids]: [(number | undefined)[], string[]] = [[], []];
    for await (const one of chosen()) {
      rewards.push(one.reward);
      ids.push(sampleIdOf(one));
    }
    if (ids.length === 0) return 0;
    const [head, tail] = logAround(source, rewards, ids);
    const sample = (one: Exported, i: number): string =>
      `${i === 0 ? "" : ","}\n${JSON.stringify(sampleOf(one, source.model))}`;
    return intoFile(chosen, options, sample, head, tail);
  },
};

/** Writes a file piece by piece, which has its name once it is whole. */
const intoFile = async (
  chosen: Choose,
  { out, onProgress, abortSignal }: ExportRunOptions,
  pieceOf: (one: Exported, index: number) => string,
  head = "",
  tail = "",
): Promise<number> => {
  const draft = `${out}.tmp`;
  await makeChosenFolder(dirname(resolve(out)));
  const stream = createWriteStream(draft);
  // Its error is thrown by what waits for it; without a listener it would end the process.
  stream.on("error", () => undefined);
  let written = 0;
  try {
    const put = async (text: string): Promise<void> => {
      if (stream.errored !== null) throw stream.errored;
      if (text !== "" && !stream.write(text)) await once(stream, "drain");
    };
    await put(head);
    for await (const one of chosen()) {
      await put(pieceOf(one, written));
      written += 1;
      onProgress?.(written);
    }
    await put(tail);
    stream.end();
    await finished(stream);
    abortSignal?.throwIfAborted();
    if (written > 0) await rename(draft, out);
    else await rm(draft, { force: true });
    return written;
  } catch (error) {
    stream.destroy();
    // A file that is still being opened would come after it was removed.
    if (!stream.closed) await once(stream, "close").catch(() => undefined);
    await rm(draft, { force: true });
    abortSignal?.throwIfAborted();
    throw written === 0 || (error as NodeJS.ErrnoException).code !== undefined
      ? new StoreError(`Cannot write ${out}: ${messageOf(error)}`, { cause: error })
      : error;
  }
};

/** Writes a file a trajectory, named after its place and its task, into a folder that has its name once it is whole. */
const intoFolder = async (
  chosen: Choose,
  { out, onProgress, abortSignal }: ExportRunOptions,
  ending: string,
  textOf: (one: Exported) => string,
): Promise<number> => {
  const draft = `${resolve(out)}.${process.pid}.tmp`;
  let written = 0;
  try {
    for await (const one of chosen()) {
      if (written === 0) await makeFolder(draft);
      written += 1;
      const task = one.trajectory.query.id.replace(/[^A-Za-z0-9_.-]+/g, "-").slice(0, 80);
      const place = [String(written).padStart(6, "0"), one.phase, task].filter(
        (part) => part !== undefined && part !== "",
      );
      await writeDurably(join(draft, `${place.join("-")}.${ending}`), textOf(one));
      onProgress?.(written);
    }
    abortSignal?.throwIfAborted();
    if (written > 0) await rename(draft, out);
    return written;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
};

/** Files of a folder in the order of their names, or the file itself. */
export const filesIn = async (path: string, ending: RegExp): Promise<readonly string[]> => {
  const found = await stat(path).catch((cause: unknown) => {
    throw new ConfigError(`There is no file and no folder ${path}: ${messageOf(cause)}.`, { cause });
  });
  if (!found.isDirectory()) return [path];
  return (await readdir(path))
    .filter((file) => ending.test(file))
    .sort()
    .map((file) => join(path, file));
};
