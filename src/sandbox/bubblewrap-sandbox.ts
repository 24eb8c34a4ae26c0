import { readFile } from "node:fs/promises";
import { SandboxError } from "../errors.ts";
import { runInProcess } from "./process-run.ts";
import { pythonPackages } from "./python-packages.ts";
import { PYTHON_RUNNER } from "./python-program.ts";
import type { Sandbox } from "./sandbox.ts";
import { seccompFilter } from "./seccomp.ts";

export interface BubblewrapOptions {
  /** Most memory of a program. @default 256 */
  readonly memoryMegabytes?: number;
  /** Zip files of pure Python that a program can import. @default those of AGENTFLOW_PYTHON_PACKAGES */
  readonly packages?: readonly string[];
}

/** User ids that programs run under, one a place: none is a person's, and two programs share none. */
const FIRST_USER = 61_000;
const PLACES = 8;

/**
 * This machine's python3 in namespaces of its own (Linux, bubblewrap): no network, no files but /usr to read and 16 MB of
 * /tmp, no other process to see; a filter of system calls; limits on CPU, memory, processes and descriptors. It does not
 * cover faults of the kernel, what can be read from timing, nor what is world-readable in /usr. Throws `SandboxError` where
 * bubblewrap is missing or may not make namespaces.
 */
export const bubblewrapSandbox = async ({
  memoryMegabytes = 256,
  packages,
}: BubblewrapOptions = {}): Promise<Sandbox> => {
  const zips = await Promise.all((packages ?? (await pythonPackages())).map((path) => readFile(path)));
  const inside = zips.map((_, i) => `/packages/${i}.zip`);
  const filter = seccompFilter();
  const inputs = filter === undefined ? zips : [...zips, filter];
  const places = Array.from({ length: PLACES }, (_, i) => FIRST_USER + i);
  const waiting: (() => void)[] = [];
  const sandbox: Sandbox = {
    tier: "bubblewrap",
    runPython: async (code, options = {}) => {
      while (places.length === 0) await new Promise<void>((free) => waiting.push(free));
      const user = places.shift() ?? FIRST_USER;
      try {
        const cpuSeconds = Math.ceil(options.timeoutSeconds ?? 10);
        const command = commandOf({ user, memoryMegabytes, cpuSeconds, inside, filtered: filter !== undefined });
        return await runInProcess(
          { command, env: { PATH: "/usr/bin:/bin" }, code, packages: inside, contained: true, inputs },
          options,
        );
      } finally {
        places.push(user);
        waiting.shift()?.();
      }
    },
    close: async () => undefined,
  };
  const tried = await sandbox.runPython("6 * 7", { timeoutSeconds: 10 });
  if (tried.value !== "42")
    throw new SandboxError(
      `bubblewrap does not work here: ${tried.error ?? "no result"}. Install bubblewrap and python3, or use the tier "pyodide".`,
    );
  return sandbox;
};

/** Whether the tier works on this machine. */
export const isBubblewrapUsable = (): Promise<boolean> =>
  bubblewrapSandbox().then(
    () => true,
    () => false,
  );

interface CommandOptions {
  readonly user: number;
  readonly memoryMegabytes: number;
  readonly cpuSeconds: number;
  /** Where the program sees its packages; their bytes come on descriptors 3, 4, …. */
  readonly inside: readonly string[];
  /** Whether a filter of system calls comes on the descriptor after them. */
  readonly filtered: boolean;
}

const commandOf = ({ user, memoryMegabytes, cpuSeconds, inside, filtered }: CommandOptions): string[] => [
  // Root gives its rights up first; whoever is not root has none to give up.
  ...(process.getuid?.() === 0
    ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs"]
    : []),
  "prlimit",
  `--as=${memoryMegabytes * 2 ** 20}`,
  `--cpu=${cpuSeconds}`,
  "--nproc=32",
  "--nofile=64",
  "--core=0",
  "bwrap",
  ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"],
  ...["--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--size", String(16 * 2 ** 20)],
  ...["--tmpfs", "/tmp", ...inside.flatMap((path, i) => ["--ro-bind-data", String(3 + i), path])],
  ...["--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent", "--new-session", "--clearenv"],
  ...["--hostname", "sandbox", "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--chdir", "/tmp"],
  ...(filtered ? ["--seccomp", String(3 + inside.length)] : []),
  // Packages may be larger than what the program may write.
  ...["/usr/bin/prlimit", `--fsize=${8 * 2 ** 20}`, "/usr/bin/python3", "-I", "-S", "-c", PYTHON_RUNNER],
];
