import { execFile } from "node:child_process";
import { readFile, readlink } from "node:fs/promises";
import { hostname } from "node:os";
import { promisify } from "node:util";

/** A process, so that no later one is taken for it: its number, when it began, and the machine that counts so. */
export interface ProcessName {
  readonly pid: number;
  /** When it began, in the system's own words; empty where it does not say. */
  readonly began: string;
  /** The machine, or the container on it. */
  readonly host: string;
}

const textOf = (path: string): Promise<string> => readFile(path, "utf8").catch(() => "");

/** What the kernel says of a process after its name, which may hold anything; none when there is no such process. */
const statOf = async (pid: number): Promise<readonly string[]> => {
  const text = await textOf(`/proc/${pid}/stat`);
  return text === "" ? [] : text.slice(text.lastIndexOf(")") + 2).split(" ");
};

const run = promisify(execFile);

/** Numbers are given again, and after a restart so are ticks since the start: both together are not. */
const beganOf = async (pid: number): Promise<string> => {
  if (process.platform === "linux") {
    const ticks = (await statOf(pid))[19];
    return ticks === undefined ? "" : `${(await textOf("/proc/sys/kernel/random/boot_id")).trim()}/${ticks}`;
  }
  if (process.platform === "win32") return "";
  const env = { PATH: "/bin:/usr/bin", LC_ALL: "C", TZ: "UTC" };
  const said = await run("ps", ["-o", "lstart=", "-p", String(pid)], { env }).catch(() => ({ stdout: "" }));
  return said.stdout.trim();
};

const hostOf = async (): Promise<string> => {
  const machine = (await textOf("/etc/machine-id")).trim().slice(0, 12);
  // Containers count their processes for themselves.
  const counted = await readlink("/proc/self/ns/pid").catch(() => "");
  return [hostname(), machine, counted.replace(/\D/g, "")].filter((part) => part !== "").join("/");
};

let known: Promise<ProcessName> | undefined;

/** This process. */
export const thisProcess = (): Promise<ProcessName> => {
  known ??= Promise.all([beganOf(process.pid), hostOf()]).then(([began, host]) => ({ pid: process.pid, began, host }));
  return known;
};

/** Whether a process is of this machine (and container), so that something can be said of it. */
export const isOfThisMachine = async ({ host }: ProcessName): Promise<boolean> => host === (await thisProcess()).host;

/** Whether a process lives, as far as this machine knows: one on another machine does. */
export const isAlive = async (process_: ProcessName): Promise<boolean> => {
  if (!(await isOfThisMachine(process_))) return true;
  const { pid, began } = process_;
  if (pid < 1) return false;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // Not ours to signal is alive all the same.
    if ((error as NodeJS.ErrnoException).code !== "EPERM") return false;
  }
  // Dead, though its parent has not asked for its end yet. Until its last thread is gone it may still change a file.
  const [state = "", ...more] = await statOf(pid);
  if (/[ZX]/.test(state) && Number(more[16]) <= 1) return false;
  const now = await beganOf(pid);
  return began === "" || now === "" || now === began;
};
