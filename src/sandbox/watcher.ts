import { Worker } from "node:worker_threads";
import { WATCHER_THREAD } from "./watcher-thread.ts";

export interface Watched {
  readonly pid: number;
  /** Whether it leads a process group, which ends with it. @default false */
  readonly group?: boolean;
  /** Most memory of it and all that descends from it, in MB. @default not watched */
  readonly megabytes?: number | undefined;
  /** Seconds until it is ended. @default not watched */
  readonly seconds?: number | undefined;
}

export type Overrun = "memory" | "time";

export interface Watch {
  /** The limit that the process broke, for which it was ended. */
  readonly overrun: Overrun | undefined;
  /** Stops watching. To be called once the process has ended. */
  stop(): void;
}

const overruns: readonly (Overrun | undefined)[] = [undefined, "memory", "time"];

let thread: Worker | undefined;
let watches = 0;
const ends = new Map<number, () => void>();

/**
 * Ends a process that takes too much memory or time. A thread of its own looks, every 5 to 20 ms, so that limits hold while
 * the caller's event loop is blocked. Memory is what a process and its descendants hold for themselves: anonymous and shared
 * pages, page tables and swap of /proc on Linux (namespaces do not hide from it); on other systems the resident size that
 * `ps` tells, every 100 ms, with the program's own text. Windows: time only. It cannot stop a burst between two looks:
 * where a limit of the kernel fits (`prlimit --as`, `--data`), that limit comes first and this one is the second.
 */
export const watch = ({ pid, group = false, megabytes = 0, seconds = 0 }: Watched): Watch => {
  const id = watches++;
  const state = new Int32Array(new SharedArrayBuffer(4));
  const now = Number(process.hrtime.bigint() / 1_000_000n);
  ends.set(id, () => {
    try {
      process.kill(group && process.platform !== "win32" ? -pid : pid, "SIGKILL");
    } catch {
      // It has ended already.
    }
  });
  thread ??= startThread();
  thread.postMessage({
    id,
    pid,
    group,
    state,
    kilobytes: megabytes * 1024,
    deadline: seconds > 0 ? now + seconds * 1000 : 0,
  });
  return {
    get overrun() {
      return overruns[Atomics.load(state, 0)];
    },
    stop: () => {
      if (ends.delete(id)) thread?.postMessage({ id });
    },
  };
};

const startThread = (): Worker => {
  const started = new Worker(WATCHER_THREAD, {
    eval: true,
    env: {},
    execArgv: [],
    resourceLimits: { maxOldGenerationSizeMb: 32 },
  });
  // Without a watcher nothing runs.
  started.on("error", () => {
    thread = undefined;
    for (const end of ends.values()) end();
  });
  started.unref();
  return started;
};
