import { relative } from "node:path";
import type { SetName } from "../environment.ts";
import type { Baselines } from "../learn/baselines.ts";
import type { PlannerFigures } from "../learn/evaluation.ts";
import type { LearnHappening } from "../learn/event.ts";
import type { LearnReport } from "../learn/report.ts";
import { type Diagnosis, diagnosisText } from "../train/diagnosis.ts";
import { reportLines, type Titles } from "./learn-report.ts";
import { labelled, type Screen } from "./screen.ts";
import { counted, duration, percent, percentInterval } from "./words.ts";

export type RunStart = Extract<LearnHappening, { readonly type: "run-start" }>;

/** What will happen and where, by label. How long it takes is measured first. */
export const introduction = (start: RunStart): readonly (readonly [label: string, text: string])[] => {
  const { model, machine, split, tasks, steps, tasksPerStep, groupSize, folder, coldStart } = start;
  const imitation = coldStart === undefined ? "" : `${counted(coldStart.steps, "step")} of imitation, then `;
  const { parameters, server } = machine;
  const weights = parameters === undefined ? "" : `, ${(Number(parameters) / 1e6).toFixed(1)} M weights`;
  const place = server === undefined ? "" : ` at ${server}`;
  const threads = machine.threads === undefined ? "" : `, ${machine.threads} threads`;
  return [
    ["Planner", `${model}${place}${weights}, ${machine.runtime ?? "native"}${threads}`],
    [
      "Plan",
      `${imitation}${counted(steps, "step")} of ${tasksPerStep} tasks × ${groupSize} rollouts; ${tasks} ${split} questions before and after`,
    ],
    ["Run", `${folder}; Ctrl-C ends early and saves`],
  ];
};

/** Training takes about this share of what its rollouts take; a line a step says later how long it really takes. */
const TRAINING_SHARE = 0.8;

/** How long the rest of a run takes, in seconds, from what its first evaluation took on this machine. */
export const forecast = (
  { tasks, steps, tasksPerStep, groupSize, coldStart, minutes = Number.POSITIVE_INFINITY }: RunStart,
  evaluationSeconds: number,
): number => {
  const solve = evaluationSeconds / Math.max(1, tasks);
  const training = solve * steps * tasksPerStep * groupSize * (1 + TRAINING_SHARE);
  const imitation =
    coldStart === undefined ? 0 : solve * coldStart.steps * coldStart.sequencesPerStep + evaluationSeconds;
  return imitation + Math.min(training, 60 * minutes) + evaluationSeconds;
};

/** How many calls of tools the rest of a run makes, from how many turns its first evaluation took. */
export const callsAhead = ({ tasks, steps, tasksPerStep, groupSize }: RunStart, turns: number): string => {
  const calls = turns * (steps * tasksPerStep * groupSize + tasks);
  return calls < 1000 ? String(Math.round(calls)) : `${Math.round(calls / 1000)},000`;
};

/** The main figures of a planner in one line. */
export const summary = (figures: PlannerFigures, titles: Titles): string =>
  (["heldOutPages", "heldOutFamily"] as const satisfies readonly SetName[])
    .filter((name) => figures[name].n > 0)
    .map((name) => `${titles[name]} ${percent(figures[name].accuracy)} ${percentInterval(figures[name].interval)}`)
    .join("  ");

/** The baselines' main figures by label. */
export const baselineLines = (
  { randomValid, bestFixedOrder, oracle }: Baselines,
  titles: Titles,
): readonly (readonly [label: string, text: string])[] => [
  ["random", summary(randomValid, titles)],
  ["fixed", summary(bestFixedOrder, titles)],
  ...(oracle === undefined ? [] : [["oracle", summary(oracle, titles)] as const]),
];

/** More than the longest one takes in the narrowest terminal: what it says is bounded where it is made. */
const DIAGNOSIS_LINES = 50;

/** Shows something that a person should know of a run; what keeps it from learning with the step since when. */
export const showDiagnosis = (
  screen: Screen,
  { message, diagnosis }: Extract<LearnHappening, { readonly type: "diagnosis" }>,
): void => {
  if (diagnosis === undefined) screen.line(message);
  else labelled(screen, "diagnosis", diagnosisLine(diagnosis), { most: DIAGNOSIS_LINES });
};

const diagnosisLine = ({ since, until, ...found }: Diagnosis): string => {
  const when =
    until === undefined ? `Since step ${since}` : until === since ? `Step ${since}` : `Steps ${since} to ${until}`;
  return `${when}: ${diagnosisText(found)}`;
};

/** Shows what keeps a run from learning, or kept it for a while, beside a label. */
export const showDiagnoses = (screen: Screen, diagnoses: readonly Diagnosis[], label: string): void => {
  for (const [i, diagnosis] of diagnoses.entries())
    labelled(screen, i === 0 ? label : "", diagnosisLine(diagnosis), { most: DIAGNOSIS_LINES });
};

/** Shows the result: the tables, where the run lies, and what to type next. */
export const conclude = (
  screen: Screen,
  report: LearnReport,
  { folder, titles, question, machine }: Pick<RunStart, "folder" | "titles" | "question" | "machine">,
  config?: string,
): void => {
  for (const line of reportLines(report, titles, screen.width)) screen.line(line);
  const { seconds, stepsDone } = report;
  screen.line();
  labelled(
    screen,
    report.interrupted ? "Stopped" : "Done",
    `${counted(stepsDone, "step")} in ${duration(seconds.total)}: evaluation ${duration(seconds.evaluate)}, ` +
      `rollouts ${duration(seconds.rollOut)}, training ${duration(seconds.train)}`,
  );
  const holding = report.diagnosis.filter(({ until }) => until === undefined);
  showDiagnoses(screen, holding, "Diagnosis");
  labelled(screen, "Run", folder);
  if (machine.server !== undefined) {
    labelled(screen, "Weights", `at ${machine.server}, as weights/tinker.json of the run says`);
    screen.line(`Next      npx agentflow report ${shellPath(folder)}`);
    return;
  }
  const own = config === undefined ? "" : `--config ${shellPath(config)} `;
  if (report.interrupted) labelled(screen, "Continue", `npx agentflow learn ${own}--resume ${shellPath(folder)}`);
  // What is to be copied stays in one line.
  screen.line(`Next      npx agentflow solve ${own}--policy ${shellPath(folder)} \\`);
  screen.line(`            ${shellWord(question)}`);
};

/** A path as one word of a shell, as short as it can be said from here. */
export const shellPath = (path: string): string => {
  const near = relative("", path);
  return shellWord(near !== "" && near.length < path.length ? near : path);
};

/** A text as one word of a shell, which runs nothing that stands in it. */
export const shellWord = (text: string): string =>
  /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
