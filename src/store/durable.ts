import { open, rename, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, StoreError } from "../errors.ts";

/** Makes a folder's list of names survive a power cut. Windows cannot open folders and needs no such step. */
export const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/**
 * Writes a file so that at any moment, crash and power cut included, its path holds either all of the old content or
 * all of the new: a draft beside it, synced, renamed over it, then the folder synced. One writer a path at a time.
 * Throws `StoreError`, with the old content untouched.
 */
export const writeDurably = async (path: string, content: string | Uint8Array): Promise<void> => {
  const draft = `${path}.tmp`;
  try {
    const handle = await open(draft, "w");
    try {
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new StoreError(`Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
};
