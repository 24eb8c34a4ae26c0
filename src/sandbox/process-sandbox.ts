import { SandboxError } from "../errors.ts";
import type { RunOptions, RunResult, Sandbox } from "./sandbox.ts";

/** A sandbox that starts a process for each program. Closing it ends what runs and waits until that is gone. */
export const processSandbox = (
  tier: Sandbox["tier"],
  run: (code: string, options: RunOptions) => Promise<RunResult>,
): Sandbox => {
  const closing = new AbortController();
  const running = new Set<Promise<RunResult>>();
  return {
    tier,
    runPython: async (code, options = {}) => {
      closing.signal.throwIfAborted();
      const { abortSignal } = options;
      const either = abortSignal === undefined ? closing.signal : AbortSignal.any([closing.signal, abortSignal]);
      const result = run(code, { ...options, abortSignal: either });
      running.add(result);
      try {
        return await result;
      } finally {
        running.delete(result);
      }
    },
    close: async () => {
      closing.abort(new SandboxError("The sandbox is closed."));
      await Promise.allSettled(running);
    },
  };
};
