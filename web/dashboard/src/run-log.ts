import type { StreamEvent } from "./events.ts";
import type { LearnReport, PlannerFigures, RunConfig, RunState, StepRow } from "./types.ts";

/** What the events of a run come to. */
export interface RunLog {
  readonly state: RunState | undefined;
  readonly config: RunConfig;
  readonly steps: readonly StepRow[];
  /** Evaluations and baselines by name, in the order in which they came. */
  readonly figures: Readonly<Record<string, PlannerFigures>>;
  readonly report: LearnReport | undefined;
  /** What is being done now, of a run that says so. */
  readonly doing: string | undefined;
}

export const emptyLog: RunLog = {
  state: undefined,
  config: {},
  steps: [],
  figures: {},
  report: undefined,
  doing: undefined,
};

/** The log after some more events. A `reset` begins it again: the run was resumed from an earlier step. */
export const logAfter = (log: RunLog, events: readonly StreamEvent[]): RunLog => {
  // Copied once for many events: a stored run brings thousands at once.
  const steps = [...log.steps];
  let next = log;
  for (const { type, data } of events) {
    switch (type) {
      case "run-state":
        next = { ...next, state: data.state as RunState };
        break;
      case "reset":
        steps.length = 0;
        next = { ...emptyLog, state: next.state };
        break;
      case "run-start":
        next = { ...next, config: data.config as RunConfig };
        break;
      case "evaluation-end":
        next = {
          ...next,
          figures: { ...next.figures, [String(data.phase)]: data.figures as PlannerFigures },
          doing: undefined,
        };
        break;
      case "baselines-end":
        next = { ...next, figures: { ...next.figures, ...(data.baselines as RunLog["figures"]) } };
        break;
      case "step-end":
        steps.push(data as unknown as StepRow);
        next = { ...next, doing: undefined };
        break;
      case "validation-end": {
        const place = steps.findIndex(({ step }) => step === data.step);
        const row = steps[place];
        if (row !== undefined) steps[place] = { ...row, validation: Number(data.accuracy) };
        break;
      }
      case "stage":
        next = { ...next, doing: String(data.stage) };
        break;
      case "evaluation-progress":
        next = {
          ...next,
          doing: `evaluation ${String(data.phase)}: ${String(data.done)} of ${String(data.total)} tasks`,
        };
        break;
      case "imitation-step":
        next = { ...next, doing: `imitation: step ${String(data.step)} of ${String(data.steps)}` };
        break;
      case "finish":
        next = { ...next, report: data.report as LearnReport, state: "finished", doing: undefined };
        break;
    }
  }
  return { ...next, steps };
};

/** Steps from which the time that is left is estimated. */
const RECENT = 10;

/** Seconds that the steps to come will take, as the latest ones did; undefined where that is not known. */
export const secondsLeft = ({ steps, config, state }: RunLog): number | undefined => {
  const all = Number(config.steps);
  const timed = steps.slice(-RECENT).flatMap(({ timings }) => (timings === undefined ? [] : [timings]));
  if (state !== "running" || timed.length === 0 || !(all > steps.length)) return undefined;
  const seconds = timed.reduce((sum, { rollOut, train, publish }) => sum + rollOut + train + publish, 0);
  return (seconds / timed.length) * (all - steps.length);
};
