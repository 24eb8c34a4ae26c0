/**
 * A process that runs programs until it is killed, in its main thread or in a worker. The arguments are
 * `tier mark guard thread`; the mark stands in the command line of all that it starts.
 */
import { isMainThread, Worker } from "node:worker_threads";
import { bubblewrapCommand } from "../../src/sandbox/bubblewrap-command.ts";
import { type ProcessProgram, runInProcess } from "../../src/sandbox/process-run.ts";
import { PYTHON_LIFELINE, PYTHON_RUNNER } from "../../src/sandbox/python-program.ts";

export type ProcessTier = "host" | "bubblewrap";

/** A program that computes for ever and listens to no signal. `guarded` is false without what ends it with its parent. */
export const endless = (tier: ProcessTier, mark: string, guarded: boolean): ProcessProgram => {
  const code = "import signal\nfor n in (1, 2, 3, 15): signal.signal(n, signal.SIG_IGN)\nwhile True: 10 ** 10 ** 6";
  const runner = `${PYTHON_RUNNER}# ${mark}`;
  if (tier === "host")
    return {
      command: ["python3", "-c", guarded ? PYTHON_LIFELINE + runner : runner],
      env: { PATH: process.env.PATH ?? "" },
      code,
      inputs: [undefined],
    };
  const { command, ...rest } = bubblewrapCommand({
    user: 61_000,
    memory: { megabytes: 256, counted: "address space" },
    writableMegabytes: 16,
    program: ["/usr/bin/python3", "-I", "-S", "-c", runner],
  });
  return { ...rest, command: command.filter((word) => guarded || word !== "--die-with-parent"), code };
};

const [, script = "", tier, mark = "", guard, thread] = process.argv;
const asked = !isMainThread || /orphan-parent\.ts$/.test(script);
if (asked && (tier === "host" || tier === "bubblewrap")) {
  if (thread === "worker" && isMainThread) {
    // The loader of TypeScript is registered by the worker itself.
    const load = `import("tsx/esm/api").then(({ register }) => (register(), import(${JSON.stringify(import.meta.url)})))`;
    new Worker(load, { eval: true, argv: process.argv.slice(2), execArgv: [] });
  } else {
    process.stdout.write("up\n");
    for (;;) await runInProcess(endless(tier, mark, guard !== "none"), { timeoutSeconds: 600 });
  }
}
