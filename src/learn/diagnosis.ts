import type { StoredRun } from "../store/stored-run.ts";
import { isDiagnosedStep } from "../train/diagnosed-step.ts";
import { diagnose, diagnosisText } from "../train/diagnosis.ts";
import { type DiagnosedStep, type Diagnosis, diagnostics } from "../train/index.ts";
import type { Emit, LearnHappening } from "./event.ts";

/** The rows of a run's metrics that are those of steps; a folder may be anybody's. */
export const stepRows = (rows: readonly unknown[]): readonly DiagnosedStep[] => rows.filter(isDiagnosedStep);

/** What keeps a stored run from learning, finished or not, by its metrics. */
export const diagnosisOfRun = ({ metrics }: Pick<StoredRun, "metrics">): readonly Diagnosis[] =>
  diagnose(stepRows(metrics));

/** A diagnosis as an event. */
export const diagnosisEvent = (diagnosis: Diagnosis): LearnHappening => ({
  type: "diagnosis",
  message: diagnosisText(diagnosis),
  diagnosis,
});

/** The diagnosis of a run under way. */
export interface RunDiagnostics {
  readonly all: readonly Diagnosis[];
  /** Takes the next step, tells what begins with it, and returns all until now. */
  next(step: DiagnosedStep): readonly Diagnosis[];
}

/** `before` are the steps before the run was resumed: what they showed is known already. */
export const runDiagnostics = (before: readonly DiagnosedStep[], emit: Emit): RunDiagnostics => {
  const found = diagnostics();
  for (const step of before) found.next(step);
  return {
    get all() {
      return found.all;
    },
    next: (step) => {
      for (const diagnosis of found.next(step)) emit(diagnosisEvent(diagnosis));
      return found.all;
    },
  };
};
