import { SandboxError } from "../errors.ts";
import { type Child, startChild } from "./child.ts";
import { READY } from "./python-program.ts";
import { outcomeOf, resultOf } from "./result.ts";
import type { RunOptions, RunResult } from "./sandbox.ts";
import { type Watch, watch } from "./watcher.ts";

export interface ProcessProgram {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly code: string;
  /** Zip files, as the program sees them, that it can import. @default [] */
  readonly packages?: readonly string[];
  /** What the command finds on descriptors 3, 4, …; see `startChild`. @default nothing */
  readonly inputs?: readonly (Uint8Array | undefined)[];
  /** Most memory of the command and all that it starts. @default not watched */
  readonly memoryMegabytes?: number;
}

/** What a start may take on a busy machine. It is not the program's time. */
const START_SECONDS = 60;

/**
 * Runs a program in a process group of its own, which is killed at its end, at its deadline and by the signal. The program
 * is handed over once the interpreter has said that it is ready: a parent that dies before has given nothing to run.
 * Throws `SandboxError` when the interpreter does not start.
 */
export const runInProcess = async (
  { command, env, code, packages = [], inputs = [], memoryMegabytes }: ProcessProgram,
  { timeoutSeconds = 10, outputLimit = 16_384, abortSignal }: RunOptions = {},
): Promise<RunResult> => {
  abortSignal?.throwIfAborted();
  const child = startChild({ command, env, inputs, mostBytes: mostBytesOf(outputLimit) });
  abortSignal?.addEventListener("abort", child.kill, { once: true });
  try {
    await withinLimits(child, { seconds: START_SECONDS }, async () => {
      const line = await child.line();
      abortSignal?.throwIfAborted();
      if (line !== READY) throw new SandboxError(`The sandbox did not start: ${await farewellOf(child)}.`);
    });
    const begun = performance.now();
    return await withinLimits(child, { seconds: timeoutSeconds, megabytes: memoryMegabytes }, async (watching) => {
      child.send(`${JSON.stringify({ code, outputLimit, packages })}\n`);
      const { line, ...printed } = await outcomeOf(child, outputLimit);
      abortSignal?.throwIfAborted();
      const milliseconds = performance.now() - begun;
      if (line !== undefined) return resultOf(line, outputLimit, milliseconds);
      const error = {
        time: `TimeoutError: the program took more than ${timeoutSeconds} seconds and was ended.`,
        memory: `MemoryError: the program took more than ${memoryMegabytes} MB and was ended.`,
        none: `The program ended its interpreter (${await farewellOf(child)}).`,
      }[watching?.overrun ?? "none"];
      return { ...printed, error, milliseconds };
    });
  } finally {
    abortSignal?.removeEventListener("abort", child.kill);
    child.kill();
    // Its place is empty, and no interpreter is left, when this returns.
    await child.ended.catch(() => undefined);
  }
};

interface Limits {
  readonly seconds: number;
  readonly megabytes?: number | undefined;
}

const withinLimits = async <T>(
  child: Child,
  { seconds, megabytes }: Limits,
  work: (watching: Watch | undefined) => Promise<T>,
): Promise<T> => {
  const watching = child.pid === undefined ? undefined : watch({ pid: child.pid, group: true, seconds, megabytes });
  try {
    return await work(watching);
  } finally {
    watching?.stop();
  }
};

/** How a child ended, and its last words. Throws when it was never there. */
const farewellOf = async (child: Child): Promise<string> => {
  const { code, signal } = await child.ended;
  const words = child.complaint.slice(-200);
  return `${signal ?? `exit code ${code}`}${words === "" ? "" : `: ${words}`}`;
};

/** A result has at most twice the limit, each letter as JSON of up to twelve bytes, and an error of 2,000 letters. */
const mostBytesOf = (outputLimit: number): number => 24 * outputLimit + 64 * 1024;
