import { readFile } from "node:fs/promises";
import { messageOf, SandboxError } from "../errors.ts";
import { bubblewrapCommand } from "./bubblewrap-command.ts";
import { placesOf } from "./places.ts";
import { runInProcess } from "./process-run.ts";
import { processSandbox } from "./process-sandbox.ts";
import { pythonPackages } from "./python-packages.ts";
import { PYTHON_RUNNER } from "./python-program.ts";
import type { RunOptions, RunResult, Sandbox } from "./sandbox.ts";

export interface BubblewrapOptions {
  /** Most memory of a program. @default 256 */
  readonly memoryMegabytes?: number;
  /** Zip files of pure Python that a program can import. @default those of AGENTFLOW_PYTHON_PACKAGES */
  readonly packages?: readonly string[];
}

/** User ids that programs run under, one a place: none is a person's, and two programs share none. */
const SANDBOX_USERS: readonly number[] = Array.from({ length: 8 }, (_, i) => 61_000 + i);

const WRITABLE_MEGABYTES = 16;

/**
 * This machine's python3 in namespaces of its own (Linux, bubblewrap): no network, no files but /usr to read and 16 MB of
 * /tmp, no /proc; a filter of system calls; one process a program. The kernel keeps its limits on memory, CPU, threads,
 * descriptors and files, so they hold without us and need no cgroup; a watching thread keeps the wall-clock time and looks
 * at the memory once more. It does not cover faults of the kernel, what can be read from timing, nor what is world-readable
 * in /usr. Throws `SandboxError` where bubblewrap is missing or may not make namespaces.
 */
export const bubblewrapSandbox = async ({
  memoryMegabytes = 256,
  packages,
}: BubblewrapOptions = {}): Promise<Sandbox> => {
  const zips = await Promise.all((packages ?? (await pythonPackages())).map((path) => readFile(path)));
  const files = zips.map((bytes, i) => ({ path: `/packages/${i}.zip`, bytes }));
  const places = placesOf(SANDBOX_USERS);

  const runAs = (user: number, code: string, options: RunOptions): Promise<RunResult> => {
    const command = bubblewrapCommand({
      user,
      memory: { megabytes: memoryMegabytes, counted: "address space" },
      cpuSeconds: Math.ceil(options.timeoutSeconds ?? 10) + 1,
      writableMegabytes: WRITABLE_MEGABYTES,
      files,
      program: ["/usr/bin/python3", "-I", "-S", "-c", PYTHON_RUNNER],
    });
    return runInProcess({ ...command, code, packages: files.map(({ path }) => path), memoryMegabytes }, options);
  };

  const sandbox = processSandbox("bubblewrap", async (code, options) => {
    const user = await places.take(options.abortSignal);
    try {
      return await runAs(user, code, options);
    } finally {
      places.giveBack(user);
    }
  });
  const fault = await sandbox.runPython("6 * 7", { timeoutSeconds: 10 }).then(
    ({ value, error }) => (value === "42" ? undefined : (error ?? "6 * 7 gave no result")),
    (error: unknown) => messageOf(error),
  );
  if (fault !== undefined)
    throw new SandboxError(
      `bubblewrap does not work here: ${fault} Install bubblewrap and python3, allow user namespaces, or use the tier "pyodide".`,
    );
  return sandbox;
};

let works = false;

/**
 * Why the tier does not work on this machine; undefined where it does. That it works is found out once.
 *
 * @example
 * ```ts
 * import { bubblewrapFault } from "agentflow/sandbox";
 *
 * const fault = await bubblewrapFault();
 * if (fault !== undefined) console.error(`bubblewrap cannot be used: ${fault}`);
 * ```
 */
export const bubblewrapFault = async (): Promise<string | undefined> => {
  if (works) return undefined;
  try {
    await bubblewrapSandbox({ packages: [] });
    works = true;
    return undefined;
  } catch (error) {
    return messageOf(error);
  }
};
