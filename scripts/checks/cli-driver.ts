/**
 * Runs the real command many times in one process: each job is a new import of `main.ts` with its own arguments, environment
 * and typed lines; what it writes is caught below its writer. A child of `check-terminal.ts`, which sends the jobs.
 */
import { register } from "node:module";
import { PassThrough } from "node:stream";

export interface Job {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Whether stdout, stderr and stdin are a terminal. */
  readonly terminal?: boolean;
  /** What somebody types, line by line, once the command asks. */
  readonly typed?: readonly string[];
}

export interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

// The variant that has to be caught: a writer that makes nothing visible.
if (process.argv.includes("--broken"))
  register(
    `data:text/javascript,${encodeURIComponent(`
      export const load = (url, context, next) => /\\/cli\\/visible\\.ts/.test(url)
        ? { format: "module", shortCircuit: true, source: "export const visible = (text) => text; export const ascii = visible;" }
        : next(url, context);
    `)}`,
  );

const caught = { stdout: "", stderr: "" };
let onWrite = (_text: string): void => undefined;
for (const name of ["stdout", "stderr"] as const) {
  const write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    const text = typeof chunk === "string" ? chunk : Buffer.from(chunk).toString("utf8");
    caught[name] += text;
    onWrite(text);
    for (const argument of rest) if (typeof argument === "function") argument();
    return true;
  };
  process[name].write = write;
}

let jobs = 0;
const run = async ({ args, environment = {}, terminal = false, typed = [] }: Job): Promise<Ended> => {
  const before = { ...process.env };
  Object.assign(process.env, environment);
  const stdin = Object.assign(new PassThrough(), { isTTY: terminal });
  Object.defineProperty(process, "stdin", { value: stdin, configurable: true });
  for (const name of ["stdout", "stderr"] as const) Object.assign(process[name], { isTTY: terminal, columns: 100 });
  const lines = [...typed];
  onWrite = (text) => {
    if (text.endsWith(": ") || text.endsWith("[y/N] ")) setImmediate(() => stdin.write(`${lines.shift() ?? "n"}\n`));
  };
  process.argv = [process.execPath, "agentflow", ...args];
  process.exitCode = undefined;
  Object.assign(caught, { stdout: "", stderr: "" });
  jobs += 1;
  await import(`../../src/cli/main.ts?job=${jobs}`);
  // Warnings arrive one tick later.
  await new Promise((resolve) => setImmediate(resolve));
  const ended = { code: Number(process.exitCode ?? 0), ...caught };
  for (const stream of [process.stdout, process.stderr]) stream.removeAllListeners("error");
  process.removeAllListeners("uncaughtException");
  process.exitCode = 0;
  for (const name of Object.keys(process.env)) if (!(name in before)) delete process.env[name];
  Object.assign(process.env, before);
  return ended;
};

process.on("message", (job: Job) => {
  run(job).then(
    (ended) => process.send?.(ended),
    (error: unknown) => process.send?.({ code: -1, stdout: "", stderr: `the driver failed: ${String(error)}` }),
  );
});
process.send?.("ready");
