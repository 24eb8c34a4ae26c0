import type { Engine } from "../engine.ts";
import type { World } from "../environment.ts";
import type { Baselines } from "../learn/baselines.ts";
import type { PlannerFigures } from "../learn/evaluation.ts";
import type { LearnOptions } from "../learn/options.ts";
import type { Recipe } from "../learn/recipe.ts";
import { type LearnReport, reportLines, type Titles } from "../learn/report.ts";
import type { Run } from "../store/run-folder.ts";
import type { Screen } from "./screen.ts";
import { duration, percent, percentInterval } from "./words.ts";

/** What will happen, where and for how long, in three lines. */
export const introduction = (
  { validation }: LearnOptions,
  { grpo: { groupSize, tasksPerStep }, secondsPerStep, secondsAround }: Recipe,
  steps: number,
  { model, description }: Engine,
  tasks: number,
  run: Run,
): string[] => {
  const millions = (Number(description.parameters) / 1e6).toFixed(1);
  const threads = description.threads === undefined ? "" : `, ${description.threads} threads`;
  const forecast = duration(secondsAround + steps * secondsPerStep);
  return [
    `Planner  ${model} (${millions} M weights), on this machine: ${description.runtime ?? "native"}${threads}; no network`,
    `Plan     ${tasks} ${validation ? "validation" : "test"} questions before and after ${steps} steps of ${tasksPerStep} tasks × ${groupSize} rollouts in the live flow`,
    `Time     about ${forecast} on two quiet cores; Ctrl-C ends early and saves; run: ${run.folder}`,
  ];
};

/** The main figures of a planner in one line. */
export const summary = (figures: PlannerFigures, titles: Titles): string =>
  [
    ...(["heldOutPages", "heldOutFamily"] as const)
      .filter((name) => figures[name].n > 0)
      .map((name) => `${titles[name]} ${percent(figures[name].accuracy)} ${percentInterval(figures[name].interval)}`),
    `tool errors ${percent(figures.toolErrorRate)}`,
    `turns ${figures.averageTurns.toFixed(1)}`,
  ].join("  ");

/** The baselines' main figures, a line each. */
export const baselineLines = ({ randomValid, bestFixedOrder, oracle }: Baselines, titles: Titles): string[] => [
  `random   ${summary(randomValid, titles)}`,
  `fixed    ${summary(bestFixedOrder, titles)}`,
  ...(oracle === undefined ? [] : [`oracle   ${summary(oracle, titles)}`]),
];

/** Shows the result: the tables, where the run lies, and what to type next. */
export const conclude = (
  screen: Screen,
  report: LearnReport,
  run: Run,
  { titles, question }: Pick<World, "titles" | "question">,
  config?: string,
): void => {
  for (const line of reportLines(report, titles)) screen.line(line);
  const { seconds, stepsDone } = report;
  screen.line();
  screen.line(
    `${report.interrupted ? "Interrupted after" : "Done:"} ${stepsDone} steps, ${duration(seconds.total)} ` +
      `(evaluation ${duration(seconds.evaluate)}, rollouts ${duration(seconds.rollOut)}, training ${duration(seconds.train)})`,
  );
  screen.line(`Run      ${run.folder}: config, metrics, timings, trajectories, report, weights`);
  const own = config === undefined ? "" : `--config ${config} `;
  screen.line(`Next     npx agentflow solve ${own}--policy ${run.folder} "${question}"`);
};
