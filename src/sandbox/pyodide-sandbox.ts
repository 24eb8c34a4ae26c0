import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { messageOf, SandboxError } from "../errors.ts";
import { type BubblewrapCommand, bubblewrapCommand, nodeFiles } from "./bubblewrap-command.ts";
import { type Child, startChild } from "./child.ts";
import { FILE_MEGABYTES, PYODIDE_CHILD } from "./pyodide-child.ts";
import { isWhole, snapshotOf } from "./pyodide-snapshot.ts";
import { pythonPackages } from "./python-packages.ts";
import { resultOf } from "./result.ts";
import type { RunOptions, Sandbox } from "./sandbox.ts";
import { watch } from "./watcher.ts";

export interface PyodideOptions {
  /** Most memory of a program. @default 256 */
  readonly memoryMegabytes?: number;
  /** Interpreters that wait, already started. @default 1 */
  readonly warm?: number;
  /** Zip files of pure Python that a program can import. @default those of SymPy, where they are found */
  readonly packages?: readonly string[];
  /** Puts the process into namespaces of its own (Linux, bubblewrap). @default false */
  readonly inBubblewrap?: boolean;
}

/** What a start may take on a busy machine without a snapshot. */
const START_SECONDS = 120;

/** User ids that programs run under where we are root: none is a person's. */
const FIRST_USER = 61_100;
const USERS = 800;

/** What Node takes beside the memory of Python, at most: its heap, compiled code, threads. */
const NODE_MEGABYTES = 512;

interface Launch {
  /** A picture of a started interpreter. */
  readonly snapshot?: string | undefined;
  /** Starts in order to make one. @default false */
  readonly make?: boolean;
}

/**
 * Python as WebAssembly in a process of its own. A program reaches what its module imports and nothing else: memory, the
 * clock, randomness, files in memory and its two descriptors; anything else ends it (`pyodide-seal.ts`). Behind that the
 * process has no environment, no JavaScript beyond the language, no rights to files, and a user of its own where we are
 * root. It ends with its parent. It works wherever Node does. It does not cover: faults of V8 or the kernel, and what can
 * be read from timing. Throws `SandboxError` when Pyodide is not installed.
 */
export const pyodideSandbox = async ({
  memoryMegabytes = 256,
  warm = 1,
  packages,
  inBubblewrap = false,
}: PyodideOptions = {}): Promise<Sandbox> => {
  const folder = pyodideFolder();
  const zips = packages ?? (await pythonPackages());
  const children = new Set<Child>();
  const waiting: Promise<Child>[] = [];
  const mostMegabytes = memoryMegabytes + FILE_MEGABYTES + NODE_MEGABYTES;
  let launched = 0;
  let snapshot: Promise<string | undefined> | undefined;
  let closed = false;

  const containedIn = (program: readonly string[], user: number): BubblewrapCommand =>
    bubblewrapCommand({
      user,
      memory: { megabytes: mostMegabytes, counted: "data" },
      readable: [folder, ...zips, ...nodeFiles()],
      program,
    });

  const launch = ({ snapshot, make }: Launch): Child => {
    const user = FIRST_USER + (launched++ % USERS);
    const first = inBubblewrap ? containedIn([], user).inputs.length : 1;
    const parameters = {
      folder,
      memoryMegabytes,
      packages: zips,
      make,
      user,
      // bubblewrap ends its program with its parent by itself.
      lifeline: inBubblewrap ? undefined : 3,
      snapshot: snapshot === undefined ? undefined : 3 + first,
    };
    const arguments_ = [
      ...flags({ readable: [folder, ...zips], threads: !inBubblewrap }),
      "--input-type=module",
      "--eval",
    ];
    const program = [process.execPath, ...arguments_, PYODIDE_CHILD, JSON.stringify(parameters)];
    const { command, env, inputs } = inBubblewrap
      ? containedIn(program, user)
      : { command: program, env: {}, inputs: [undefined] };
    // An open file: its reader needs no right to where it lies.
    const opened = snapshot === undefined ? [] : [openSync(snapshot, "r")];
    try {
      const child = startChild({ command, env, cwd: folder, inputs: [...inputs, ...opened] });
      children.add(child);
      const gone = (): void => {
        children.delete(child);
      };
      child.ended.then(gone, gone);
      return child;
    } finally {
      for (const descriptor of opened) closeSync(descriptor);
    }
  };

  const make = async (): Promise<Buffer | undefined> => {
    const child = launch({ make: true });
    const timer = setTimeout(child.kill, START_SECONDS * 1000);
    const bytes = await child.bytes().finally(() => clearTimeout(timer));
    return bytes.length < 2 ** 20 ? undefined : bytes;
  };

  const ready = async (path: string | undefined): Promise<Child> => {
    if (closed) throw new SandboxError("The sandbox is closed.");
    const child = launch({ snapshot: path });
    const timer = setTimeout(child.kill, START_SECONDS * 1000);
    try {
      if ((await child.line()) === "ready") return child;
      child.kill();
      const { code, signal } = await child.ended;
      const words = child.complaint.slice(-400) || `it ended (${signal ?? `exit code ${code}`})`;
      throw new SandboxError(`The Python sandbox did not start: ${words}.`);
    } finally {
      clearTimeout(timer);
    }
  };

  const start = async (): Promise<Child> => {
    snapshot ??= snapshotOf(make, zips);
    const path = await snapshot;
    try {
      return await ready(path);
    } catch (error) {
      if (closed || path === undefined || (await isWhole(path))) throw error;
      // It was damaged since it was looked at.
      snapshot = snapshotOf(make, zips);
      return await ready(await snapshot);
    }
  };

  const refill = (): void => {
    while (!closed && waiting.length < warm) {
      const next = start();
      // Whoever takes it gets its failure.
      next.catch(() => undefined);
      waiting.push(next);
    }
  };

  /** An interpreter, unless the signal comes first: then the one that starts waits for the next program. */
  const take = async (abortSignal: AbortSignal | undefined): Promise<Child> => {
    const next = waiting.shift() ?? start();
    let giveUp = (): void => undefined;
    const aborted = new Promise<never>((_, reject) => {
      giveUp = () => reject(abortSignal?.reason);
      abortSignal?.addEventListener("abort", giveUp, { once: true });
    });
    try {
      return await Promise.race([next, aborted]);
    } catch (error) {
      if (abortSignal?.aborted) {
        next.catch(() => undefined);
        waiting.unshift(next);
      }
      throw error;
    } finally {
      abortSignal?.removeEventListener("abort", giveUp);
    }
  };

  return {
    tier: inBubblewrap ? "pyodide-in-bubblewrap" : "pyodide",
    runPython: async (code, { timeoutSeconds = 10, outputLimit = 16_384, abortSignal }: RunOptions = {}) => {
      if (closed) throw new SandboxError("The sandbox is closed.");
      abortSignal?.throwIfAborted();
      const child = await take(abortSignal);
      refill();
      const begun = performance.now();
      const watching = watch({ pid: child.pid ?? 0, group: true, megabytes: mostMegabytes, seconds: timeoutSeconds });
      abortSignal?.addEventListener("abort", child.kill, { once: true });
      try {
        abortSignal?.throwIfAborted();
        child.send(`${JSON.stringify({ code, outputLimit })}\n`);
        const line = await child.line();
        abortSignal?.throwIfAborted();
        const milliseconds = performance.now() - begun;
        if (line !== undefined) return resultOf(line, outputLimit, milliseconds);
        const error = {
          time: `TimeoutError: the program took more than ${timeoutSeconds} seconds and was ended.`,
          memory: `MemoryError: the program and its interpreter took more than ${mostMegabytes} MB and were ended.`,
          none: child.complaint.slice(-200) || "The program ended its interpreter.",
        }[watching.overrun ?? "none"];
        return { stdout: "", error, milliseconds, truncated: false };
      } finally {
        watching.stop();
        abortSignal?.removeEventListener("abort", child.kill);
        child.kill();
        await child.ended.catch(() => undefined);
      }
    },
    close: async () => {
      closed = true;
      for (const child of children) child.kill();
      await Promise.allSettled([...waiting, ...[...children].map(({ ended }) => ended)]);
      for (const child of children) child.kill();
    },
  };
};

interface FlagOptions {
  /** All that may be read. */
  readonly readable: readonly string[];
  /** Whether the child may have a thread, which holds its lifeline. */
  readonly threads: boolean;
}

/** No evaluation of texts, no inspector, no right but what is named. */
const flags = ({ readable, threads }: FlagOptions): string[] => {
  const known = process.allowedNodeEnvironmentFlags;
  return [
    known.has("--permission") ? "--permission" : "--experimental-permission",
    ...(threads ? ["--allow-worker"] : []),
    ...readable.map((path) => `--allow-fs-read=${path}`),
    ...(known.has("--disable-sigusr1") ? ["--disable-sigusr1"] : []),
    "--disallow-code-generation-from-strings",
    "--no-warnings",
    "--max-old-space-size=256",
  ];
};

const pyodideFolder = (): string => {
  try {
    return dirname(createRequire(import.meta.url).resolve("pyodide/package.json"));
  } catch (cause) {
    throw new SandboxError(
      `The Python sandbox needs the npm package pyodide (${messageOf(cause)}). Run: npm install pyodide`,
      { cause },
    );
  }
};
