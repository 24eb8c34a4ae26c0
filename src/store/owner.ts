import { join } from "node:path";
import { messageOf, StoreError } from "../errors.ts";
import { type FileLock, holderOf, type LockHolder, tryLock } from "../files/file-lock.ts";
import { isOfThisMachine } from "../files/process-name.ts";

const lockIn = (folder: string): string => join(folder, ".owner");

/**
 * Takes a run for this process, until the lock is given back. A run whose owner has died is taken over. Throws
 * `StoreError` that says who has it.
 */
export const own = async (folder: string): Promise<FileLock> => {
  const { lock, holder } = await tryLock(lockIn(folder)).catch((error: unknown) => {
    throw new StoreError(`Cannot take the run ${folder}: ${messageOf(error)}`, { cause: error });
  });
  if (lock === undefined) throw await ownedBy(folder, holder);
  return lock;
};

/** Throws `StoreError` when a process is working on a run. Writes nothing, so that it does for folders that are read only. */
export const requireIdle = async (folder: string): Promise<void> => {
  const holder = await holderOf(lockIn(folder));
  if (holder !== undefined) throw await ownedBy(folder, holder);
};

const ownedBy = async (folder: string, holder: LockHolder): Promise<StoreError> =>
  new StoreError(
    (await isOfThisMachine(holder))
      ? `The run ${folder} belongs to the process ${holder.pid}, which is working on it. Wait for it, or end it.`
      : `The run ${folder} belongs to the process ${holder.pid} of another machine or container, ${JSON.stringify(holder.host)}. If that is gone, remove ${lockIn(folder)}.`,
  );
