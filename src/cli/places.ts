import { realpath, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError } from "../errors.ts";
import { exists } from "../store/run-folder.ts";

/** The real path of a place, also of one that is still to be made. */
export const realPlace = async (path: string): Promise<string> =>
  realpath(path).catch(() => {
    const above = dirname(resolve(path));
    return above === resolve(path) ? above : realPlace(above).then((found) => join(found, basename(path)));
  });

/** Throws `ConfigError` for a place among the files of a run, which say what it did. */
export const requireOutsideOfRuns = async (path: string): Promise<void> => {
  for (let at = dirname(await realPlace(path)); at !== dirname(at); at = dirname(at))
    if ((await exists(join(at, "config.json"))) && (await exists(join(at, "trajectories.jsonl"))))
      throw new ConfigError(
        `${path} lies in the folder of the run ${basename(at)}, whose files say what it did: choose another place.`,
      );
};

/** Before the work: throws `ConfigError` for a file that cannot be written because of where it would lie. */
export const requirePlaceFor = async (file: string): Promise<void> => {
  const folder = await stat(dirname(resolve(file))).catch(() => undefined);
  if (folder === undefined)
    throw new ConfigError(`There is no folder ${dirname(file)} for ${basename(file)}: make it.`);
  if (!folder.isDirectory()) throw new ConfigError(`${dirname(file)} is not a folder: name another place for ${file}.`);
  const found = await stat(file).catch(() => undefined);
  if (found?.isDirectory() === true) throw new ConfigError(`${file} is a folder: name a file.`);
};

/** Throws `ConfigError` where runs are to be read and there is no folder. */
export const requireRunsAt = async (folder: string): Promise<void> => {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined)
    throw new ConfigError(
      `There is no folder ${folder}: name the one of your runs with --out. agentflow learn makes one.`,
    );
  if (!found.isDirectory()) throw new ConfigError(`${folder} is not a folder: name the one of your runs with --out.`);
};

/** Before the work: throws `ConfigError` where a folder is to be and a file is. */
export const requireFolderAt = async (path: string): Promise<void> => {
  for (let at = resolve(path); ; at = dirname(at)) {
    const found = await stat(at).catch(() => undefined);
    if (found?.isDirectory() === true) return;
    if (found !== undefined) throw new ConfigError(`${at} is a file: name a folder.`);
  }
};
