import { spawn } from "node:child_process";
import { childOf } from "./child.ts";
import { resultOf } from "./result.ts";
import type { RunOptions, RunResult } from "./sandbox.ts";

/** Runs a program in a process group of its own, which is killed at its end, at its deadline and by the signal. */
export const runInProcess = async (
  [command = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>>,
  code: string,
  { timeoutSeconds = 10, outputLimit = 16_384, abortSignal }: RunOptions = {},
): Promise<RunResult> => {
  abortSignal?.throwIfAborted();
  const process_ = spawn(command, args, { env, detached: true, stdio: ["pipe", "pipe", "pipe"] });
  const child = childOf(process_, true);
  abortSignal?.addEventListener("abort", child.kill, { once: true });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    child.kill();
  }, timeoutSeconds * 1000);
  const begun = performance.now();
  try {
    process_.stdin?.end(`${JSON.stringify({ code, outputLimit })}\n`);
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
  }
};
