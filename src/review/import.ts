import { readFile, stat } from "node:fs/promises";
import { parseJson } from "../bounded-json.ts";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { parseLine, streamLines } from "../store/lines.ts";
import { RUN_FILE_LIMITS } from "../store/stored-run.ts";
import type { Trajectory } from "../trajectory.ts";
import { filesIn } from "./export.ts";
import { type KnownOfAtif, knownOfAtif, trajectoryOfAtif } from "./formats/read-atif.ts";

/** Larger files are no documents of one trajectory. */
const MOST_BYTES = 64 * 2 ** 20;

/** A trajectory with what its file says of its task, where it says it: what a run's own rows say. */
export type ImportedTrajectory = Trajectory & KnownOfAtif;

/**
 * The trajectories of ATIF documents: a file, a file of JSON lines, or a folder of either. `learnFromTrajectories` takes
 * them as they are, and imitates none whose file says that it earned less than the whole reward. Throws `ConfigError` where there is nothing, and `StoreError` for what is not ATIF.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { learnFromTrajectories } from "agentflow/learn";
 * import { type ImportedTrajectory, importAtif } from "agentflow/review";
 *
 * const trajectories: ImportedTrajectory[] = [];
 * for await (const one of importAtif("others")) trajectories.push(one);
 * const { report } = learnFromTrajectories({ environment: almanac(), trajectories, steps: 50 });
 * ```
 */
export const importAtif = (path: string): AsyncGenerator<ImportedTrajectory> => trajectoriesIn(path);

async function* trajectoriesIn(path: string): AsyncGenerator<ImportedTrajectory> {
  const files = await filesIn(path, /\.jsonl?$/);
  if (files.length === 0) throw new ConfigError(`${path} has no files that end in .json or .jsonl.`);
  for (const file of files) {
    for await (const { document, place } of documentsIn(file))
      yield { ...trajectoryOfAtif(document, place), ...knownOfAtif(document) };
  }
}

async function* documentsIn(file: string): AsyncGenerator<{ readonly document: unknown; readonly place: string }> {
  if (!file.endsWith(".jsonl")) {
    yield { document: await readDocument(file), place: file };
    return;
  }
  let number = 0;
  for await (const line of streamLines(file, 0, true)) {
    number += 1;
    if (line.toString("utf8").trim() !== "")
      yield { document: parseLine(line, file, number), place: `${file}, line ${number},` };
  }
}

const readDocument = async (file: string): Promise<unknown> => {
  const { size } = await stat(file);
  if (size > MOST_BYTES) throw new StoreError(`${file} takes ${size} bytes: accepted are ${MOST_BYTES}.`);
  try {
    return parseJson(await readFile(file, "utf8"), RUN_FILE_LIMITS);
  } catch (cause) {
    throw new StoreError(`${file} is not JSON that can be read: ${messageOf(cause)}.`, { cause });
  }
};
