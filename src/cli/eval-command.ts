import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { messageOf, StoreError, TaskError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { defined } from "../options.ts";
import { hashOfConfig } from "../setup/config-file.ts";
import { openSetUp, type SetUp, type SetUpOptions } from "../setup/set-up.ts";
import { writeDurably } from "../store/durable.ts";
import { checkKeys, type TaskFormat } from "../tasks/index.ts";
import { type Accuracy, compare, evaluate, type Interval } from "../train/index.ts";
import type { Usage } from "../usage.ts";
import { type DoneBefore, hashOfTasks, openDone, resultOf } from "./done-before.ts";
import { evalSource, keyedTasks } from "./eval-source.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { labelled } from "./screen.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { percent, percentInterval, points } from "./words.ts";

export interface EvalOptions extends SetUpOptions {
  /** Of the file; told from its fields when absent. */
  readonly format?: TaskFormat | undefined;
  readonly limit?: number | undefined;
  readonly concurrency: number;
  /** Where the report goes; beside it `<report>.partial.jsonl`, what is done of it, from which it is resumed. */
  readonly out?: string | undefined;
  /** An earlier report of the same tasks, to compare with. */
  readonly against?: string | undefined;
  /** Resume an interrupted evaluation. */
  readonly resume: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** What `agentflow eval --json` says. */
interface EvalReport {
  readonly schemaVersion: 1;
  readonly set: string;
  /** SHA-256 of all questions and keys. */
  readonly tasks: string;
  readonly players: readonly { readonly role: string; readonly id: string; readonly where: string }[];
  readonly n: number;
  readonly accuracy: number;
  readonly interval: Interval;
  /** Over tasks whose answers are texts. */
  readonly f1?: number;
  readonly families: Readonly<Record<string, Accuracy>>;
  /** Tasks without a result, for a failure of infrastructure: they count as wrong. */
  readonly crashed: number;
  /** Tasks that a budget cut short. */
  readonly limitsHit: number;
  readonly averageTurns: number;
  readonly toolErrorRate: number;
  readonly toolShares: Readonly<Record<string, number>>;
  readonly used: { readonly promptTokens: number; readonly sampledTokens: number; readonly dollars: number };
  readonly seconds: number;
  readonly outcomes: Readonly<Record<string, number | null>>;
  readonly against?: { readonly points: number; readonly interval: Interval; readonly p: number };
}

/**
 * `agentflow eval`: accuracy with intervals on a file of tasks, or on a set of the project or the Almanac. Every task
 * counts: one that crashed or ran out of time is wrong. Returns the exit code.
 */
export const evalCommand = async (set: string | undefined, options: EvalOptions): Promise<number> => {
  const { seed, json, quiet, concurrency, config } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const begun = performance.now();
  try {
    const source = await evalSource(set, options);
    const tasks = source.tasks.slice(0, options.limit ?? Number.POSITIVE_INFINITY);
    const tasksHash = hashOfTasks(tasks);
    const earlier =
      options.against === undefined ? undefined : await readReport(options.against, tasksHash, source.name);
    // A project is evaluated with the planner that it has trained.
    const setUp = await openSetUp({ ...options, runs: config === undefined ? undefined : "runs" }, process.env);
    let done: DoneBefore | undefined;
    try {
      const players = setUp.players.map(({ role, id, where }) => ({ role, id, where }));
      const settings = await settingsOf(options, setUp, players);
      if (options.out !== undefined)
        done = await openDone(`${options.out}.partial.jsonl`, tasks, settings, options.resume);
      if (setUp.chosen !== undefined) labelled(screen, "planner", setUp.chosen.why, { paint: screen.dim });
      const flow = createFlow(setUp.flow);
      const usages: Usage[] = [];
      const f1s = new Map<string, number>();
      let limitsHit = 0;
      const report = await evaluate({
        flow: {
          solve: async (query, solveOptions) => {
            const id = typeof query === "string" ? query : query.id;
            const before = done?.of(id);
            // A task that was done before it was interrupted is not done again.
            const result = before === undefined ? await flow.solve(query, solveOptions) : resultOf(before);
            usages.push(result.usage);
            // A failure of infrastructure is tried again when the evaluation is resumed.
            if (before === undefined && result.status !== "failed" && result.stopReason !== "aborted")
              done?.keep(id, { usage: result.usage, trajectory: result.trajectory });
            return result;
          },
        },
        tasks,
        reward: (task, answer) => {
          const f1 = source.f1(task, answer);
          if (f1 !== undefined) f1s.set(task.id, f1);
          return source.reward(task, answer);
        },
        seed,
        concurrency,
        families: source.familyOf,
        onProgress: ({ done: now, total, solved }) => {
          screen.live(`${now}/${total} tasks, ${percent(solved / now)} right`);
        },
        onTrajectory: ({ trajectory }) => {
          if (trajectory.stopReason === "budget") limitsHit += 1;
        },
        abortSignal: interrupts.abortSignal,
      });
      screen.clear();
      const { n, accuracy, interval, families, noSample, averageTurns, toolErrorRate, toolShares, outcomes } = report;
      const f1 = f1s.size === 0 ? undefined : [...f1s.values()].reduce((sum, value) => sum + value, 0) / f1s.size;
      const compared = earlier === undefined ? undefined : compare({ outcomes: earlier.outcomes }, { outcomes });
      const told: EvalReport = {
        schemaVersion: 1,
        set: source.name,
        tasks: tasksHash,
        players,
        n,
        accuracy,
        interval,
        ...defined({ f1 }),
        families,
        crashed: noSample,
        limitsHit,
        averageTurns,
        toolErrorRate,
        toolShares,
        used: usedIn(usages),
        seconds: (performance.now() - begun) / 1000,
        outcomes,
        ...(compared === undefined
          ? {}
          : { against: { points: compared.points, interval: compared.interval, p: compared.p } }),
      };
      await done?.close();
      if (options.out !== undefined) await writeDurably(options.out, `${JSON.stringify(told, null, 1)}\n`);
      for (const line of reportLines(told)) screen.line(line);
      if (json) writeJson(told);
      else if (quiet) openScreen().line(`${accuracy}`);
      return 0;
    } finally {
      await done?.close().catch(() => undefined);
      await setUp.dispose();
    }
  } finally {
    interrupts.close();
    screen.clear();
  }
};

const usedIn = (usages: readonly Usage[]): EvalReport["used"] => {
  const total = (of: (usage: Usage) => number): number => usages.reduce((sum, usage) => sum + of(usage), 0);
  return {
    promptTokens: total(({ promptTokens }) => promptTokens),
    sampledTokens: total(({ sampledTokens }) => sampledTokens),
    dollars: total(({ dollars, toolDollars }) => dollars + toolDollars),
  };
};

/** All that a result depends on besides its task. */
const settingsOf = async (
  { seed, config, policy, model, modules, context, quantisation, tools, maxTurns, solution }: EvalOptions,
  { flow, engine, chosen }: SetUp,
  players: EvalReport["players"],
): Promise<Readonly<Record<string, unknown>>> => ({
  players,
  weights: engine?.policy("planner").version,
  seed,
  config: config === undefined ? undefined : await hashOfConfig(config),
  policy: policy ?? chosen?.name,
  model,
  modules,
  context,
  quantisation,
  tools: tools ?? Object.keys(flow.tools),
  budget: flow.budget,
  maxTurns,
  solution,
});

/**
 * `agentflow eval --check`: whether each key of a set, given back as an answer, is right, and whether each key of a
 * multiple choice names exactly one option. Calls no model. Returns the exit code: 1 where a key cannot be met.
 */
export const checkCommand = async (
  set: string | undefined,
  options: Pick<EvalOptions, "seed" | "format" | "json" | "quiet">,
): Promise<number> => {
  const screen = openScreen(options);
  // Of a project its own reward judges: learn --check tries it.
  const { name, tasks } = await keyedTasks(set, options).catch((error: unknown) => {
    // What cannot even be read is a fault of the file, too: programs get it as one.
    if (options.json && error instanceof TaskError)
      writeJson({ schemaVersion: 1, set, faults: [{ id: null, key: null, problem: error.message }] });
    throw error;
  });
  const faults = checkKeys(tasks);
  const keys = tasks.reduce((sum, { sealed }) => sum + sealed.answers.length, 0);
  const kinds: Record<string, number> = {};
  for (const { sealed } of tasks) kinds[sealed.kind] = (kinds[sealed.kind] ?? 0) + 1;
  for (const { id, key, problem } of faults) screen.line(`wrong       ${id}: ${JSON.stringify(key)}: ${problem}`);
  const counts = Object.entries(kinds).map(([kind, n]) => `${n} ${kind}`);
  screen.line(`keys        ${keys} of ${tasks.length} tasks (${counts.join(", ")}), ${faults.length} faults`);
  if (options.json) writeJson({ schemaVersion: 1, set: name, n: tasks.length, keys, kinds, faults });
  return faults.length === 0 ? 0 : 1;
};

/** An earlier report on the very same tasks. */
const readReport = async (path: string, tasks: string, set: string): Promise<Pick<EvalReport, "outcomes">> => {
  if (!existsSync(path)) throw new StoreError(`There is no report ${path}: name one that eval --out has written.`);
  let report: Partial<EvalReport>;
  try {
    report = JSON.parse(await readFile(path, "utf8")) as Partial<EvalReport>;
  } catch (error) {
    throw new StoreError(`Cannot read the report ${path}: ${messageOf(error)}`, { cause: error });
  }
  const { schemaVersion, outcomes } = report;
  if (schemaVersion !== 1 || typeof outcomes !== "object" || outcomes === null)
    throw new StoreError(`${path} is not a report of eval (schemaVersion 1, outcomes).`);
  if (report.tasks !== tasks)
    throw new StoreError(
      `${path} is a report on ${report.tasks === undefined ? "tasks that it does not name" : "other tasks"} (${report.set}, ${Object.keys(outcomes).length} tasks) than these of ${set}: only results on the same questions and keys are compared. Evaluate both on the same file.`,
    );
  return { outcomes };
};

const reportLines = (report: EvalReport): string[] => {
  const {
    n,
    accuracy,
    interval,
    f1,
    families,
    crashed,
    averageTurns,
    toolErrorRate,
    toolShares,
    used,
    seconds,
    against,
  } = report;
  const names = Object.keys(families);
  return [
    `accuracy    ${percent(accuracy, 1)} ${percentInterval(interval, 1)} of ${n} tasks${f1 === undefined ? "" : `, F1 ${percent(f1, 1)}`}`,
    ...(crashed === 0 ? [] : [`crashed     ${crashed}, counted as wrong`]),
    `conduct     ${averageTurns.toFixed(1)} turns, tool errors ${percent(toolErrorRate, 1)}`,
    `tools       ${
      Object.entries(toolShares)
        .map(([name, share]) => `${name} ${percent(share, 1)}`)
        .join(", ") || "none called"
    }`,
    `used        ${used.promptTokens} tokens read, ${used.sampledTokens} written${used.dollars === 0 ? "" : `, $${used.dollars.toFixed(4)}`}, ${seconds.toFixed(1)} s`,
    ...(names.length < 2
      ? []
      : names.map(
          (name) =>
            `  ${name.padEnd(46)} ${percent(families[name]?.accuracy ?? 0, 1).padStart(8)} of ${families[name]?.n}`,
        )),
    ...(against === undefined
      ? []
      : [
          `against     ${points(against.points, against.interval, 1)} points, p = ${against.p.toPrecision(2)} (paired, McNemar)`,
        ]),
  ];
};
