import { type ChildProcess, spawn } from "node:child_process";
import type { Writable } from "node:stream";
import { SandboxError } from "../errors.ts";
import { coveringInherited } from "./descriptors.ts";

/** A child process: what it writes, with a bound on it, and its end. */
export interface Child {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** The next whole line; undefined when the child ended without one. */
  line(): Promise<string | undefined>;
  /** Everything until it ends. */
  bytes(): Promise<Buffer>;
  /** Writes its whole input and closes it. */
  send(text: string): void;
  /** Ends it, and its process group where it leads one. */
  kill(): void;
  /** Rejects with a `SandboxError` when it could not be started. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
  /** The end of what it wrote to its standard error. */
  readonly complaint: string;
}

export interface ChildOptions {
  /** Whether the process leads a group of its own. @default false */
  readonly group?: boolean;
  /** Most bytes that wait to be read; a child that writes more is killed. @default 64 MB */
  readonly mostBytes?: number;
}

export interface StartOptions extends Omit<ChildOptions, "group"> {
  readonly command: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly cwd?: string | undefined;
  /**
   * What the command finds on descriptors 3, 4, …: bytes, an open descriptor of ours, or undefined for a pipe that stays
   * open as long as this process lives. @default nothing
   */
  readonly inputs?: readonly (Uint8Array | number | undefined)[];
}

const NEWLINE = 10;
/** How long the output of a dead child is waited for: a process that it left behind may hold the pipe open for ever. */
const DRAIN_MILLISECONDS = 500;

/** Starts a command in a process group of its own. It inherits no descriptor but its pipes. */
export const startChild = ({
  command: [file = "", ...args],
  env,
  cwd,
  inputs = [],
  mostBytes,
}: StartOptions): Child => {
  const process_ = coveringInherited(3 + inputs.length, (rest) =>
    spawn(file, args, {
      env,
      cwd,
      detached: true,
      windowsHide: true,
      stdio: ["pipe", "pipe", "pipe", ...inputs.map((input) => (typeof input === "number" ? input : "pipe")), ...rest],
    }),
  );
  for (const [i, input] of inputs.entries()) {
    const given = process_.stdio[3 + i] as Writable | null | undefined;
    // A command that ends at once does not read it.
    given?.on("error", () => undefined);
    if (input instanceof Uint8Array) given?.end(input);
  }
  return childOf(process_, mostBytes === undefined ? { group: true } : { group: true, mostBytes });
};

/** Reads what a child process writes. */
export const childOf = (child: ChildProcess, { group = false, mostBytes = 64 * 2 ** 20 }: ChildOptions = {}): Child => {
  let chunks: Buffer[] = [];
  /** Chunks before this one hold no end of a line. */
  let scanned = 0;
  let size = 0;
  let complaint = "";
  let over = false;
  let wake = (): void => undefined;
  const kill = (): void => {
    if (child.pid === undefined) return;
    try {
      // Windows has no process groups.
      if (group && process.platform !== "win32") process.kill(-child.pid, "SIGKILL");
      else child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
  };
  const end = (): void => {
    over = true;
    wake();
  };
  child.stdout?.on("data", (chunk: Buffer) => {
    if (size + chunk.length > mostBytes) {
      kill();
      child.stdout?.destroy();
      return;
    }
    chunks.push(chunk);
    size += chunk.length;
    wake();
  });
  child.stderr?.on("data", (chunk: Buffer) => {
    complaint = (complaint + chunk.toString("utf8")).slice(-2000);
  });
  // A dead child does not read its input.
  child.stdin?.on("error", () => undefined);
  const ended = new Promise<{ code: number | null; signal: NodeJS.Signals | null }>((resolve, reject) => {
    child.on("error", (cause) =>
      reject(new SandboxError(`The sandbox cannot be started: ${cause.message}`, { cause })),
    );
    child.on("exit", () => {
      const timer = setTimeout(() => {
        for (const stream of child.stdio) stream?.destroy();
      }, DRAIN_MILLISECONDS);
      child.on("close", () => clearTimeout(timer));
    });
    child.on("close", (code, signal) => resolve({ code, signal }));
  });
  ended.then(end, end);
  const change = (): Promise<void> =>
    new Promise((resolve) => {
      wake = resolve;
    });
  /** The first whole line of what waits. Each byte is looked at once. */
  const takeLine = (): string | undefined => {
    for (; scanned < chunks.length; scanned += 1) {
      const chunk = chunks[scanned];
      const at = chunk?.indexOf(NEWLINE) ?? -1;
      if (chunk === undefined || at < 0) continue;
      const line = Buffer.concat([...chunks.slice(0, scanned), chunk.subarray(0, at)]);
      chunks = [chunk.subarray(at + 1), ...chunks.slice(scanned + 1)];
      scanned = 0;
      size -= line.length + 1;
      return line.toString("utf8");
    }
    return undefined;
  };
  return {
    pid: child.pid,
    line: async () => {
      for (;;) {
        const line = takeLine();
        if (line !== undefined || over) return line;
        await change();
      }
    },
    bytes: async () => {
      await ended;
      return Buffer.concat(chunks);
    },
    send: (text) => {
      child.stdin?.end(text);
    },
    kill,
    ended,
    get complaint() {
      return complaint.trim();
    },
  };
};
