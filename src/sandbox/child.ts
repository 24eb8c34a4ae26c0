import type { ChildProcess } from "node:child_process";
import { SandboxError } from "../errors.ts";

/** Text that a child writes, up to a limit, and its end. */
export interface Child {
  /** The next whole line; undefined when the child ended without one. */
  line(): Promise<string | undefined>;
  /** Everything until it ends. */
  bytes(): Promise<Buffer>;
  /** Ends it and all that it started. */
  kill(): void;
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** The end of what it wrote to its standard error. */
  readonly complaint: string;
}

const MOST_BYTES = 64 * 2 ** 20;

/** Reads what a child process writes, with a bound on it. */
export const childOf = (child: ChildProcess, detached = false): Child => {
  let written: Buffer = Buffer.alloc(0);
  let complaint = "";
  let over = false;
  let wake = (): void => undefined;
  const kill = (): void => {
    try {
      if (detached && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      else child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    written = Buffer.concat([written, chunk]);
    if (written.length > MOST_BYTES) kill();
    wake();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-2000);
  });
  // A child that died does not read what it is given.
  child.stdin?.on("error", () => undefined);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on("error", (cause) =>
      reject(new SandboxError(`The sandbox cannot be started: ${cause.message}`, { cause })),
    );
    child.on("close", (code, signal) => {
      over = true;
      wake();
      resolve({ code, signal });
    });
  });
  ended.catch(() => {
    over = true;
    wake();
  });
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  return {
    line: async () => {
      for (;;) {
        const end = written.indexOf(10);
        if (end >= 0) {
          const line = written.subarray(0, end).toString("utf8");
          written = written.subarray(end + 1);
          return line;
        }
        if (over) return undefined;
        await change();
      }
    },
    bytes: async () => {
      await ended;
      return written;
    },
    kill,
    ended,
    get complaint() {
      return complaint.trim();
    },
  };
};
