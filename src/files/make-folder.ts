import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { ConfigError } from "../errors.ts";

const isFolder = (path: string): Promise<boolean> =>
  stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );

/**
 * Makes a folder and those above it, one by one: Node's recursive mkdir never returns where a parent refuses all names
 * (`/proc`). Returns the first that it made, undefined when there was nothing to do. Throws what the system says.
 */
export const makeFolder = async (folder: string): Promise<string | undefined> => {
  if (await isFolder(folder)) return undefined;
  const parent = dirname(folder);
  const first = parent === folder ? undefined : await makeFolder(parent);
  try {
    await mkdir(folder);
  } catch (error) {
    // Somebody else made it.
    if (await isFolder(folder)) return first;
    throw error;
  }
  return first ?? folder;
};

/** Makes a folder that somebody chose. Throws `ConfigError` when there cannot be one. */
export const makeChosenFolder = async (folder: string): Promise<void> => {
  await makeFolder(folder).catch((cause: Error) => {
    throw new ConfigError(`The folder ${folder} cannot be made: ${cause.message}. Choose another one.`, { cause });
  });
};
