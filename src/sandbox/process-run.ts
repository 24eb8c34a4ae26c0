import { spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { childOf } from "./child.ts";
import { resultOf } from "./result.ts";
import type { RunOptions, RunResult } from "./sandbox.ts";

export interface ProcessProgram {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly code: string;
  /** Zip files, as the program sees them, that it can import. @default [] */
  readonly packages?: readonly string[];
  /** Whether all that the program starts ends with the command: then that is waited for. @default false */
  readonly contained?: boolean;
  /** What the command finds on descriptors 3, 4, …. @default nothing */
  readonly inputs?: readonly Uint8Array[];
}

/** Runs a program in a process group of its own, which is killed at its end, at its deadline and by the signal. */
export const runInProcess = async (
  { command: [command = "", ...args], env, code, packages = [], contained = false, inputs = [] }: ProcessProgram,
  { timeoutSeconds = 10, outputLimit = 16_384, abortSignal }: RunOptions = {},
): Promise<RunResult> => {
  abortSignal?.throwIfAborted();
  const stdio = Array<"pipe">(3 + inputs.length).fill("pipe");
  const process_ = spawn(command, args, { env, detached: true, stdio });
  for (const [i, input] of inputs.entries()) {
    const given = process_.stdio[3 + i] as Writable | null;
    // A command that ends at once does not read it.
    given?.on("error", () => undefined);
    given?.end(input);
  }
  const child = childOf(process_, true);
  abortSignal?.addEventListener("abort", child.kill, { once: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill();
  }, timeoutSeconds * 1000);
  const begun = performance.now();
  try {
    process_.stdin?.end(`${JSON.stringify({ code, outputLimit, packages })}\n`);
    const line = await child.line();
    abortSignal?.throwIfAborted();
    if (line !== undefined) return resultOf(line, outputLimit);
    // Whether it could be started at all.
    const { code: exit, signal } = await child.ended;
    const error = late
      ? `TimeoutError: the program took more than ${timeoutSeconds} seconds and was ended.`
      : `The program ended its interpreter (${signal ?? `exit code ${exit}`})${child.complaint === "" ? "" : `: ${child.complaint.slice(-200)}`}.`;
    return { stdout: "", error, milliseconds: performance.now() - begun, truncated: false };
  } finally {
    clearTimeout(timer);
    abortSignal?.removeEventListener("abort", child.kill);
    child.kill();
    // What it wrote to is closed when the last one is gone: the next program finds its place empty.
    if (contained) await child.ended.catch(() => undefined);
  }
};
