import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname } from "node:path";
import { optionalPackage } from "../optional-package.ts";
import { type BubblewrapCommand, bubblewrapCommand, nodeFiles } from "./bubblewrap-command.ts";
import { type Child, startChild } from "./child.ts";
import { FILE_MEGABYTES, PYODIDE_CHILD } from "./pyodide-child.ts";
import { isWhole, snapshotOf } from "./pyodide-snapshot.ts";
import { pythonPackages } from "./python-packages.ts";
import type { Sandbox } from "./sandbox.ts";
import { childFlags, type Nursery, START_SECONDS, users, warmSandbox } from "./warm-sandbox.ts";

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
 * be read from timing. Throws `ConfigError` when Pyodide is not installed.
 */
export const pyodideSandbox = async ({
  memoryMegabytes = 256,
  warm = 1,
  packages,
  inBubblewrap = false,
}: PyodideOptions = {}): Promise<Sandbox> => {
  const folder = await pyodideFolder();
  const zips = packages ?? (await pythonPackages());
  const mostMegabytes = memoryMegabytes + FILE_MEGABYTES + NODE_MEGABYTES;
  const nextUser = users();
  let snapshot: Promise<string | undefined> | undefined;

  const containedIn = (program: readonly string[], user: number): BubblewrapCommand =>
    bubblewrapCommand({
      user,
      memory: { megabytes: mostMegabytes, counted: "data" },
      readable: [folder, ...zips, ...nodeFiles()],
      program,
    });

  const launch = ({ snapshot, make }: Launch): Child => {
    const user = nextUser();
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
      ...childFlags({ readable: [folder, ...zips], threads: !inBubblewrap }),
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
      return startChild({ command, env, cwd: folder, inputs: [...inputs, ...opened] });
    } finally {
      for (const descriptor of opened) closeSync(descriptor);
    }
  };

  const make = async ({ keep }: Nursery): Promise<Buffer | undefined> => {
    const child = keep(launch({ make: true }));
    const timer = setTimeout(child.kill, START_SECONDS * 1000);
    const bytes = await child.bytes().finally(() => clearTimeout(timer));
    return bytes.length < 2 ** 20 ? undefined : bytes;
  };

  return warmSandbox({
    tier: inBubblewrap ? "pyodide-in-bubblewrap" : "pyodide",
    warm,
    mostMegabytes,
    start: async (nursery) => {
      const fresh = (): Promise<string | undefined> => snapshotOf(() => make(nursery), zips);
      snapshot ??= fresh();
      const path = await snapshot;
      try {
        return await nursery.ready(() => launch({ snapshot: path }));
      } catch (error) {
        if (path === undefined || (await isWhole(path))) throw error;
        // It was damaged since it was looked at.
        snapshot = fresh();
        const another = await snapshot;
        return await nursery.ready(() => launch({ snapshot: another }));
      }
    },
  });
};

const pyodideFolder = (): Promise<string> =>
  optionalPackage("pyodide", () => dirname(createRequire(import.meta.url).resolve("pyodide/package.json")));
