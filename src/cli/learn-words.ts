import type { Engine } from "../engine.ts";
import type { Run } from "../store/run-folder.ts";
import type { Baselines } from "./baselines.ts";
import type { PlannerFigures } from "./evaluation.ts";
import type { LearnOptions } from "./learn-options.ts";
import { type LearnReport, reportLines } from "./learn-report.ts";
import type { Recipe } from "./recipe.ts";
import type { Screen } from "./screen.ts";
import { duration, percent, percentInterval } from "./words.ts";

/** A question of a trained family, to try the trained planner on. */
const QUESTION = "What is the latitude of the airport with code LOS in degrees?";

/** What will happen, where and for how long, in three lines. */
export const introduction = (
  { validation }: LearnOptions,
  { groupSize, tasksPerStep, secondsPerStep, secondsAround }: Recipe,
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
export const summary = ({ heldOutPages, heldOutFamily, toolErrorRate, averageTurns }: PlannerFigures): string =>
  `unseen pages ${percent(heldOutPages.accuracy)} ${percentInterval(heldOutPages.interval)}  ` +
  `unseen families ${percent(heldOutFamily.accuracy)} ${percentInterval(heldOutFamily.interval)}  ` +
  `tool errors ${percent(toolErrorRate)}  turns ${averageTurns.toFixed(1)}`;

/** The baselines' main figures, a line each. */
export const baselineLines = ({ randomValid, bestFixedOrder, oracle }: Baselines): string[] => [
  `random   ${summary(randomValid)}`,
  `fixed    ${summary(bestFixedOrder)}`,
  `oracle   ${summary(oracle)}`,
];

/** Shows the result: the tables, where the run lies, and what to type next. */
export const conclude = (screen: Screen, report: LearnReport, run: Run): void => {
  for (const line of reportLines(report)) screen.line(line);
  const { seconds, stepsDone } = report;
  screen.line();
  screen.line(
    `${report.interrupted ? "Interrupted after" : "Done:"} ${stepsDone} steps, ${duration(seconds.total)} ` +
      `(evaluation ${duration(seconds.evaluate)}, rollouts ${duration(seconds.rollOut)}, training ${duration(seconds.train)})`,
  );
  screen.line(`Run      ${run.folder}: config, metrics, timings, trajectories, report, weights`);
  screen.line(`Next     npx agentflow solve --policy ${run.folder} "${QUESTION}"`);
};
