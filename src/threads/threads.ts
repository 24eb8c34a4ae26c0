import type { ChildProcess } from "node:child_process";
import { type AgentFlowError, ConfigError, EngineError, ModelError, StoreError, ToolError } from "../errors.ts";
import { codeFolder } from "../package-folder.ts";

/** What a thread is asked, and what it replies. */
export interface ThreadCall {
  /** An exported function of the thread's module. */
  readonly name: string;
  readonly input: unknown;
}

export type ThreadReply =
  | { readonly type: "ready" }
  | { readonly type: "value"; readonly value: unknown }
  /** The thread is gone: it took too much memory, or it broke. */
  | { readonly type: "memory" | "broken"; readonly message: string }
  | { readonly type: "error"; readonly name: string; readonly message: string; readonly retryable: boolean };

export interface ThreadsOptions {
  /** Threads at once; one more is started only when all are busy. @default 2 */
  readonly most?: number;
  /** Memory of a thread. @default 256 */
  readonly megabytes?: number;
  /** What the caller throws when the work cannot be done. @default a `ToolError` */
  readonly failure?: (message: string, cause?: unknown) => AgentFlowError;
}

export interface Limits {
  /** What is read, as errors name it: `The page https://…`. */
  readonly what: string;
  /** Time limit, waiting for a thread included; then the thread is ended. @default 10 */
  readonly seconds?: number | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** Threads that run the exported functions of one module. */
export interface Threads {
  /**
   * Runs a function in a thread of its own and gives what it returns. Throws the `AgentFlowError` that the function threw,
   * the signal's reason once it is aborted, and `failure` when the work is late, needs too much memory or breaks off:
   * the thread is then ended, and the next call gets a new one.
   */
  run<Output>(name: string, input: unknown, limits: Limits): Promise<Output>;
  /** Ends all threads, with all that they know. */
  close(): void;
}

/** Time limit for starting a thread. */
const START_SECONDS = 30;

const toolFailure = (message: string, cause?: unknown): ToolError => new ToolError(message, { cause });

/**
 * Threads for work on untrusted text, which may be made to take forever: pages, documents, templates. The event loop
 * stays free, so that budgets, deadlines and Ctrl-C hold whatever the text is. `module` is a path in `src` that ends in
 * `-thread`, of which the build makes a file. Each thread lives in a process of its own: one that runs out of memory inside
 * V8 takes its whole process with it. Nothing starts before the first call; an idle thread keeps this process not alive,
 * ends with it, and sees nothing of its environment. Throws `ConfigError` where there are no processes, as in a browser.
 */
export const threadsOf = (
  module: `${string}-thread`,
  { most = 2, megabytes = 256, failure = toolFailure }: ThreadsOptions = {},
): Threads => {
  const threads = new Set<Thread>();
  const waiting: ((thread: Thread) => void)[] = [];
  let starting = 0;

  const drop = (thread: Thread): void => {
    threads.delete(thread);
    thread.end();
  };
  const release = (thread: Thread): void => {
    if (!threads.has(thread)) return;
    const next = waiting.shift();
    if (next === undefined) thread.rest();
    else next(thread);
  };
  /** A thread that does nothing else until it is released or dropped. */
  const take = async (): Promise<Thread> => {
    for (const thread of threads) {
      if (thread.state() === "ended") threads.delete(thread);
      else if (thread.state() === "idle") return thread.wake();
    }
    if (threads.size + starting >= most) return new Promise((resolve) => waiting.push(resolve));
    starting += 1;
    try {
      const thread = await startThread(module, megabytes);
      threads.add(thread);
      return thread;
    } finally {
      starting -= 1;
    }
  };

  const run = async (name: string, input: unknown, limits: Limits): Promise<unknown> => {
    const { what, seconds = 10, abortSignal } = limits;
    abortSignal?.throwIfAborted();
    const end = performance.now() + 1000 * seconds;
    const late = (): AgentFlowError => failure(`${what} took longer than ${seconds} seconds to read.`);
    const taken = take();
    let thread: Thread | undefined;
    try {
      thread = await within(taken, seconds, abortSignal, late);
    } finally {
      // Who gave up waiting hands the thread that comes too late to the next one.
      if (thread === undefined) taken.then(release, () => undefined);
    }
    try {
      const left = (end - performance.now()) / 1000;
      const reply = await within(thread.ask({ name, input }), left, abortSignal, late);
      release(thread);
      return reply;
    } catch (error) {
      if (error instanceof Refusal) {
        release(thread);
        throw error.known() ?? failure(`${what} cannot be read: ${error.message}.`, error);
      }
      drop(thread);
      if (waiting.length > 0) void take().then(release, () => undefined);
      if (!(error instanceof Death)) throw error;
      throw failure(
        error.outOfMemory
          ? `${what} takes more than ${megabytes} MB to read.`
          : `${what} cannot be read: ${error.message}.`,
        error,
      );
    }
  };
  return {
    run: <Output>(name: string, input: unknown, limits: Limits) => run(name, input, limits) as Promise<Output>,
    close: () => {
      for (const thread of threads) drop(thread);
    },
  };
};

/** What the function threw, as the thread tells it. */
class Refusal extends Error {
  readonly #reply: Extract<ThreadReply, { readonly type: "error" }>;

  constructor(reply: Extract<ThreadReply, { readonly type: "error" }>) {
    super(reply.message.replace(/\.$/, ""));
    this.#reply = reply;
  }

  /** The error of ours that it was. */
  known(): AgentFlowError | undefined {
    const { name, message, retryable } = this.#reply;
    if (name === "ToolError") return new ToolError(message, { retryable });
    if (name === "ModelError") return new ModelError(message, { retryable });
    const kinds = { ConfigError, StoreError, EngineError };
    const Kind = Object.hasOwn(kinds, name) ? kinds[name as keyof typeof kinds] : undefined;
    return Kind === undefined ? undefined : new Kind(message);
  }
}

/** The thread itself ended. */
class Death extends Error {
  readonly outOfMemory: boolean;

  constructor(message: string, outOfMemory = false) {
    super(message);
    this.outOfMemory = outOfMemory;
  }
}

interface Thread {
  state(): "busy" | "idle" | "ended";
  wake(): Thread;
  rest(): void;
  ask(call: ThreadCall): Promise<unknown>;
  end(): void;
}

/** From the sources, which are TypeScript, a thread needs the loader that development brings; from `dist` it needs none. */
const FROM_SOURCE = `
const { createRequire } = require("node:module");
const { pathToFileURL } = require("node:url");
const { workerData } = require("node:worker_threads");
const tsx = pathToFileURL(createRequire(workerData.entry).resolve("tsx/package.json"));
import(new URL("./dist/esm/api/index.mjs", tsx)).then(({ register }) => { register(); return import(workerData.entry); });
`;

const startThread = async (module: string, megabytes: number): Promise<Thread> => {
  const processes = await import("node:child_process").catch(() => undefined);
  if (processes?.fork === undefined)
    throw new ConfigError("Reading untrusted text needs a process of its own, which this runtime lacks: use Node.js.");
  const ending = import.meta.url.endsWith(".ts") ? ".ts" : ".js";
  const work = new URL(`threads/work${ending}`, codeFolder);
  const loader = ending === ".ts" ? ["--import", await developmentLoader()] : [];
  const { SystemRoot } = process.env;
  const child = processes.fork(
    new URL(`threads/entry${ending}`, codeFolder),
    [work.href, new URL(module + ending, codeFolder).href, String(megabytes), ending === ".ts" ? FROM_SOURCE : ""],
    {
      // Keys of this process are not for who reads a page, and libraries do not print on our terminal.
      env: SystemRoot === undefined ? {} : { SystemRoot },
      execArgv: loader,
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    },
  );
  return threadOf(child);
};

const developmentLoader = async (): Promise<string> => {
  const [{ createRequire }, { pathToFileURL }] = await Promise.all([import("node:module"), import("node:url")]);
  return pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
};

const threadOf = async (child: ChildProcess): Promise<Thread> => {
  let state: "busy" | "idle" | "ended" = "busy";
  let settle: ((outcome: ThreadReply) => void) | undefined;
  const next = (): Promise<ThreadReply> =>
    new Promise((resolve, reject) => {
      settle = (outcome) => {
        if (outcome.type === "memory" || outcome.type === "broken")
          reject(new Death(outcome.message, outcome.type === "memory"));
        else resolve(outcome);
      };
    });
  const broken = (message: string): void => {
    state = "ended";
    settle?.({ type: "broken", message });
  };
  child.on("message", (reply: ThreadReply) => settle?.(reply));
  child.on("error", (error: Error) => broken(error.message));
  // V8 ends a process that is out of memory by an abort.
  child.on("exit", (_, signal) => {
    state = "ended";
    settle?.({ type: signal === "SIGABRT" ? "memory" : "broken", message: "its process ended" });
  });
  const thread: Thread = {
    state: () => state,
    wake: () => {
      state = "busy";
      child.ref();
      child.channel?.ref();
      return thread;
    },
    rest: () => {
      state = "idle";
      child.unref();
      child.channel?.unref();
    },
    ask: async (call) => {
      const reply = next();
      child.send(call, (error) => {
        if (error !== null) broken(error.message);
      });
      const outcome = await reply;
      if (outcome.type === "error") throw new Refusal(outcome);
      return outcome.type === "value" ? outcome.value : undefined;
    },
    end: () => {
      state = "ended";
      child.kill("SIGKILL");
    },
  };
  try {
    await within(next(), START_SECONDS, undefined, () => new Death("its thread did not start"));
    return thread;
  } catch (error) {
    thread.end();
    throw error instanceof Death
      ? new ConfigError(`A thread cannot be started: ${error.message}.`, { cause: error })
      : error;
  }
};

/** The outcome of some work, unless it is late or aborted. */
const within = <Value>(
  work: Promise<Value>,
  seconds: number,
  abortSignal: AbortSignal | undefined,
  late: () => Error,
): Promise<Value> =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(() => settled(() => reject(late())), seconds * 1000);
    const aborted = (): void => settled(() => reject(abortSignal?.reason));
    const settled = (end: () => void): void => {
      clearTimeout(timer);
      abortSignal?.removeEventListener("abort", aborted);
      end();
    };
    abortSignal?.addEventListener("abort", aborted, { once: true });
    work.then(
      (value) => settled(() => resolve(value)),
      (error) => settled(() => reject(error)),
    );
  });
