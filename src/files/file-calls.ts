import { type FileHandle, link as linkFile, open as openFile, rename as renameFile, rm } from "node:fs/promises";

/**
 * The few calls by which runs and locks change on the disk. Each is a moment at which a process may die or a disk be full: with
 * AGENTFLOW_CRASH_AT=k the process kills itself before the k-th of them, with AGENTFLOW_FAIL_AT=k that one finds no room
 * (for `check:crash-points` and `check:disk-full`).
 */
let calls = 0;
const [crashAt, failAt] = [process.env.AGENTFLOW_CRASH_AT, process.env.AGENTFLOW_FAIL_AT].map(Number);

const before = (): void => {
  calls += 1;
  if (calls === crashAt) process.kill(process.pid, "SIGKILL");
  if (failAt !== undefined && calls >= failAt)
    throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
};

export const open = async (path: string, flags: "w" | "a" | "wx"): Promise<FileHandle> => {
  before();
  return openFile(path, flags);
};

export const write = async (handle: FileHandle, content: string | Uint8Array): Promise<void> => {
  before();
  await handle.appendFile(content);
};

export const sync = async (handle: FileHandle): Promise<void> => {
  before();
  await handle.sync();
};

export const rename = async (from: string, to: string): Promise<void> => {
  before();
  await renameFile(from, to);
};

/** Gives a file a second name. Throws `EEXIST` when there is something of that name: never replaces it. */
export const link = async (from: string, to: string): Promise<void> => {
  before();
  await linkFile(from, to);
};

export const remove = async (path: string): Promise<void> => {
  before();
  await rm(path, { recursive: true, force: true });
};

/** Cuts a file to a length, durably. */
export const truncate = async (path: string, length: number): Promise<void> => {
  before();
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
  before();
  const handle = await openFile(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
};
