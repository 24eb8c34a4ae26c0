import { open, stat } from "node:fs/promises";
import { openWorld } from "../almanac/environment.ts";
import { openEngine } from "../engines/onnx/index.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { castOf } from "../learn/cast.ts";
import type { LearnOptions } from "../learn/options.ts";
import { aboutPrompts } from "../learn/recipe.ts";
import { BUILT_IN_MODEL, engineOptions, findPlayers, roomFor } from "../setup/local-model.ts";
import { createRun, runId } from "../store/run-folder.ts";
import type { Task } from "../task.ts";
import { type AnswerKey, answerReward } from "../tasks/index.ts";
import { onlineLearner } from "../train/index.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";

export interface WatchOptions
  extends Pick<LearnOptions, "seed" | "out" | "model" | "json" | "quiet" | "learningRate" | "concurrency"> {
  /** A file of tasks that grows: JSON lines of question and answer. */
  readonly watch: string;
  /** New tasks that start a round. */
  readonly every: number;
  /** Rounds after which it ends; goes on for ever when absent. */
  readonly rounds?: number | undefined;
}

/** Questions that a new version must still solve. */
const GATE = 96;
const POLL = 500;

/**
 * `agentflow learn --watch`: learns from a file of tasks while it grows. Each round replays tasks in groups, trains, and
 * saves the new weights only if they pass the gate: questions of the Almanac that the planner could do before. Ends with
 * Ctrl-C. Returns the exit code.
 */
export const watch = async (options: WatchOptions): Promise<number> => {
  const { seed, json, quiet } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => screen.line("Ending after this round. Ctrl-C again stops at once."));
  interrupts.stopAtOnce = false;
  const world = await openWorld(seed);
  const players = await findPlayers(options.model ?? BUILT_IN_MODEL);
  const engine = await openEngine(players.model, { ...engineOptions({ adapters: players.adapters }), ...roomFor({}) });
  try {
    const { policies, model, recipe, flow: cast } = castOf(engine, { seed, verdicts: players.verdicts });
    const flow = createFlow({ ...world.flow, ...cast, tools: world.tools(model) });
    const gate = world.evaluation("validation", { heldOutPages: GATE }).heldOutPages.map(({ sealed, ...task }) => {
      const { answer, kind, unit } = sealed as typeof sealed & { readonly kind?: string; readonly unit?: string };
      const key: AnswerKey = {
        kind: kind === "number" ? "number" : "text",
        answers: [answer],
        ...(unit === undefined ? {} : { unit }),
      };
      return { ...task, sealed: key };
    });
    const run = await createRun(options.out, runId(new Date(), Math.random), { command: "watch", ...options });
    const learner = onlineLearner<AnswerKey>({
      flow,
      train: policies,
      reward: answerReward,
      gate: { tasks: gate },
      seed,
      groupSize: recipe.grpo.groupSize,
      tasksPerStep: 16,
      stepsPerRound: 5,
      learningRate: options.learningRate ?? recipe.learningRate.peak / 2,
      optimiser: recipe.grpo.optimiser,
      beta: recipe.grpo.beta,
      concurrency: options.concurrency ?? recipe.concurrency,
    });
    const tail = tailOf(options.watch);
    screen.line(`Watches  ${options.watch}; a round begins with ${options.every} new tasks; run: ${run.folder}`);
    try {
      for (let round = 0; round < (options.rounds ?? Number.POSITIVE_INFINITY) && !interrupts.asked; ) {
        for (const task of await tail(screen)) learner.add(task);
        if (learner.waiting < options.every) {
          await new Promise((wake) => setTimeout(wake, POLL));
          continue;
        }
        const { published, gate: found, steps } = await learner.learn({ abortSignal: interrupts.abortSignal });
        round += 1;
        const reward = steps.at(-1)?.reward.mean ?? 0;
        const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;
        screen.line(
          `round ${round}  reward ${percent(reward)}  gate ${percent(found.accuracy)} (at least ${percent(found.floor)})  ${published ? "published" : "not published"}`,
        );
        for (const step of steps) {
          const { timings: _, ...metrics } = step;
          run.appendMetrics({ ...metrics, round });
        }
        const versions = Object.fromEntries(policies.map(({ name, version }) => [name, version]));
        run.appendTimings({ round, published, gate: found, versions });
        if (published)
          for (const policy of policies)
            await policy.save(
              run.path(`weights${policies.length === 1 ? "" : `/${policy.name}`}`),
              aboutPrompts(recipe),
            );
        await run.flush();
      }
      if (json) writeJson({ schemaVersion: 1, run: run.id, versions: learner.versions });
    } finally {
      learner.close();
      await run.close();
    }
    return 0;
  } finally {
    interrupts.close();
    screen.clear();
    await engine.dispose();
  }
};

/** The tasks that came since the last call: whole lines that were added to a file. */
const tailOf = (path: string) => {
  let read = 0;
  let line = 0;
  return async (screen: { line(text: string): void }): Promise<Task<AnswerKey>[]> => {
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) return [];
    if (found.size < read) throw new ConfigError(`${path} became shorter: a file that is watched may only grow.`);
    const handle = await open(path, "r");
    let text: string;
    try {
      const { buffer } = await handle.read(Buffer.alloc(found.size - read), 0, found.size - read, read);
      const end = buffer.lastIndexOf(10) + 1;
      text = buffer.subarray(0, end).toString("utf8");
      read += end;
    } finally {
      await handle.close();
    }
    return text
      .split("\n")
      .slice(0, -1)
      .flatMap((row) => {
        line += 1;
        try {
          return [taskOf(JSON.parse(row), `${path}#${line}`)];
        } catch (error) {
          // One line that is wrong does not end what goes on for days.
          screen.line(`${path}, line ${line} is passed over: ${messageOf(error)}`);
          return [];
        }
      });
  };
};

const taskOf = (row: unknown, id: string): Task<AnswerKey> => {
  const { question, answer, answers, kind, unit } = (row ?? {}) as Readonly<Record<string, unknown>>;
  const right = (Array.isArray(answers) ? answers : [answer])
    .filter((one) => typeof one === "string" || typeof one === "number")
    .map(String);
  if (typeof question !== "string" || question.trim() === "" || right.length === 0)
    throw new ConfigError("it needs a question and an answer.");
  const isNumber = kind === "number" || (kind === undefined && right.every((one) => /^-?[\d.,]+$/.test(one)));
  return {
    id,
    question,
    sealed: { kind: isNumber ? "number" : "text", answers: right, ...(typeof unit === "string" ? { unit } : {}) },
  };
};
