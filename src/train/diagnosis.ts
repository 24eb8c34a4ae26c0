import { checked, listOf, number, type Rules, required } from "../options.ts";
import { type DiagnosedStep, stepRule } from "./diagnosed-step.ts";
import { causeRules, type DiagnosisCause, diagnosisCauses } from "./diagnosis-causes.ts";
import { courseAfter, newCourse } from "./diagnosis-course.ts";
import type { Observation } from "./diagnosis-rule.ts";

/** What keeps a run from learning, or kept it for a while. Serialisable. */
export interface Diagnosis {
  readonly cause: DiagnosisCause;
  /** The first step that shows it, counted from 1. */
  readonly since: number;
  /** The last step that showed it, of one that is gone; absent while it holds. */
  readonly until?: number;
  /** What is seen, in a sentence with figures. */
  readonly seen: string;
  /** What to do, in a sentence. */
  readonly advice: string;
  /** The families that are meant, where the metrics know them. */
  readonly families?: readonly string[];
}

export interface DiagnoseOptions {
  /**
   * How many groups, rollouts, turns and tokens have to show a cause before it is named, as a multiple of what keeps false
   * alarms rare. Less names it sooner.
   * @default 1
   */
  readonly evidence?: number | undefined;
}

/** A diagnosis that follows a run step by step. What it remembers is bounded. */
export interface Diagnostics {
  /** Takes the metrics of the next step. Returns what begins with it. Throws `ConfigError` for what is not metrics. */
  next(step: DiagnosedStep): readonly Diagnosis[];
  /** What held at some time, in the order in which it began. */
  readonly all: readonly Diagnosis[];
}

const optionRules: Rules<DiagnoseOptions> = { evidence: number({ above: 0 }) };

/** Steps without a cause after which it is gone. */
const CALM = 5;

/**
 * Names what keeps a run from learning, from the metrics of its steps alone, and says what to do: what holds after the last
 * one, and what came and went (`until`). Metrics of earlier versions are read as far as they go. Throws `ConfigError` for
 * what is not metrics.
 *
 * @example
 * ```ts
 * import { diagnose, type StepMetrics } from "agentflow/train";
 *
 * const explain = (steps: StepMetrics[]): void => {
 *   for (const { since, seen, advice } of diagnose(steps)) console.log(`Since step ${since}: ${seen} ${advice}`);
 * };
 * ```
 */
export const diagnose = (steps: readonly DiagnosedStep[], options: DiagnoseOptions = {}): readonly Diagnosis[] => {
  required(listOf(stepRule))(steps, "diagnose: steps");
  const found = diagnostics(options);
  for (const step of steps) found.next(step);
  return found.all;
};

/**
 * The same, step by step, at a cost that does not grow with the run. A cause that comes back has to last twice as long as the
 * time before until it is named again.
 *
 * @example
 * ```ts
 * import { diagnostics, type StepMetrics } from "agentflow/train";
 *
 * const found = diagnostics();
 * const onStep = (step: StepMetrics): void => {
 *   for (const { cause, seen, advice } of found.next(step)) console.log(cause, seen, advice);
 * };
 * ```
 */
export const diagnostics = (options: DiagnoseOptions = {}): Diagnostics => {
  const { evidence = 1 } = checked("diagnostics", options, optionRules);
  const spells = diagnosisCauses.map(spellsOf);
  let course = newCourse(evidence);
  return {
    next: (step) => {
      stepRule(step, "diagnostics: the step");
      course = courseAfter(course, step);
      return spells.flatMap((spell) => spell.next(step.index, causeRules[spell.cause](course)) ?? []);
    },
    get all() {
      return spells.flatMap((spell) => spell.all).sort((a, b) => a.since - b.since);
    },
  };
};

/** When a cause began and ended, and began again. */
interface Spells {
  readonly cause: DiagnosisCause;
  readonly all: readonly Diagnosis[];
  /** Returns the cause when it begins. */
  next(index: number, seen: Observation | undefined): Diagnosis | undefined;
}

const spellsOf = (cause: DiagnosisCause): Spells => {
  const gone: Diagnosis[] = [];
  let holding: Diagnosis | undefined;
  let [first, last] = [0, 0];
  let [calm, inARow] = [0, 0];
  return {
    cause,
    get all() {
      return holding === undefined ? gone : [...gone, holding];
    },
    next: (index, seen) => {
      calm = seen === undefined ? calm + 1 : 0;
      inARow = seen === undefined ? 0 : inARow + 1;
      if (seen !== undefined) last = index + 1;
      // A window may reach back into the spell before.
      if (seen !== undefined && inARow === 1) first = Math.max(seen.since, gone.at(-1)?.until ?? 0);
      if (holding !== undefined) {
        // It keeps its beginning, and has the figures of the newest step that shows it.
        if (seen !== undefined) holding = diagnosisOf(cause, { ...seen, since: holding.since - 1 });
        if (calm < CALM) return undefined;
        gone.push({ ...holding, until: last });
        holding = undefined;
        return undefined;
      }
      const needed = gone.length === 0 ? 1 : CALM * 2 ** (gone.length - 1);
      if (seen === undefined || inARow < needed) return undefined;
      holding = diagnosisOf(cause, { ...seen, since: first });
      return holding;
    },
  };
};

const diagnosisOf = (cause: DiagnosisCause, { since, seen, advice, families = [] }: Observation): Diagnosis => ({
  cause,
  since: since + 1,
  seen,
  advice,
  ...(families.length > 0 && { families }),
});

/** What a diagnosis says, in two sentences. */
export const diagnosisText = ({ seen, advice }: Pick<Diagnosis, "seen" | "advice">): string => `${seen} ${advice}`;

/** Makes it a warning of the process. */
export const warn = (diagnosis: Diagnosis): void => globalThis.process?.emitWarning(diagnosisText(diagnosis));

/** Hands what a run's own steps show on, and gives back their metrics. */
export const diagnosing = (
  tell: (diagnosis: Diagnosis) => void = warn,
): (<Metrics extends DiagnosedStep>(metrics: Metrics) => Metrics) => {
  const found = diagnostics();
  return (metrics) => {
    for (const diagnosis of found.next(metrics)) tell(diagnosis);
    return metrics;
  };
};
