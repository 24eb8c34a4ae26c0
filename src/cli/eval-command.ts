import { access, readFile, rm } from "node:fs/promises";
import { openAlmanac } from "../almanac/environment.ts";
import { setNames } from "../environment.ts";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { createFlow } from "../flow/flow.ts";
import { defined } from "../options.ts";
import { openSetUp, type SetUpOptions } from "../setup/set-up.ts";
import { writeDurably } from "../store/durable.ts";
import { lineWriter, readLines } from "../store/lines.ts";
import type { Task } from "../task.ts";
import { type AnswerKey, answerReward, checkKeys, readTaskFile, scoreAnswer, type TaskFormat } from "../tasks/index.ts";
import { type Accuracy, compare, evaluate, type Interval } from "../train/index.ts";
import type { Usage } from "../usage.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { percent, percentInterval, points } from "./words.ts";

export interface EvalOptions extends SetUpOptions {
  /** Of the file; told from its fields when absent. */
  readonly format?: TaskFormat | undefined;
  readonly limit?: number | undefined;
  readonly concurrency: number;
  /** Where the report goes; beside it `<report>.partial.jsonl` while it is under way. */
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

/** One task that is done, as the partial file keeps it. */
interface Done {
  readonly id: string;
  readonly usage: Pick<Usage, "promptTokens" | "sampledTokens" | "dollars">;
  readonly trajectory: Parameters<NonNullable<Parameters<typeof evaluate>[0]["onTrajectory"]>>[0]["trajectory"];
}

/**
 * `agentflow eval`: accuracy with intervals on a file of tasks, or on a set of the Almanac. Every task counts: one that
 * crashed or ran out of time is wrong. Returns the exit code.
 */
export const evalCommand = async (set: string, options: EvalOptions): Promise<number> => {
  const { seed, json, quiet, concurrency } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const begun = performance.now();
  try {
    const tasks = (await tasksOf(set, options)).slice(0, options.limit ?? Number.POSITIVE_INFINITY);
    const earlier = options.against === undefined ? undefined : await readReport(options.against);
    const partial = options.out === undefined ? undefined : `${options.out}.partial.jsonl`;
    const known = partial !== undefined && options.resume ? await doneBefore(partial) : new Map<string, Done>();
    // What another evaluation left there is not part of this one.
    if (partial !== undefined && !options.resume) await rm(partial, { force: true });
    const keep = partial === undefined ? undefined : lineWriter(partial);
    const setUp = await openSetUp(options, process.env);
    try {
      const flow = createFlow(setUp.flow);
      const usages = new Map<string, Done["usage"]>();
      const f1s = new Map<string, number>();
      let limitsHit = 0;
      const report = await evaluate({
        flow: {
          solve: async (query, solveOptions) => {
            const id = typeof query === "string" ? query : query.id;
            const before = known.get(id);
            // A task that was done before it was interrupted is not done again.
            if (before !== undefined) {
              const { trajectory, usage } = before;
              const { status, stopReason } = trajectory;
              usages.set(id, usage);
              return { status, stopReason, trajectory, usage, answer: trajectory.answer } as never;
            }
            const result = await flow.solve(query, solveOptions);
            const { promptTokens, sampledTokens, dollars, toolDollars } = result.usage;
            const usage = { promptTokens, sampledTokens, dollars: dollars + toolDollars };
            usages.set(id, usage);
            // A failure of infrastructure is tried again when the evaluation is resumed.
            if (result.status !== "failed" && result.stopReason !== "aborted")
              keep?.append({ id, usage, trajectory: result.trajectory });
            return result;
          },
        },
        tasks: tasks as readonly Task<AnswerKey>[],
        reward: (task, answer) => {
          const { f1 } = scoreAnswer(task.sealed, answer);
          if (f1 !== undefined) f1s.set(task.id, f1);
          return answerReward(task, answer);
        },
        seed,
        concurrency,
        families: ({ sealed }) => (sealed as { readonly family?: string }).family ?? "all",
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
      const total = (name: keyof Done["usage"]): number =>
        [...usages.values()].reduce((sum, usage) => sum + usage[name], 0);
      const f1 = f1s.size === 0 ? undefined : [...f1s.values()].reduce((sum, value) => sum + value, 0) / f1s.size;
      const compared = earlier === undefined ? undefined : compare({ outcomes: earlier.outcomes }, { outcomes });
      const told: EvalReport = {
        schemaVersion: 1,
        set,
        players: setUp.players.map(({ role, id, where }) => ({ role, id, where })),
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
        used: { promptTokens: total("promptTokens"), sampledTokens: total("sampledTokens"), dollars: total("dollars") },
        seconds: (performance.now() - begun) / 1000,
        outcomes,
        ...(compared === undefined
          ? {}
          : { against: { points: compared.points, interval: compared.interval, p: compared.p } }),
      };
      await keep?.close();
      if (options.out !== undefined) await writeDurably(options.out, `${JSON.stringify(told, null, 1)}\n`);
      for (const line of reportLines(told)) screen.line(line);
      if (json) writeJson(told);
      else if (quiet) openScreen().line(`${accuracy}`);
      return 0;
    } finally {
      await keep?.close().catch(() => undefined);
      await setUp.dispose();
    }
  } finally {
    interrupts.close();
    screen.clear();
  }
};

/**
 * `agentflow eval --check`: whether each key of a set, given back as an answer, is right, and whether each key of a
 * multiple choice names exactly one option. Calls no model. Returns the exit code: 1 where a key cannot be met.
 */
export const checkCommand = async (
  set: string,
  options: Pick<EvalOptions, "seed" | "format" | "json" | "quiet">,
): Promise<number> => {
  const screen = openScreen(options);
  const tasks = (await tasksOf(set, options)) as readonly Task<AnswerKey>[];
  const faults = checkKeys(tasks);
  const keys = tasks.reduce((sum, { sealed }) => sum + sealed.answers.length, 0);
  const kinds: Record<string, number> = {};
  for (const { sealed } of tasks) kinds[sealed.kind] = (kinds[sealed.kind] ?? 0) + 1;
  for (const { id, key, problem } of faults) screen.line(`wrong       ${id}: ${JSON.stringify(key)}: ${problem}`);
  const counts = Object.entries(kinds).map(([kind, n]) => `${n} ${kind}`);
  screen.line(`keys        ${keys} of ${tasks.length} tasks (${counts.join(", ")}), ${faults.length} faults`);
  if (options.json) writeJson({ schemaVersion: 1, set, n: tasks.length, keys, kinds, faults });
  return faults.length === 0 ? 0 : 1;
};

const tasksOf = async (
  set: string,
  { seed, format }: Pick<EvalOptions, "seed" | "format">,
): Promise<readonly Task<unknown>[]> => {
  const name = setNames.find((one) => one === set);
  if (name !== undefined)
    return (await openAlmanac(seed))
      .evaluation("test")
      [name].map((task) => ({ ...task, sealed: keyOfAlmanac(task.sealed) }));
  const isFile = await access(set).then(
    () => true,
    () => false,
  );
  if (!isFile) throw new ConfigError(`There is no set and no file ${set}: the sets are ${setNames.join(", ")}.`);
  return readTaskFile(set, { ...defined({ format }), seed });
};

/** The Almanac's answers by the rules of files: numbers, dates and names. */
const keyOfAlmanac = (sealed: object): AnswerKey & { readonly family: string } => {
  const { answer, kind, unit, family } = sealed as { answer: string; kind: string; unit?: string; family: string };
  return {
    kind: kind === "number" ? "number" : "text",
    answers: [answer],
    family,
    ...defined({ unit }),
  };
};

const doneBefore = async (partial: string): Promise<Map<string, Done>> =>
  new Map(((await readLines(partial)) as Done[]).map((row) => [row.id, row]));

const readReport = async (path: string): Promise<Pick<EvalReport, "outcomes">> => {
  try {
    const report = JSON.parse(await readFile(path, "utf8")) as Partial<EvalReport>;
    if (report.schemaVersion === 1 && typeof report.outcomes === "object" && report.outcomes !== null)
      return { outcomes: report.outcomes };
  } catch (error) {
    throw new StoreError(`Cannot read the report ${path}: ${messageOf(error)}`, { cause: error });
  }
  throw new StoreError(`${path} is not a report of eval (schemaVersion 1, outcomes).`);
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
