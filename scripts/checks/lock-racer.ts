/**
 * One of those that race for a lock, a process or a thread: told of a lock and of a moment, it tries to take the lock then,
 * and says how that went. It keeps what it has until it is asked to give it back.
 */
import { open, readFile, rm } from "node:fs/promises";
import { parentPort } from "node:worker_threads";
import { tryLock } from "../../src/files/file-lock.ts";

/** What a racer is asked. */
export type RacerOrder =
  | { readonly type: "take"; readonly path: string; readonly at: number; readonly broken: boolean }
  | { readonly type: "release" };

/** What it says: whether it has the lock, or else who has it. */
export interface RacerReply {
  readonly type: "ready" | "taken" | "released";
  readonly won?: boolean;
  readonly holder?: number;
  readonly error?: string;
}

type Release = () => Promise<void>;

/** What this project had before: a file that is made and then filled, and removed by whoever finds its owner dead. */
const takeBrokenly = async (path: string): Promise<Release | number> => {
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = await open(path, "wx");
      await handle.appendFile(JSON.stringify({ pid: process.pid }));
      await handle.sync();
      await handle.close();
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    }
    let pid = 0;
    try {
      pid = Number((JSON.parse(await readFile(path, "utf8")) as { readonly pid?: unknown }).pid);
      process.kill(pid, 0);
      return pid;
    } catch {
      // Nobody, a dead one, or half a file.
    }
    await rm(path, { force: true });
  }
  return 0;
};

const take = async (path: string, broken: boolean): Promise<Release | number> => {
  if (broken) return takeBrokenly(path);
  const { lock, holder } = await tryLock(path);
  return lock === undefined ? holder.pid : lock.release;
};

const tell = (reply: RacerReply): void => {
  if (parentPort === null) process.send?.(reply);
  else parentPort.postMessage(reply);
};

let release: Release | undefined;

const obey = async (order: RacerOrder): Promise<void> => {
  if (order.type === "release") {
    await release?.();
    release = undefined;
    tell({ type: "released" });
    return;
  }
  while (Date.now() < order.at);
  try {
    const got = await take(order.path, order.broken);
    if (typeof got !== "number") release = got;
    tell(typeof got === "number" ? { type: "taken", won: false, holder: got } : { type: "taken", won: true });
  } catch (error) {
    tell({ type: "taken", won: false, error: String(error) });
  }
};

const listen = (order: unknown): void => void obey(order as RacerOrder);
if (parentPort === null) process.on("message", listen);
else parentPort.on("message", listen);
tell({ type: "ready" });
