import { type FileHandle, link as linkFile, open as openFile, rename as renameFile, rm } from "node:fs/promises";

/**
 * The few calls by which runs and locks change on the disk. Each is a moment at which a process may die or a disk be full:
 * `check:crash-points` and `check:disk-full` go through them all.
 */

export const open = (path: string, flags: "w" | "a" | "wx"): Promise<FileHandle> => openFile(path, flags);

export const write = (handle: FileHandle, content: string | Uint8Array): Promise<void> => handle.appendFile(content);

export const sync = (handle: FileHandle): Promise<void> => handle.sync();

export const rename = (from: string, to: string): Promise<void> => renameFile(from, to);

/** Gives a file a second name. Throws `EEXIST` when there is something of that name: never replaces it. */
export const link = (from: string, to: string): Promise<void> => linkFile(from, to);

export const remove = (path: string): Promise<void> => rm(path, { recursive: true, force: true });

/** Cuts a file to a length, durably. */
export const truncate = async (path: string, length: number): Promise<void> => {
  const handle = await openFile(path, "r+");
  try {
    await handle.truncate(length);
    await handle.sync();
  } finally {
    await handle.close();
  }
};

/** Makes a folder's list of names survive a power cut. Windows cannot open folders and needs no such step. */
export const syncFolder = async (folder: string): Promise<void> => {
  if (process.platform === "win32") return;
  const handle = await openFile(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
