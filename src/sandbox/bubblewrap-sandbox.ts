import { SandboxError } from "../errors.ts";
import { runInProcess } from "./process-run.ts";
import { PYTHON_RUNNER } from "./python-program.ts";
import type { Sandbox } from "./sandbox.ts";

export interface BubblewrapOptions {
  /** Most memory of a program. @default 256 */
  readonly memoryMegabytes?: number;
}

/** User ids that programs run under, one a place: none is a person's, and two programs share none. */
const FIRST_USER = 61_000;
const PLACES = 8;

/**
 * This machine's python3 in namespaces of its own (Linux, bubblewrap): no network, no files but /usr to read and 16 MB of
 * /tmp, no other process to see, limits on CPU, memory, processes and descriptors. It does not cover faults of the kernel,
 * nor what is world-readable in /usr. Throws `SandboxError` where bubblewrap is missing or may not make namespaces.
 */
export const bubblewrapSandbox = async ({ memoryMegabytes = 256 }: BubblewrapOptions = {}): Promise<Sandbox> => {
  const places = Array.from({ length: PLACES }, (_, i) => FIRST_USER + i);
  const waiting: (() => void)[] = [];
  const sandbox: Sandbox = {
    tier: "bubblewrap",
    runPython: async (code, options = {}) => {
      while (places.length === 0) await new Promise<void>((resolve) => waiting.push(resolve));
      const user = places.pop() ?? FIRST_USER;
      try {
        const seconds = Math.ceil(options.timeoutSeconds ?? 10);
        return await runInProcess(commandOf(user, memoryMegabytes, seconds), { PATH: "/usr/bin:/bin" }, code, options);
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

const commandOf = (user: number, memoryMegabytes: number, cpuSeconds: number): string[] => [
  // Root gives its rights up first; whoever is not root has none to give up.
  ...(process.getuid?.() === 0
    ? ["setpriv", `--reuid=${user}`, `--regid=${user}`, "--clear-groups", "--no-new-privs"]
    : []),
  "prlimit",
  `--as=${memoryMegabytes * 2 ** 20}`,
  `--cpu=${cpuSeconds}`,
  "--nproc=32",
  `--fsize=${8 * 2 ** 20}`,
  "--nofile=64",
  "--core=0",
  "bwrap",
  ...["--ro-bind", "/usr", "/usr", "--symlink", "usr/lib", "/lib", "--symlink", "usr/lib64", "/lib64"],
  ...["--symlink", "usr/bin", "/bin", "--proc", "/proc", "--dev", "/dev", "--size", String(16 * 2 ** 20)],
  ...["--tmpfs", "/tmp", "--unshare-all", "--unshare-user", "--disable-userns", "--die-with-parent"],
  ...["--new-session", "--clearenv", "--cap-drop", "ALL", "--uid", "65534", "--gid", "65534", "--chdir", "/tmp"],
  ...["/usr/bin/python3", "-I", "-S", "-c", PYTHON_RUNNER],
];
