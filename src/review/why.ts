import { basename } from "node:path";
import { ConfigError } from "../errors.ts";
import {
  abortSignal,
  callback,
  checked,
  count,
  listOf,
  name,
  number,
  objectWith,
  type Rules,
  required,
  ruleOf,
} from "../options.ts";
import { randomKey } from "../random.ts";
import { keyOf, pointsOf } from "./choice-points.ts";
import { choicesAt } from "./choices.ts";
import { taskIn, taskNamed } from "./find-task.ts";
import { openPlanners } from "./planners-of-run.ts";
import { metTasks, rowsOfTask } from "./rows-of-task.ts";
import { actionsOf, requireChoice, type Solved, solvedBy, solvedOtherwise } from "./solves.ts";
import { partingOf, type TrainedGroup, trainingOf } from "./training-of-task.ts";
import type { Choice, Counterfactual, WeighedChoice, Why, WhyOptions, WhySolve } from "./why-types.ts";

const counterfactualRule = ruleOf<Counterfactual>({ from: required(count), choose: required(name) });
const isVersion = (value: unknown, of: string): void => {
  if (value === "start" || value === "end" || (Number.isInteger(value) && Number(value) > 0)) return;
  throw new ConfigError(`${of} is ${JSON.stringify(value)}: accepted are start, end, and the number of a step.`);
};

const optionRules: Rules<WhyOptions> = {
  environment: required(objectWith("an environment", "open")),
  planner: objectWith("a planner or an engine"),
  versions: listOf(isVersion),
  onStage: callback,
  counterfactual: counterfactualRule,
  draws: number({ least: 0, most: 256, whole: true }),
  alternatives: number({ least: 0, most: 64, whole: true }),
  abortSignal,
};

/**
 * Explains how a run's planner came to solve a task as it does: both solves turn by turn, how likely each choice was before
 * and after, what training made of it, and what another choice would have led to. Solves that the run stored are taken from
 * there; others are solved now with the same draws as in an evaluation, so the same run gives the same result. Writes
 * nothing. Throws `ConfigError` for a task that the run did not meet, for weights that it does not keep and for a choice
 * that cannot be made, and `StoreError` for damaged files.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { why } from "agentflow/review";
 *
 * const counterfactual = { from: 1, choose: "web_search q1" };
 * const found = await why("runs/2026-11-29-1412-7f3a", "almanac-afad9345", { environment: almanac(), counterfactual });
 * console.log(found.after.answer, found.counterfactual?.solve.answer);
 * ```
 */
export const why = async (folder: string, task: string, options: WhyOptions): Promise<Why> => {
  checked("why", options, optionRules);
  const {
    counterfactual,
    draws = 16,
    alternatives = 4,
    abortSignal = new AbortController().signal,
    ...asked
  } = options;
  const named = taskNamed(basename(folder), task, await metTasks(folder));
  const run = await openPlanners(folder, { ...asked, abortSignal });
  try {
    const rows = await rowsOfTask(folder, named, run.config);
    const found = taskIn(run.environment, run.settings, named, rows.drawn);
    const [before, after] = [
      await solvedBy(run, found, run.before, rows.evaluated, abortSignal),
      await solvedBy(run, found, run.after, rows.evaluated, abortSignal),
    ];
    if (counterfactual !== undefined) requireChoice(run, counterfactual, after.trajectory);
    const other =
      counterfactual === undefined ? undefined : await solvedOtherwise(run, found, after, counterfactual, abortSignal);
    const solves = [before, after, ...(other === undefined ? [] : [other])];
    const points = pointsOf(run, found, solves, counterfactual);
    const choices = await choicesAt(run, [...points.values()], {
      key: randomKey(run.settings.seed, "why", found.id),
      draws,
      concurrency: run.learning.concurrency,
      abortSignal,
    });
    const known = new Map([...points.keys()].map((key, i) => [key, choices[i] ?? []]));
    const show = (solve: Solved): WhySolve => shownSolve(solve, known, rows.groups, alternatives);
    const { question, sealed } = found;
    return {
      schemaVersion: 1,
      run: basename(folder),
      task: { id: found.id, question, family: sealed.family, expected: sealed.answer },
      before: show(before),
      after: show(after),
      partedAt: partingOf(actionsOf(before.trajectory), actionsOf(after.trajectory)) ?? null,
      training: {
        groups: rows.groups,
        stepCredit: String(run.config.stepCredit ?? "none"),
        permutedRewards: run.settings.permuteRewards,
      },
      ...(counterfactual !== undefined &&
        other !== undefined && {
          counterfactual: {
            ...counterfactual,
            choice: choiceOf(counterfactual, after, known, rows.groups),
            solve: show(other),
          },
        }),
    };
  } finally {
    await run.dispose();
  }
};

type Known = ReadonlyMap<string, readonly Choice[]>;

const weighed = (choice: Choice, groups: readonly TrainedGroup[], earlier: readonly string[]): WeighedChoice => ({
  ...choice,
  training: trainingOf(groups, earlier, choice.text) ?? null,
});

const choiceOf = (
  { from, choose }: Counterfactual,
  { trajectory }: Solved,
  known: Known,
  groups: readonly TrainedGroup[],
): WeighedChoice | null => {
  const found = known.get(keyOf(trajectory, from))?.find(({ text }) => text === choose.trim());
  return found === undefined ? null : weighed(found, groups, actionsOf(trajectory).slice(0, from - 1));
};

const shownSolve = (
  { by, trajectory, reward, stored }: Solved,
  known: Known,
  groups: readonly TrainedGroup[],
  alternatives: number,
): WhySolve => {
  const actions = actionsOf(trajectory);
  return {
    version: by.name,
    weights: by.hash,
    stored,
    status: trajectory.status,
    stopReason: trajectory.stopReason,
    answer: trajectory.answer ?? null,
    reward: reward ?? null,
    turns: trajectory.memory.map(({ index, step, call, observation, verdict }) => {
      const earlier = actions.slice(0, index - 1);
      const choices = known.get(keyOf(trajectory, index)) ?? [];
      const text = step.raw.trim();
      const taken = choices.find((choice) => choice.text === text);
      return {
        turn: index,
        text,
        call: call ?? null,
        observation,
        verdict,
        taken: taken === undefined ? null : weighed(taken, groups, earlier),
        alternatives: choices
          .filter((choice) => choice !== taken)
          .slice(0, alternatives)
          .map((choice) => weighed(choice, groups, earlier)),
      };
    }),
  };
};
