import { hostname } from "node:os";
import { join } from "node:path";
import type { Command } from "commander";
import { almanac } from "../almanac/environment.ts";
import { work } from "../learn/work.ts";
import { findRun } from "../setup/local-model.ts";
import { projectFile } from "../setup/project-file.ts";
import { workerTexts } from "../setup/worker-texts.ts";
import { joinQueue } from "../workers/index.ts";
import { noConfigOption, wholeNumber } from "./command-options.ts";
import { INTERRUPTED, listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { counted } from "./words.ts";

interface WorkerOptions {
  readonly config?: string | undefined;
  readonly model?: string | undefined;
  readonly concurrency: number;
  readonly name: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `agentflow worker`: does rollouts of a run until it ends. Returns the exit code. */
const workerCommand = async (
  where: string,
  { config, model, concurrency, name, json, quiet }: WorkerOptions,
): Promise<number> => {
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const begun = performance.now();
  try {
    const link = await joinQueue(where.includes("://") ? where : await folderOf(where));
    const solves = await work({
      link,
      environment: config === undefined ? almanac() : await projectFile(config, process.env),
      texts: workerTexts(model),
      name,
      concurrency,
      onReady: (run) => screen.line(`${name} works for ${run}; Ctrl-C gives back what is under way`),
      onSolve: (done) => screen.live(counted(done, "solve")),
      abortSignal: interrupts.abortSignal,
    });
    screen.clear();
    const seconds = (performance.now() - begun) / 1000;
    screen.line(`${counted(solves, "solve")} in ${seconds.toFixed(0)} s`);
    if (json) writeJson({ schemaVersion: 1, worker: name, solves, seconds });
    return interrupts.abortSignal.aborted ? INTERRUPTED : 0;
  } finally {
    interrupts.close();
    screen.clear();
  }
};

const folderOf = async (name: string): Promise<string> => {
  const { root, id } = await findRun(name);
  return join(root, id);
};

/** `agentflow worker`. */
export const addWorker = (program: Command): void => {
  program
    .command("worker")
    .description("do rollouts for a run that was started with learn --queue, until it ends")
    .argument("<run>", "the run: its folder or its id in runs/, or nats://host:4222/<id> on another machine")
    .option("--config <file>", "the run's configuration (default: agentflow.config.ts here)")
    .option(...noConfigOption)
    .option("--model <model>", "the model that the run was started with, whose tokenizer is read")
    .option("--concurrency <number>", "do this many rollouts at once", wholeNumber(1, 1024), 8)
    .option("--name <name>", "name in trajectories, unique in a run", `${hostname()}-${process.pid}`)
    .option("--json", "print one JSON object to stdout at the end", false)
    .option("--quiet", "do not show progress", false)
    .action(async (where, options) => {
      process.exitCode = await workerCommand(where, options);
    });
};
