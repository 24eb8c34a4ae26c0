/** What the server sends, as far as the pages read it. The schemas are in `/openapi.json`. */
import type { PlannerFigures } from "../../../src/learn/evaluation.ts";
import type { LearnReport } from "../../../src/learn/report.ts";
import type { LearningStatus, ShownClaim } from "../../../src/server/served-learning.ts";
import type { Diagnosis, PairedDifference, StepMetrics, StepTimings } from "../../../src/train/index.ts";
import type { Observation, ToolCall, Trajectory } from "../../../src/trajectory.ts";

export type { Diagnosis, LearningStatus, LearnReport, Observation, PlannerFigures, ShownClaim, ToolCall, Trajectory };

export interface About {
  readonly version: string;
  readonly flows: readonly { readonly name: string; readonly learns: boolean }[];
  readonly starts: boolean;
  readonly resumes: boolean;
  readonly experience: boolean;
  readonly current: string | null;
}

export type RunState = "running" | "finished" | "interrupted";

export interface RunSummary {
  readonly id: string;
  readonly command: string;
  readonly state: RunState;
  readonly model?: string;
  readonly seed?: number;
  readonly steps?: number;
  readonly stepsDone?: number;
  readonly gain: Readonly<
    Record<string, { readonly points: number; readonly interval: readonly [number, number] }>
  > | null;
}

export type RunConfig = Readonly<Record<string, unknown>>;

export interface RunDetails {
  readonly id: string;
  readonly state: RunState;
  readonly config: RunConfig;
  readonly report: LearnReport | null;
}

/** A step as the stream tells it. */
export interface StepRow {
  readonly step: number;
  readonly metrics: Omit<StepMetrics, "timings">;
  readonly timings?: StepTimings | undefined;
  readonly validation?: number | undefined;
}

export interface Model {
  readonly id: string;
  readonly flow: string;
  readonly policy: string | null;
  readonly state: "flow" | "serving" | "candidate" | "previous";
}

export interface ListedTrajectory {
  readonly id: string;
  readonly phase: string | null;
  readonly step: number | null;
  readonly task_set: string | null;
  readonly task: string | null;
  readonly family: string | null;
  readonly status: string | null;
  readonly stop_reason: string | null;
  readonly reward: number | null;
  readonly turns: number;
  readonly errors: number | null;
  readonly question: string | null;
  readonly expected: string | null;
  readonly answer: string | null;
}

export interface TrajectoryPage {
  readonly total: number;
  readonly trajectories: readonly ListedTrajectory[];
  readonly next: number | null;
}

export interface StoredTrajectory {
  readonly id: string;
  readonly run: string;
  readonly row: {
    readonly phase: string;
    readonly step?: number;
    readonly set?: string;
    readonly task?: string;
    readonly family?: string;
    readonly expected?: string;
    readonly reward?: number | null;
    readonly actions?: readonly string[];
    readonly answer?: string;
    readonly status?: string;
    readonly stopReason?: string;
    readonly trajectory?: Trajectory;
    readonly policy?: string | null;
  };
  readonly journal: {
    readonly turns: readonly { readonly call: ToolCall | null; readonly observation: Observation | null }[];
  } | null;
}

export interface ShownSample {
  readonly turn: number;
  readonly module: string;
  readonly version: string;
  readonly prompt: string | null;
  readonly tokens: readonly { readonly id: number; readonly text: string; readonly logProb: number }[];
  readonly decoded: boolean;
}

export interface GroupRollout {
  readonly id: string;
  readonly reward: number | null;
  readonly advantage: number | null;
  readonly answer: string | null;
  readonly turns: number;
}

export interface Group {
  readonly task: string | null;
  readonly family: string | null;
  readonly rollouts: readonly GroupRollout[];
}

export interface GroupStep {
  readonly tool: string;
  readonly subGoal: string;
  readonly status: string | null;
  readonly text: string | null;
}

export interface GroupTurns extends Omit<Group, "rollouts"> {
  readonly rollouts: readonly (GroupRollout & {
    readonly stopReason: string | null;
    readonly steps: readonly GroupStep[];
  })[];
}

export interface Accuracy {
  readonly n: number;
  readonly accuracy: number;
  readonly interval: readonly [number, number];
}

export interface Paired {
  readonly name: string;
  readonly left: Accuracy;
  readonly right: Accuracy;
  readonly difference: PairedDifference;
}

export interface Order {
  readonly tools: readonly string[];
  readonly left: number;
  readonly right: number;
}

interface Side {
  readonly run: string;
  readonly phase: string;
  readonly tasks: number;
  readonly averageTurns: number;
}

export interface Comparison {
  readonly left: Side;
  readonly right: Side;
  readonly sets: readonly Paired[];
  readonly families: readonly Paired[];
  readonly orders: { readonly likelier: readonly Order[]; readonly rarer: readonly Order[] };
  /** Those that are not listed included. */
  readonly changedInAll: number;
  /** What differs most comes first. */
  readonly changed: readonly {
    readonly task: string;
    readonly family: string | null;
    readonly question: string | null;
    readonly left: { readonly id: string; readonly reward: number };
    readonly right: { readonly id: string; readonly reward: number };
  }[];
}

export interface ExperiencePage {
  readonly total: number;
  readonly sources: readonly { readonly source: string; readonly kept: number }[];
  readonly experience: readonly {
    readonly id: string;
    readonly question: string;
    readonly plan: readonly { readonly tool: string; readonly subGoal: string; readonly failed: boolean }[];
    readonly reward?: number;
    readonly source: string;
  }[];
}
