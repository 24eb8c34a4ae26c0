import { almanac } from "../almanac/environment.ts";
import { watch } from "../learn/watch.ts";
import { localPlanner } from "../setup/local-model.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { showDiagnosis } from "./learn-words.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { percent } from "./words.ts";

export interface WatchCommandOptions {
  readonly seed: number;
  readonly out: string;
  readonly model?: string | undefined;
  readonly learningRate?: number | undefined;
  readonly concurrency?: number | undefined;
  readonly watch: string;
  readonly every: number;
  readonly rounds?: number | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `agentflow learn --watch`: learns from a file of tasks while it grows, until Ctrl-C. Returns the exit code. */
export const watchCommand = async (options: WatchCommandOptions): Promise<number> => {
  const { model, out, json, quiet, seed, learningRate, concurrency, every, rounds } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => screen.line("Ending after this round. Ctrl-C again stops at once."));
  interrupts.stopAtOnce = false;
  try {
    const run = watch({
      environment: almanac(),
      planner: model === undefined ? undefined : localPlanner(model),
      file: options.watch,
      folder: out,
      seed,
      learningRate,
      concurrency,
      every,
      rounds,
      abortSignal: interrupts.abortSignal,
      stopSignal: interrupts.stopSignal,
    });
    for await (const event of run) {
      if (event.type === "stage") screen.line(`${event.stage}; a round begins with ${every} new tasks`);
      if (event.type === "diagnosis") showDiagnosis(screen, event);
      if (event.type === "round-end")
        screen.line(
          `round ${event.round}  reward ${percent(event.reward)}  gate ${percent(event.gate)} (at least ${percent(event.floor)})  ${event.published ? "published" : "not published"}`,
        );
    }
    const report = await run.report;
    if (json) writeJson(report);
    return 0;
  } finally {
    interrupts.close();
    screen.clear();
  }
};
