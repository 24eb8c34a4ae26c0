import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { compareOutcomes, type EvalReport, reportHtml, reportMarkdown } from "../benchmarks/index.ts";
import { ConfigError, messageOf } from "../errors.ts";
import { jsonSchemaOf } from "../flow/schema.ts";
import { defined } from "../options.ts";
import { hashOfConfig } from "../setup/config-file.ts";
import { openSetUp, type SetUp } from "../setup/set-up.ts";
import { writeDurably } from "../store/durable.ts";
import type { Task } from "../task.ts";
import { toolsetOf } from "../tool.ts";
import type { Outcomes } from "../train/index.ts";
import { type DoneBefore, hashOf, hashOfTasks, openCache, openDone, together } from "./done-before.ts";
import { type Contender, contenderOf, setUpFor } from "./eval-baseline.ts";
import { judgeItems, type OpenJudge, openJudge } from "./eval-judge.ts";
import type { EvalOptions } from "./eval-options.ts";
import { meanF1, type Ran, runEvaluation } from "./eval-run.ts";
import { type EvalSource, evalSource } from "./eval-source.ts";
import { reportLines } from "./eval-words.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { requireFolderAt, requirePlaceFor } from "./places.ts";
import { labelled } from "./screen.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { version } from "./version.ts";
import { percent } from "./words.ts";

/**
 * `agentflow eval`: accuracy with intervals on a benchmark, a file of tasks, or a set of the project or the Almanac. Every
 * task counts: one that crashed or ran out of time is wrong. Returns the exit code: 1 where accuracy fell against an
 * earlier report.
 */
export const evalCommand = async (set: string | undefined, options: EvalOptions): Promise<number> => {
  const { seed, json, quiet, concurrency, total, out, markdown, html } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const { abortSignal } = interrupts;
  const begun = performance.now();
  try {
    for (const file of [out, markdown, html]) if (file !== undefined) await requirePlaceFor(file);
    if (options.cache !== undefined) await requireFolderAt(options.cache);
    const source = await evalSource(set, options);
    const tasks = source.tasks.slice(0, options.limit ?? Number.POSITIVE_INFINITY);
    const earlier =
      options.against === undefined ? undefined : await readReport(options.against, hashOfTasks(tasks), source.name);
    const setUp = await openSetUp(setUpFor(options, source), process.env);
    let contender: Contender | undefined;
    let judge: OpenJudge | undefined;
    let done: DoneBefore | undefined;
    try {
      if (options.judge !== undefined) judge = await openJudge(options.judge);
      contender = await contenderOf(setUp, source, options);
      const { flow } = contender;
      const players = contender.players ?? setUp.players.map(({ role, id, where }) => ({ role, id, where }));
      const settings = setUp.redact.value(await settingsOf(options, setUp, contender, players));
      done = await openStores(options, tasks, settings);
      if (setUp.chosen !== undefined) labelled(screen, "planner", setUp.chosen.why, { paint: screen.dim });
      const ran = await runEvaluation({
        ...{ flow, source, tasks, done, seed, concurrency, total, abortSignal },
        onProgress: ({ done: now, total: all, solved }) => {
          screen.live(`${now}/${all} tasks, ${percent(solved / now)} right`);
        },
      });
      if (judge !== undefined) screen.live("the judge reads the answers");
      const judged = judge === undefined ? undefined : await judgeItems(ran.items, judge.model, options, abortSignal);
      screen.clear();
      const { outcomes } = ran.report;
      const { maxDrop } = options;
      const report: EvalReport = {
        ...reportOf(ran, source, { tasks, players, settings, tools: Object.keys(setUp.flow.tools) }),
        ...defined({
          baseline: options.baseline,
          judge: judged?.judge,
          against: earlier === undefined ? undefined : compareOutcomes(earlier, outcomes, { maxDrop }),
        }),
        seconds: (performance.now() - begun) / 1000,
        items: judged?.items ?? ran.items,
      };
      await done.close();
      if (out !== undefined) await writeDurably(out, `${JSON.stringify(report, null, 1)}\n`);
      if (markdown !== undefined) await writeDurably(markdown, reportMarkdown(report));
      if (html !== undefined) await writeDurably(html, reportHtml(report));
      // The report holds all that was kept for a resumption, unless a failure of infrastructure is to be tried again.
      if (out !== undefined && report.crashed === 0) await rm(partOf(out), { force: true });
      for (const line of reportLines(report, screen.width)) screen.line(line);
      if (json) writeJson(report);
      else if (quiet) openScreen().line(`${report.accuracy}`);
      return report.against?.regressed === true ? 1 : 0;
    } finally {
      await done?.close().catch(() => undefined);
      await contender?.dispose();
      await judge?.dispose();
      await setUp.dispose();
    }
  } finally {
    interrupts.close();
    screen.clear();
  }
};

/** Where an evaluation keeps what is done of it, until its report is there. */
const partOf = (out: string): string => `${out}.partial.jsonl`;

/** What is kept of tasks that are done: beside the report, and in a cache where one is named. */
const openStores = async (
  { out, resume, cache }: EvalOptions,
  tasks: readonly Task[],
  settings: EvalReport["settings"],
): Promise<DoneBefore> =>
  together([
    ...(out === undefined ? [] : [await openDone(partOf(out), tasks, settings, resume)]),
    ...(cache === undefined ? [] : [await openCache(cache, tasks, settings)]),
  ]);

interface Around extends Pick<EvalReport, "players" | "settings"> {
  readonly tasks: readonly Task[];
  /** Of the set-up: a baseline may use fewer. */
  readonly tools: readonly string[];
}

const reportOf = (
  { report, items, used, limitsHit }: Ran,
  { name, benchmark, file = "" }: EvalSource,
  { tasks, players, settings, tools }: Around,
): Omit<EvalReport, "seconds" | "items"> => {
  const { n, accuracy, interval, families, noSample, averageTurns, toolErrorRate, toolShares, outcomes } = report;
  return {
    schemaVersion: 1,
    set: name,
    tasks: hashOfTasks(tasks),
    ...(benchmark === undefined
      ? {}
      : {
          benchmark: {
            name: benchmark.name,
            title: benchmark.title,
            licence: benchmark.licence,
            scorer: benchmark.scorer,
            file,
            publishedTasks: benchmark.n,
            missingTools: benchmark.protocol.tools.filter((tool) => !tools.includes(tool)),
          },
        }),
    players,
    settings,
    n,
    accuracy,
    interval,
    ...defined({ f1: meanF1(items) }),
    families,
    crashed: noSample,
    limitsHit,
    averageTurns,
    toolErrorRate,
    toolShares,
    used,
    outcomes,
  };
};

/** All that a result depends on besides its task. */
const settingsOf = async (
  { seed, config, policy, model, planner, modules, context, quantisation, maxTurns, solution, baseline }: EvalOptions,
  { engine, chosen }: SetUp,
  { flow, settings }: Contender,
  players: EvalReport["players"],
): Promise<EvalReport["settings"]> => ({
  agentflow: version,
  players,
  weights: engine?.policy("planner").version,
  seed,
  config: config === undefined ? undefined : await hashOfConfig(config),
  policy: policy ?? chosen?.name,
  model,
  planner,
  modules,
  context,
  quantisation,
  tools: Object.fromEntries(
    Object.entries(toolsetOf(flow.tools)).map(([name, { description, inputSchema }]) => [
      name,
      hashOf([description, jsonSchemaOf(inputSchema)]),
    ]),
  ),
  instructions: flow.instructions,
  budget: flow.budget,
  maxTurns,
  solution,
  baseline,
  ...settings,
});

/** Outcomes of an earlier report on the very same tasks. */
const readReport = async (path: string, tasks: string, set: string): Promise<Outcomes> => {
  if (!existsSync(path)) throw new ConfigError(`There is no report ${path}: name one that eval --out has written.`);
  let report: Partial<EvalReport>;
  try {
    report = JSON.parse(await readFile(path, "utf8")) as Partial<EvalReport>;
  } catch (error) {
    throw new ConfigError(`Cannot read the report ${path}: ${messageOf(error)}`, { cause: error });
  }
  const { schemaVersion, outcomes } = report;
  if (schemaVersion !== 1 || typeof outcomes !== "object" || outcomes === null)
    throw new ConfigError(`${path} is not a report of eval (schemaVersion 1, outcomes).`);
  if (report.tasks !== tasks)
    throw new ConfigError(
      `${path} is a report on ${report.tasks === undefined ? "tasks that it does not name" : "other tasks"} (${report.set}, ${Object.keys(outcomes).length} tasks) than these of ${set}: only results on the same questions and keys are compared. Evaluate both on the same file.`,
    );
  return outcomes;
};
