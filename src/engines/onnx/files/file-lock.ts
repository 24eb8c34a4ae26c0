import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, rm, stat, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";

/** A sign of life is written this often, and its lack for `DEAD_MS` means that the holder is gone. */
const BEAT_MS = 5_000;
const DEAD_MS = 60_000;
const LOOK_MS = 200;

interface Holder {
  readonly pid: number;
  readonly host: string;
  readonly id: string;
}

const readHolder = async (path: string): Promise<Holder | undefined> => {
  try {
    return JSON.parse(await readFile(path, "utf8")) as Holder;
  } catch {
    // Gone meanwhile, or being written: the next look tells.
    return undefined;
  }
};

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
};

/** Whether a lock's holder is gone: its process is not there, or has long given no sign. */
const isDead = async (path: string, holder: Holder | undefined): Promise<boolean> => {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return false;
  if (Date.now() - found.mtimeMs > DEAD_MS) return true;
  return holder !== undefined && holder.host === hostname() && !isAlive(holder.pid);
};

/** Takes a dead holder's lock away, unless somebody else just did and holds it now. */
const bury = async (path: string, dead: Holder | undefined): Promise<void> => {
  const aside = `${path}.${randomUUID()}`;
  await rename(path, aside).catch(() => undefined);
  const moved = await readHolder(aside);
  if (moved !== undefined && moved.id !== dead?.id) await link(aside, path).catch(() => undefined);
  await rm(aside, { force: true });
};

/**
 * Holds a lock file while `work` runs; a second process waits, and takes over from one that died. `onWait` is told once
 * when there is somebody to wait for.
 */
export const withFileLock = async <T>(
  path: string,
  work: () => Promise<T>,
  {
    abortSignal,
    onWait,
  }: { readonly abortSignal?: AbortSignal; readonly onWait?: (pid: number | undefined) => void } = {},
): Promise<T> => {
  const id = randomUUID();
  for (let told = false; ; ) {
    abortSignal?.throwIfAborted();
    const handle = await open(path, "wx").catch((error: NodeJS.ErrnoException) => {
      if (error.code === "EEXIST") return undefined;
      throw error;
    });
    if (handle !== undefined) {
      await handle.writeFile(JSON.stringify({ pid: process.pid, host: hostname(), id } satisfies Holder));
      await handle.close();
      break;
    }
    const holder = await readHolder(path);
    if (await isDead(path, holder)) {
      await bury(path, holder);
      continue;
    }
    if (!told) onWait?.(holder?.pid);
    told = true;
    await sleep(LOOK_MS, undefined, abortSignal && { signal: abortSignal }).catch(() => undefined);
  }
  // A beat that fails shows as an old one.
  const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), BEAT_MS).unref();
  try {
    return await work();
  } finally {
    clearInterval(beat);
    if ((await readHolder(path))?.id === id) await rm(path, { force: true });
  }
};
