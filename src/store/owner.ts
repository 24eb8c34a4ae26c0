import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { messageOf, StoreError } from "../errors.ts";
import { open, sync, write } from "./file-calls.ts";

/** Who writes a run: exactly one process, known by its id and by when it began. */
interface Owner {
  readonly pid: number;
  readonly began: string;
}

/** When a process began, where the system says so: ids are given again, moments are not. */
const beganOf = async (pid: number): Promise<string> => {
  const text = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => "");
  return text.slice(text.lastIndexOf(")") + 2).split(" ")[19] ?? "";
};

const isAlive = async ({ pid, began }: Owner): Promise<boolean> => {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal is alive all the same.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  const now = await beganOf(pid);
  return began === "" || now === "" || now === began;
};

/**
 * Takes a run for this process; the returned function gives it back. A run whose owner has died is taken over. Throws
 * `StoreError` when another process has it.
 */
export const own = async (folder: string): Promise<() => Promise<void>> => {
  const path = join(folder, ".owner");
  for (let attempt = 0; attempt < 3; attempt += 1) {
    try {
      const handle = await open(path, "wx");
      try {
        const owner: Owner = { pid: process.pid, began: await beganOf(process.pid) };
        await write(handle, JSON.stringify(owner));
        await sync(handle);
      } finally {
        await handle.close();
      }
      return () => rm(path, { force: true });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EEXIST")
        throw new StoreError(`Cannot take the run ${folder}: ${messageOf(error)}`, { cause: error });
    }
    const text = await readFile(path, "utf8").catch(() => "");
    let owner: Owner | undefined;
    try {
      owner = JSON.parse(text) as Owner;
    } catch {
      // Its writer died while it wrote it.
    }
    if (owner !== undefined && (await isAlive(owner)))
      throw new StoreError(
        `The run ${folder} belongs to the process ${owner.pid}, which is at work on it. Wait for it, or end it.`,
      );
    await rm(path, { force: true });
  }
  throw new StoreError(`Cannot take the run ${folder}: others take it all the time.`);
};
