import { closeSync, openSync } from "node:fs";
import { ConfigError, messageOf, SandboxError } from "../errors.ts";
import { type BubblewrapCommand, bubblewrapCommand, nodeFiles } from "./bubblewrap-command.ts";
import { type Child, startChild } from "./child.ts";
import type { PyodideOptions } from "./pyodide-sandbox.ts";
import { pythonPackages } from "./python-packages.ts";
import type { Sandbox } from "./sandbox.ts";
import { childFlags, users, warmSandbox } from "./warm-sandbox.ts";
import { WASI_CHILD, WASI_FILE_MEGABYTES } from "./wasi-child.ts";
import { type OpenPython, openWasiPython } from "./wasi-python.ts";

/** The module uses exceptions of WebAssembly that older versions do not have. */
const LEAST_NODE = 24;
/** What the interpreter has from its start, and a little to work with. */
const LEAST_MEGABYTES = 64;
/** What Node takes beside the memory of Python, at most: the module twice while it compiles, compiled code, its heap. */
const NODE_MEGABYTES = 512;
/** What V8 reserves for the code of so large a module and hardly uses: a limit of the kernel counts it all the same. */
const RESERVED_MEGABYTES = 1024;
const PAGES_A_MEGABYTE = 16;

/**
 * CPython for WASI in a process of its own. Its module imports 42 functions of WASI, which are our own and hold files in
 * memory, the clock and randomness (`wasi-world.ts`), and one call to its host, which is refused. There is no bridge to
 * JavaScript that would have to be closed. The process has no right to files and a user of its own where we are root; it
 * ends with its parent. It does not cover faults of V8 or the kernel, and what can be read from timing. Throws `SandboxError`
 * where Node is too old or Python was not pulled (`agentflow sandbox pull`).
 */
export const wasiSandbox = async ({
  memoryMegabytes = 256,
  warm = 1,
  packages,
  inBubblewrap = false,
}: PyodideOptions = {}): Promise<Sandbox> => {
  if (Number.parseInt(process.versions.node, 10) < LEAST_NODE)
    throw new SandboxError(
      `The tier "wasi" needs Node ${LEAST_NODE} or later, and this is ${process.version}. Use the tier "auto".`,
    );
  if (memoryMegabytes < LEAST_MEGABYTES)
    throw new ConfigError(
      `memoryMegabytes is ${memoryMegabytes}: the tier "wasi" accepts ${LEAST_MEGABYTES} and more, for its Python starts with 40.`,
    );
  const python = await openWasiPython();
  const zips = opened(python, packages ?? (await pythonPackages()));
  const mostMegabytes = memoryMegabytes + WASI_FILE_MEGABYTES + NODE_MEGABYTES;
  const nextUser = users();

  const containedIn = (program: readonly string[], user: number): BubblewrapCommand =>
    bubblewrapCommand({
      user,
      memory: { megabytes: mostMegabytes + RESERVED_MEGABYTES, counted: "data" },
      readable: nodeFiles(),
      program,
    });

  const launch = (): Child => {
    const user = nextUser();
    const first = 3 + (inBubblewrap ? containedIn([], user).inputs.length : 1);
    const parameters = {
      module: first,
      library: first + 1,
      packages: zips.map((_, i) => first + 2 + i),
      // bubblewrap ends its program with its parent by itself, and is another user already.
      lifeline: inBubblewrap ? undefined : 3,
      user: inBubblewrap ? undefined : user,
    };
    const program = [
      process.execPath,
      ...childFlags({ readable: [], threads: !inBubblewrap }),
      // The module makes its memory larger without asking anybody: V8 says how far.
      `--wasm-max-mem-pages=${memoryMegabytes * PAGES_A_MEGABYTE}`,
      // Python believes that it has more stack than Node gives by default.
      "--stack-size=3900",
      ...["--input-type=module", "--eval", WASI_CHILD, JSON.stringify(parameters)],
    ];
    const { command, env, inputs } = inBubblewrap
      ? containedIn(program, user)
      : { command: program, env: {}, inputs: [undefined] };
    // Open files: their reader needs no right to where they lie.
    return startChild({ command, env, inputs: [...inputs, python.module, python.library, ...zips] });
  };

  return warmSandbox({
    tier: inBubblewrap ? "wasi-in-bubblewrap" : "wasi",
    warm,
    mostMegabytes,
    start: ({ ready }) => ready(launch),
    closed: () => {
      python.close();
      for (const zip of zips.splice(0)) closeSync(zip);
    },
  });
};

const opened = (python: OpenPython, paths: readonly string[]): number[] => {
  const descriptors: number[] = [];
  try {
    for (const path of paths) descriptors.push(openSync(path, "r"));
    return descriptors;
  } catch (cause) {
    python.close();
    for (const descriptor of descriptors) closeSync(descriptor);
    throw new SandboxError(`A package for the sandbox cannot be read: ${messageOf(cause)}.`, { cause });
  }
};
