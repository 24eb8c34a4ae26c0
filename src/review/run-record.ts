import { join } from "node:path";
import { type SetName, setNames } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import type { Baselines } from "../learn/baselines.ts";
import { diagnosisOfRun } from "../learn/diagnosis.ts";
import type { Gain, PlannerFigures } from "../learn/evaluation.ts";
import type { LearnReport } from "../learn/report.ts";
import { readJson } from "../learn/stored-options.ts";
import { readRun, type StoredRun } from "../store/stored-run.ts";
import type { Diagnosis, StepMetrics } from "../train/index.ts";

/** What charts show of one step of training. */
export interface RunStep {
  /** Mean over the rollouts. */
  readonly reward: number;
  readonly validation: number | undefined;
  readonly toolErrorRate: number | undefined;
  readonly turns: number | undefined;
  /** Share of the groups whose rewards differ. */
  readonly mixed: number | undefined;
  readonly entropy: number | undefined;
  readonly klStep: number | undefined;
  readonly gradientNorm: number | undefined;
}

/** A run of learning as its folder tells it, whether it has ended or not. */
export interface RunRecord {
  readonly id: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** What was asked for. */
  readonly options: Readonly<Record<string, unknown>>;
  readonly titles: Readonly<Record<SetName, string>>;
  readonly steps: readonly RunStep[];
  readonly before: PlannerFigures | undefined;
  readonly coldStart: PlannerFigures | undefined;
  readonly after: PlannerFigures | undefined;
  readonly baselines: Baselines | undefined;
  readonly gain: Readonly<Record<SetName, Gain>> | undefined;
  readonly diagnosis: readonly Diagnosis[];
  readonly report: LearnReport | undefined;
}

/** Reads a run of learn. Throws `ConfigError` for another run, and `StoreError` for a damaged one. */
export const readRecord = async (root: string, id: string): Promise<RunRecord> => {
  const stored = await readRun(root, id);
  const { folder } = stored;
  const config = (stored.config ?? {}) as Readonly<Record<string, unknown>>;
  if (config.command !== undefined)
    throw new ConfigError(
      `The run ${id} is one of ${String(config.command)}: a report is made of runs of agentflow learn. agentflow runs show and agentflow runs query read every run.`,
    );
  const options = ((await readJson(join(folder, "options.json")))?.options ?? {}) as RunRecord["options"];
  const phases = (await readJson(join(folder, "phases.json"))) as Phases | undefined;
  const report = stored.report as LearnReport | undefined;
  return {
    id,
    config,
    options,
    titles: titlesOf(config),
    steps: stepsOf(stored),
    before: report?.before ?? phases?.before?.figures,
    coldStart: report?.coldStart ?? phases?.coldStart?.figures,
    after: report?.after,
    baselines: report?.baselines ?? phases?.baselines,
    gain: report?.gain,
    diagnosis: diagnosisOfRun(stored),
    report,
  };
};

interface Phases {
  readonly before?: { readonly figures: PlannerFigures };
  readonly coldStart?: { readonly figures: PlannerFigures };
  readonly baselines?: Baselines;
}

/** What the sets are called where the run does not say it. */
const titlesOf = (config: Readonly<Record<string, unknown>>): RunRecord["titles"] => ({
  heldOutPages: config.almanac === undefined ? "unseen tasks" : "unseen pages",
  heldOutFamily: "unseen families",
  heldOutParaphrase: "unseen wording",
  deep: "deeper plans",
});

const stepsOf = ({ metrics }: StoredRun): RunStep[] =>
  (metrics as readonly Partial<StepMetrics & { readonly validation: number }>[]).map((row) => ({
    reward: row.reward?.mean ?? 0,
    validation: row.validation,
    toolErrorRate: row.toolErrorRate,
    turns: row.turns,
    mixed: row.groups === undefined || row.groups.total === 0 ? undefined : row.groups.mixed / row.groups.total,
    entropy: row.entropy,
    klStep: row.klStep,
    gradientNorm: row.gradientNorm,
  }));

/** The sets that the run was evaluated on. */
export const setsIn = ({ before, after }: RunRecord): readonly SetName[] =>
  setNames.filter((set) => ((after ?? before)?.[set].n ?? 0) > 0);
