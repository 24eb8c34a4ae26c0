import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { messageOf, SandboxError } from "../errors.ts";
import { type Child, childOf } from "./child.ts";
import { PYODIDE_CHILD } from "./pyodide-child.ts";
import { isWhole, snapshotOf } from "./pyodide-snapshot.ts";
import { pythonPackages } from "./python-packages.ts";
import { resultOf } from "./result.ts";
import type { RunOptions, Sandbox } from "./sandbox.ts";

export interface PyodideOptions {
  /** Most memory of a program. @default 256 */
  readonly memoryMegabytes?: number;
  /** Interpreters that wait, already started. @default 1 */
  readonly warm?: number;
  /** Zip files of pure Python that a program can import. @default those of SymPy, where they are found */
  readonly packages?: readonly string[];
}

/** What a start may take on a busy machine without a snapshot. */
const START_SECONDS = 120;

/** User ids that programs run under where we are root: none is a person's. */
const FIRST_USER = 61_100;
const USERS = 800;

interface Started {
  readonly child: Child;
  readonly send: (text: string) => void;
}

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
}: PyodideOptions = {}): Promise<Sandbox> => {
  const folder = pyodideFolder();
  const zips = packages ?? (await pythonPackages());
  const children = new Set<Child>();
  const waiting: Promise<Started>[] = [];
  let launched = 0;
  let snapshot: Promise<string | undefined> | undefined;
  let closed = false;

  const launch = ({ snapshot, make }: Launch): Started => {
    const user = FIRST_USER + (launched++ % USERS);
    // An open file: its reader needs no right to where it lies.
    const opened = snapshot === undefined ? undefined : openSync(snapshot, "r");
    const parameters = { folder, memoryMegabytes, packages: zips, make, user, snapshot: opened && SNAPSHOT };
    const readable = [folder, ...zips].map((path) => `--allow-fs-read=${path}`);
    let process_: ChildProcess;
    try {
      process_ = spawn(
        process.execPath,
        [...flags(), ...readable, "--input-type=module", "--eval", PYODIDE_CHILD, JSON.stringify(parameters)],
        // What stays open on descriptor 3 tells the child that we live.
        { env: {}, stdio: ["pipe", "pipe", "pipe", "pipe", opened ?? "ignore"], cwd: folder, windowsHide: true },
      );
    } finally {
      if (opened !== undefined) closeSync(opened);
    }
    const child = childOf(process_);
    children.add(child);
    const gone = (): void => {
      children.delete(child);
    };
    child.ended.then(gone, gone);
    return { child, send: (text) => process_.stdin?.end(text) };
  };

  const make = async (): Promise<Buffer | undefined> => {
    const { child } = launch({ make: true });
    const timer = setTimeout(child.kill, START_SECONDS * 1000);
    const bytes = await child.bytes().finally(() => clearTimeout(timer));
    return bytes.length < 2 ** 20 ? undefined : bytes;
  };

  const ready = async (path: string | undefined): Promise<Started> => {
    if (closed) throw new SandboxError("The sandbox is closed.");
    const started = launch({ snapshot: path });
    const timer = setTimeout(started.child.kill, START_SECONDS * 1000);
    try {
      if ((await started.child.line()) === "ready") return started;
      started.child.kill();
      throw new SandboxError(`The Python sandbox did not start: ${started.child.complaint.slice(-400) || "it ended"}.`);
    } finally {
      clearTimeout(timer);
    }
  };

  const start = async (): Promise<Started> => {
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
  const take = async (abortSignal: AbortSignal | undefined): Promise<Started> => {
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
    tier: "pyodide",
    runPython: async (code, { timeoutSeconds = 10, outputLimit = 16_384, abortSignal }: RunOptions = {}) => {
      if (closed) throw new SandboxError("The sandbox is closed.");
      abortSignal?.throwIfAborted();
      const { child, send } = await take(abortSignal);
      refill();
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        child.kill();
      }, timeoutSeconds * 1000);
      const begun = performance.now();
      try {
        abortSignal?.addEventListener("abort", child.kill, { once: true });
        abortSignal?.throwIfAborted();
        send(`${JSON.stringify({ code, outputLimit, milliseconds: timeoutSeconds * 1000 })}\n`);
        const line = await child.line();
        abortSignal?.throwIfAborted();
        if (line !== undefined) return resultOf(line, outputLimit);
        const milliseconds = performance.now() - begun;
        const error = late
          ? `TimeoutError: the program took more than ${timeoutSeconds} seconds and was ended.`
          : child.complaint.slice(-200) || "The program ended its interpreter.";
        return { stdout: "", error, milliseconds, truncated: false };
      } finally {
        clearTimeout(timer);
        abortSignal?.removeEventListener("abort", child.kill);
        child.kill();
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

/** Where a child finds its picture. */
const SNAPSHOT = 4;

/** No evaluation of texts, no inspector, and no right but to read Pyodide's folder and to have a thread that watches. */
const flags = (): string[] => {
  const known = process.allowedNodeEnvironmentFlags;
  return [
    known.has("--permission") ? "--permission" : "--experimental-permission",
    "--allow-worker",
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
