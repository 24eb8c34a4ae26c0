import { randomUUID } from "node:crypto";
import { readdir, readFile, rm, stat, utimes } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { link, open, rename, sync, write } from "./file-calls.ts";
import { isAlive, isOfThisMachine, type ProcessName, thisProcess } from "./process-name.ts";

/**
 * One owner of a path among threads, processes and machines that share a folder. The packages for it (proper-lockfile,
 * lockfile) go by the age of a file, so that a process that was suspended shares its lock; Node has no `flock`.
 *
 *  - A lock is a small file that says who holds it. It is written beside its place, synced, and linked there: it is there
 *    as a whole or not at all, and of several only one is linked.
 *  - Who finds the holder dead links a file named after that holder, `<lock>.<token>.next`: of several only one succeeds
 *    it. Then it looks whether the dead one's file still is in place, and puts its own over it in one rename. A lock that
 *    is alive is never moved. Who dies in between is succeeded in the same way.
 *  - A holder is known by its process's number and by when that began: a number that was given again is another process.
 */
export interface FileLock {
  /** `create` where the file system has no hard links. A process that dies as it takes such a lock delays the next by seconds. */
  readonly by: "link" | "create";
  /** Gives the lock back; never that of another. */
  release(): Promise<void>;
}

/** Who holds a lock. */
export interface LockHolder extends ProcessName {
  /** Of this one time that it was taken. */
  readonly token: string;
}

/** The lock, or who has it. */
export type LockAttempt =
  | { readonly lock: FileLock; readonly holder?: undefined }
  | { readonly lock?: undefined; readonly holder: LockHolder };

export interface TryLockOptions {
  /** Whether a holder on another machine is known to be gone. @default unknown */
  readonly isGone?: ((holder: LockHolder) => boolean) | undefined;
}

/** Takes a lock if it is free or its holder is dead. Throws what the file system throws, such as `EACCES`. */
export const tryLock = async (path: string, { isGone = () => false }: TryLockOptions = {}): Promise<LockAttempt> => {
  const holder: LockHolder = { ...(await thisProcess()), token: randomUUID() };
  const draft = `${path}.${holder.token}.tmp`;
  const text = `${JSON.stringify({ schemaVersion: 1, ...holder })}\n`;
  const holds = async (other: LockHolder): Promise<boolean> => (await isAlive(other)) && !isGone(other);
  const held = async (by: FileLock["by"]): Promise<LockAttempt> => {
    // What is left there harms nobody.
    await sweep(path, holder.token).catch(() => undefined);
    return { lock: { by, release: () => release(path, holder.token) } };
  };
  try {
    await create(draft, text);
    for (;;) {
      const first = await holderIn(path);
      if (first === undefined) {
        const by = await place(draft, path, text);
        if (by === undefined) continue;
        return await held(by);
      }
      const last = await lastAfter(path, first, holds);
      if (await holds(last)) {
        if (last === first || (await holderIn(path, first))?.token === first.token) return { holder: last };
        // The successor came too late, and steps back.
        continue;
      }
      const next = nextOf(path, last);
      const by = await place(draft, next, text);
      if (by === undefined) continue;
      // Another one may have succeeded, and have taken away the file that this one would have met.
      if ((await holderIn(path, first))?.token !== first.token) {
        await rm(next, { force: true });
        continue;
      }
      await rename(draft, path);
      return await held(by);
    }
  } finally {
    await rm(draft, { force: true });
  }
};

/** Who holds a lock now; undefined when it is free or its holder is dead. Changes nothing. */
export const holderOf = async (path: string): Promise<LockHolder | undefined> => {
  const first = await holderIn(path);
  if (first === undefined) return undefined;
  const last = await lastAfter(path, first, isAlive);
  return (await isAlive(last)) ? last : undefined;
};

const LOOK_MS = 200;
/** Time between two signs of life; a holder on another machine that gives none for `GONE_MS` counts as dead. */
const BEAT_MS = 5_000;
const GONE_MS = 60_000;

export interface WithLockOptions {
  readonly abortSignal?: AbortSignal | undefined;
  /** Told once when there is somebody to wait for. */
  readonly onWait?: ((pid: number) => void) | undefined;
}

/** Holds a lock while `work` runs; a second process waits, and takes over from a dead one. */
export const withLock = async <T>(
  path: string,
  work: () => Promise<T>,
  { abortSignal, onWait }: WithLockOptions = {},
): Promise<T> => {
  let waited: { readonly token: string; readonly beat: number; readonly since: number } | undefined;
  const isGone = ({ token }: LockHolder): boolean =>
    waited?.token === token && performance.now() - waited.since > GONE_MS;
  for (;;) {
    abortSignal?.throwIfAborted();
    const { lock, holder } = await tryLock(path, { isGone });
    if (lock !== undefined) {
      // A sign that could not be given shows as an old one.
      const beat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => undefined), BEAT_MS).unref();
      try {
        return await work();
      } finally {
        clearInterval(beat);
        await lock.release();
      }
    }
    if (waited === undefined) onWait?.(holder.pid);
    const beat = (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
    // Who is of this machine is asked, however long it gives no sign.
    const watched = waited?.token === holder.token && waited.beat === beat && !(await isOfThisMachine(holder));
    if (!watched) waited = { token: holder.token, beat, since: performance.now() };
    await sleep(LOOK_MS, undefined, { ...(abortSignal && { signal: abortSignal }) }).catch(() => undefined);
  }
};

const nextOf = (path: string, { token }: LockHolder): string => `${path}.${token}.next`;

/** From the holder whose file is in place over those that succeeded it: the first that lives, or else the last. */
const lastAfter = async (
  path: string,
  first: LockHolder,
  holds: (holder: LockHolder) => Promise<boolean>,
): Promise<LockHolder> => {
  let last = first;
  while (!(await holds(last))) {
    const next = await holderIn(nextOf(path, last));
    if (next === undefined) return last;
    last = next;
  }
  return last;
};

const create = async (path: string, text: string): Promise<void> => {
  const handle = await open(path, "wx");
  try {
    await write(handle, text);
    await sync(handle);
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  } finally {
    await handle.close();
  }
};

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code;

/** Gives a draft a name that nothing has yet, and says how; undefined when something has it. */
const place = async (draft: string, path: string, text: string): Promise<FileLock["by"] | undefined> => {
  try {
    await link(draft, path);
    return "link";
  } catch (error) {
    if (codeOf(error) === "EEXIST") return undefined;
    if (!["EPERM", "ENOSYS", "ENOTSUP", "EOPNOTSUPP", "EMLINK"].includes(codeOf(error) ?? "")) throw error;
  }
  try {
    await create(path, text);
    // One that took very long about it was taken for dead.
    return (await readFile(path, "utf8")) === text ? "create" : undefined;
  } catch (error) {
    if (codeOf(error) === "EEXIST" || codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
};

/** How long a file that cannot be read may be one that is being written. */
const WRITING_MS = 2_000;

/**
 * The holder that a file names; undefined when there is no file. One that is not a lock is that of a dead process; that is
 * found after a while, and at once where it was `known`.
 */
const holderIn = async (path: string, known?: LockHolder): Promise<LockHolder | undefined> => {
  const begun = performance.now();
  for (;;) {
    try {
      const found = await stat(path);
      const token = `${found.ino}-${Math.floor(found.mtimeMs)}`;
      const { host } = await thisProcess();
      const read = parsed(await readFile(path, "utf8"), token);
      if (read !== undefined) return { ...read, host: read.host || host };
      if (known?.token === token || performance.now() - begun > WRITING_MS)
        return { pid: 0, began: "damaged", host, token };
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    await sleep(LOOK_MS);
  }
};

/** Reads a lock; those of earlier versions name the process alone. */
const parsed = (text: string, other: string): LockHolder | undefined => {
  let value: Partial<Readonly<Record<keyof LockHolder, unknown>>> | null;
  try {
    value = JSON.parse(text) as typeof value;
  } catch {
    // Half of it: it is being written, or damaged.
    return undefined;
  }
  const { pid, began = "", host = "", token = other } = value ?? {};
  const isName = typeof began === "string" && typeof host === "string" && typeof token === "string";
  if (!isName || typeof pid !== "number" || !Number.isSafeInteger(pid) || pid < 1 || !/^[\w-]{1,60}$/.test(token))
    return undefined;
  return { pid, began, host, token };
};

const release = async (path: string, token: string): Promise<void> => {
  if ((await holderIn(path))?.token === token) await rm(path, { force: true });
};

/** Takes away what dead processes left of their attempts. Nothing of it leads to the lock, which this process holds. */
const sweep = async (path: string, token: string): Promise<void> => {
  const [folder, name] = [dirname(path), basename(path)];
  for (const found of await readdir(folder)) {
    if (!found.startsWith(`${name}.`) || found.includes(token)) continue;
    const left = join(folder, found);
    if (found.endsWith(".next")) await rm(left, { force: true });
    // A draft may be that of a process that waits.
    else if (found.endsWith(".tmp") && (await isLeft(left))) await rm(left, { force: true });
  }
};

const HOUR_MS = 3_600_000;

const isLeft = async (draft: string): Promise<boolean> => {
  const holder = parsed(await readFile(draft, "utf8").catch(() => ""), "draft");
  if (holder !== undefined) return !(await isAlive(holder));
  const found = await stat(draft).catch(() => undefined);
  return found !== undefined && Date.now() - found.mtimeMs > HOUR_MS;
};
