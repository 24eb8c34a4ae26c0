import { readFile, stat } from "node:fs/promises";
import { parseJson } from "../bounded-json.ts";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { readLines } from "../store/lines.ts";
import { RUN_FILE_LIMITS } from "../store/stored-run.ts";
import type { Trajectory } from "../trajectory.ts";
import { filesIn } from "./export.ts";
import { trajectoryOfAtif } from "./formats/read-atif.ts";

/** Larger files are no documents of one trajectory. */
const MOST_BYTES = 64 * 2 ** 20;

/**
 * The trajectories of ATIF documents: a file, a file of JSON lines, or a folder of either. `learnFromTrajectories` takes
 * them as they are. Throws `ConfigError` where there is nothing, and `StoreError` for what is not ATIF.
 *
 * @example
 * ```ts
 * import type { Trajectory } from "agentflow";
 * import { almanac } from "agentflow/almanac";
 * import { learnFromTrajectories } from "agentflow/learn";
 * import { importAtif } from "agentflow/review";
 *
 * const trajectories: Trajectory[] = [];
 * for await (const one of importAtif("others")) trajectories.push(one);
 * const { report } = learnFromTrajectories({ environment: almanac(), trajectories, steps: 50 });
 * ```
 */
export const importAtif = (path: string): AsyncGenerator<Trajectory> => trajectoriesIn(path);

async function* trajectoriesIn(path: string): AsyncGenerator<Trajectory> {
  const files = await filesIn(path, /\.jsonl?$/);
  if (files.length === 0) throw new ConfigError(`${path} has no files that end in .json or .jsonl.`);
  for (const file of files) {
    const documents = file.endsWith(".jsonl") ? await readLines(file) : [await readDocument(file)];
    for (const [i, document] of documents.entries())
      yield trajectoryOfAtif(document, documents.length === 1 ? file : `${file}, line ${i + 1},`);
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
