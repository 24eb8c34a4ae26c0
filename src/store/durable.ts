import { rm } from "node:fs/promises";
import { dirname } from "node:path";
import { messageOf, StoreError } from "../errors.ts";
import { open, rename, sync, syncFolder, write } from "../files/file-calls.ts";

/** Writes a file that does not exist yet, and syncs it. */
export const writeSynced = async (path: string, content: string | Uint8Array): Promise<void> => {
  const handle = await open(path, "w");
  try {
    await write(handle, content);
    await sync(handle);
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
    await writeSynced(draft, content);
    await rename(draft, path);
    await syncFolder(dirname(path));
  } catch (error) {
    await rm(draft, { force: true }).catch(() => undefined);
    throw new StoreError(`Cannot write ${path}: ${messageOf(error)}`, { cause: error });
  }
};
