import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { access, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { messageOf, SandboxError } from "../errors.ts";
import { type Child, childOf } from "./child.ts";
import { PYODIDE_CHILD } from "./pyodide-child.ts";
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

/**
 * Python as WebAssembly in a process of its own, without an environment, a network or files, killed at its deadline. It
 * works wherever Node does. It does not cover: faults of V8 or the kernel, and what can be read from timing. Throws
 * `SandboxError` when Pyodide is not installed.
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
  let snapshot: Promise<string | undefined> | undefined;
  let closed = false;

  const launch = (parameters: object, readable: readonly string[]): Started => {
    const process_ = spawn(
      process.execPath,
      [
        ...permissionFlags(),
        ...[folder, ...readable].map((path) => `--allow-fs-read=${path}`),
        ...FLAGS,
        PYODIDE_CHILD,
        JSON.stringify({ folder, memoryMegabytes, packages: zips, ...parameters }),
      ],
      { env: {}, stdio: ["pipe", "pipe", "pipe"], cwd: folder, windowsHide: true },
    );
    const child = childOf(process_);
    children.add(child);
    child.ended.then(
      () => children.delete(child),
      () => children.delete(child),
    );
    return { child, send: (text) => process_.stdin?.end(text) };
  };

  const start = async (): Promise<Started> => {
    snapshot ??= snapshotOf(launch, zips);
    const path = await snapshot;
    const started = launch(path === undefined ? {} : { snapshot: path }, [
      ...zips,
      ...(path === undefined ? [] : [path]),
    ]);
    const timer = setTimeout(started.child.kill, START_SECONDS * 1000);
    try {
      if ((await started.child.line()) === "ready") return started;
      throw new SandboxError(`The Python sandbox did not start: ${started.child.complaint.slice(-400) || "it ended"}.`);
    } finally {
      clearTimeout(timer);
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

  return {
    tier: "pyodide",
    runPython: async (code, { timeoutSeconds = 10, outputLimit = 16_384, abortSignal }: RunOptions = {}) => {
      if (closed) throw new SandboxError("The sandbox is closed.");
      abortSignal?.throwIfAborted();
      const { child, send } = await (waiting.shift() ?? start());
      refill();
      abortSignal?.throwIfAborted();
      abortSignal?.addEventListener("abort", child.kill, { once: true });
      let late = false;
      const timer = setTimeout(() => {
        late = true;
        child.kill();
      }, timeoutSeconds * 1000);
      const begun = performance.now();
      try {
        send(`${JSON.stringify({ code, outputLimit })}\n`);
        const line = await child.line();
        abortSignal?.throwIfAborted();
        if (line !== undefined) return resultOf(line, outputLimit);
        const milliseconds = performance.now() - begun;
        const error = late
          ? `TimeoutError: the program took more than ${timeoutSeconds} seconds and was ended.`
          : `The program ended its interpreter${child.complaint === "" ? "" : `: ${child.complaint.slice(-200)}`}.`;
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

interface Started {
  readonly child: Child;
  readonly send: (text: string) => void;
}

const FLAGS = [
  "--disallow-code-generation-from-strings",
  "--no-warnings",
  "--max-old-space-size=256",
  "--input-type=module",
  "--eval",
];

/** Node 20 calls its permissions experimental. */
const permissionFlags = (): string[] => [
  Number(process.versions.node.split(".")[0]) < 22 ? "--experimental-permission" : "--permission",
];

const pyodideFolder = (): string => {
  try {
    return dirname(createRequire(import.meta.url).resolve("pyodide/package.json"));
  } catch (cause) {
    throw new SandboxError(
      `The Python sandbox needs the npm package pyodide (${messageOf(cause)}). Run: npm install pyodide`,
      {
        cause,
      },
    );
  }
};

/** Of packages by their contents; nothing where there are none. */
const hashOf = async (zips: readonly string[]): Promise<string> => {
  if (zips.length === 0) return "";
  const hash = createHash("sha256");
  for (const path of zips) hash.update(await readFile(path));
  return `-${hash.digest("hex").slice(0, 12)}`;
};

/**
 * A picture of the interpreter's memory after its start, its packages imported, which makes the next starts several times
 * quicker. It is made once for a version and its packages and kept beside the models; without it every start is a whole one.
 */
const snapshotOf = async (
  launch: (parameters: object, readable: readonly string[]) => Started,
  zips: readonly string[],
): Promise<string | undefined> => {
  const { version } = createRequire(import.meta.url)("pyodide/package.json") as { readonly version: string };
  const root = process.env.AGENTFLOW_CACHE ?? join(homedir(), ".cache", "agentflow");
  try {
    const packages = await hashOf(zips);
    const name = `pyodide-${version}-${process.version}-${process.arch}${packages}.snapshot`;
    const path = join(root, "sandbox", name);
    if (
      await access(path).then(
        () => true,
        () => false,
      )
    )
      return path;
    const { child } = launch({ make: true }, zips);
    const timer = setTimeout(child.kill, START_SECONDS * 1000);
    const bytes = await child.bytes().finally(() => clearTimeout(timer));
    const { code } = await child.ended;
    if (code !== 0 || bytes.length < 2 ** 20) return undefined;
    await mkdir(dirname(path), { recursive: true });
    const beside = `${path}.${process.pid}`;
    await writeFile(beside, bytes, { mode: 0o600 });
    await rename(beside, path);
    return path;
  } catch {
    // A cache that cannot be written costs time only.
    return undefined;
  }
};
