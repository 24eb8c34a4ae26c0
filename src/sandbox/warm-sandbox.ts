import { SandboxError } from "../errors.ts";
import type { Child } from "./child.ts";
import { READY } from "./python-program.ts";
import { outcomeOf, resultOf } from "./result.ts";
import type { RunOptions, Sandbox } from "./sandbox.ts";
import { watch } from "./watcher.ts";

/** What an interpreter that starts uses of its sandbox. */
export interface Nursery {
  /** Makes the sandbox end a child when it is closed, or at once when it is closed already. */
  keep(child: Child): Child;
  /** Starts a child and waits until it takes a program. Throws `SandboxError` when it does not start. */
  ready(launch: () => Child): Promise<Child>;
}

export interface WarmSandboxOptions {
  readonly tier: Sandbox["tier"];
  /** Interpreters that wait, already started. */
  readonly warm: number;
  /** Most memory of an interpreter with its program. */
  readonly mostMegabytes: number;
  start(nursery: Nursery): Promise<Child>;
  /** Called once all children have ended. @default nothing */
  closed?(): void;
}

/** What a start may take on a busy machine without a snapshot. */
export const START_SECONDS = 120;

/** Where we are root, each program runs as one of these users: none is a person's. */
export const users = (): (() => number) => {
  let started = 0;
  return () => 61_100 + (started++ % 800);
};

/**
 * A sandbox of interpreters that are started before they are needed, each in a process of its own that runs one program. A
 * child says that it is ready, gets one line of JSON `{ code, outputLimit }`, and answers with one line.
 */
export const warmSandbox = ({ tier, warm, mostMegabytes, ...options }: WarmSandboxOptions): Sandbox => {
  const children = new Set<Child>();
  const waiting: Promise<Child>[] = [];
  let closed = false;

  const nursery: Nursery = {
    keep: (child) => {
      children.add(child);
      const gone = (): void => {
        children.delete(child);
      };
      child.ended.then(gone, gone);
      if (closed) child.kill();
      return child;
    },
    ready: async (launch) => {
      if (closed) throw new SandboxError("The sandbox is closed.");
      const child = nursery.keep(launch());
      const timer = setTimeout(child.kill, START_SECONDS * 1000);
      try {
        if ((await child.line()) === READY) return child;
        child.kill();
        const { code, signal } = await child.ended;
        const words = child.complaint.slice(-400) || `it ended (${signal ?? `exit code ${code}`})`;
        throw new SandboxError(`The Python sandbox did not start: ${words}.`);
      } finally {
        clearTimeout(timer);
      }
    },
  };

  const refill = (): void => {
    while (!closed && waiting.length < warm) {
      const next = options.start(nursery);
      // Whoever takes it gets its failure.
      next.catch(() => undefined);
      waiting.push(next);
    }
  };

  /** An interpreter, unless the signal comes first: then the one that starts waits for the next program. */
  const take = async (abortSignal: AbortSignal | undefined): Promise<Child> => {
    const next = waiting.shift() ?? options.start(nursery);
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
    tier,
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
        const { line, ...printed } = await outcomeOf(child, outputLimit);
        abortSignal?.throwIfAborted();
        const milliseconds = performance.now() - begun;
        if (line !== undefined) return resultOf(line, outputLimit, milliseconds);
        const error = {
          time: `TimeoutError: the program took more than ${timeoutSeconds} seconds and was ended.`,
          memory: `MemoryError: the program and its interpreter took more than ${mostMegabytes} MB and were ended.`,
          none: child.complaint.slice(-200) || "The program ended its interpreter.",
        }[watching.overrun ?? "none"];
        return { ...printed, error, milliseconds };
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
      await Promise.allSettled([...children].map(({ ended }) => ended));
      options.closed?.();
    },
  };
};

export interface FlagOptions {
  /** All that may be read. */
  readonly readable: readonly string[];
  /** Whether the child may have a thread, which holds its lifeline. */
  readonly threads: boolean;
}

/** Of Node, for a child: no evaluation of texts, no inspector, no right but what is named. */
export const childFlags = ({ readable, threads }: FlagOptions): string[] => {
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
