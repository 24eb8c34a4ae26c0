export interface RunOptions {
  /** Wall-clock time of the program; the process is killed after it. @default 10 */
  readonly timeoutSeconds?: number;
  /** Characters of output, and of the value, that are kept. @default 16384 */
  readonly outputLimit?: number;
  readonly abortSignal?: AbortSignal;
}

/** What came of a program. Its own faults are an `error`, not something thrown. */
export interface RunResult {
  /** What it printed, on both streams in their order, also before it was ended. */
  readonly stdout: string;
  /**
   * Value of its last line, if that is an expression: a text as it is, numbers and dates of the library as one writes them
   * (`1/3`, `1.10`, `2024-02-29`), anything else as Python shows it.
   */
  readonly value?: string;
  /** Why it ended early: Python's message, or that it took too long. */
  readonly error?: string;
  readonly milliseconds: number;
  /** Something was longer than what is kept. */
  readonly truncated: boolean;
}

/** Runs programs that nobody has read. Each gets a fresh interpreter; nothing of one is left for the next. */
export interface Sandbox {
  readonly tier: "pyodide-in-bubblewrap" | "pyodide" | "wasi-in-bubblewrap" | "wasi" | "bubblewrap" | "host";
  /** Throws `SandboxError` when the sandbox itself fails, and the signal's reason when it is aborted. */
  runPython(code: string, options?: RunOptions): Promise<RunResult>;
  /** Ends all processes. */
  close(): Promise<void>;
}

/** What each tier does not keep out. */
export const notCovered: Readonly<Record<Sandbox["tier"], string>> = {
  "pyodide-in-bubblewrap": "a fault of V8 together with one of the kernel; timing",
  pyodide: "faults of V8 or of the kernel; timing",
  "wasi-in-bubblewrap": "a fault of V8 together with one of the kernel; timing",
  wasi: "faults of V8 or of the kernel; timing",
  bubblewrap: "faults of the kernel; timing; what anybody may read in /usr",
  host: "anything: programs run with your rights",
};
