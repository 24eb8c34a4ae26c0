import type { Engine } from "../engine.ts";
import type { EnvironmentSource } from "../environment.ts";
import type { PlannerSource } from "../learn/planner-source.ts";
import type { Trajectory } from "../trajectory.ts";
import type { ChoiceTraining, TrainedGroup } from "./training-of-task.ts";

/** A version of what a run trained: as it began, as it ended, or after a step whose checkpoint is kept. */
export type VersionName = "start" | "end" | number;

export interface OpenPlannersOptions {
  /** The environment that the run was made in, named again: nothing is opened because a run's folder names it. */
  readonly environment: EnvironmentSource;
  /** What the run began with. @default what the environment has for its tools */
  readonly planner?: PlannerSource | Engine | undefined;
  /** @default ["start", "end"] */
  readonly versions?: readonly [before: VersionName, after: VersionName] | undefined;
  /** Told what is being done, for people. */
  readonly onStage?: ((stage: string) => void) | undefined;
  readonly abortSignal: AbortSignal;
}

/** How likely a planner is to say a plan, in natural logarithms: the whole text is the tool, and the sub-goal after it. */
export interface Likelihood {
  readonly logProb: number;
  /** Of the tool's name alone; null for a text that is not a plan. */
  readonly tool: number | null;
  /** Of the rest once the tool is said; null for a text that is not a plan. */
  readonly subGoal: number | null;
}

/** A plan at one turn, and how likely both planners are to make it there. */
export interface Choice {
  readonly text: string;
  readonly tool: string;
  readonly subGoal: string;
  readonly before: Likelihood;
  readonly after: Likelihood;
}

/** What is asked about a task: what comes of it when the new planner is made to say something else in one turn. */
export interface Counterfactual {
  /** The turn, from 1, in which the other choice is made; earlier turns stay as they were. */
  readonly from: number;
  /** What is said there: a tool and a sub-goal, `web_search q1`. */
  readonly choose: string;
}

export interface WhyOptions extends Omit<OpenPlannersOptions, "abortSignal"> {
  readonly counterfactual?: Counterfactual | undefined;
  /** Plans that each planner draws at a turn, to find what else it would say. @default 16 */
  readonly draws?: number | undefined;
  /** Other choices that are shown a turn. @default 4 */
  readonly alternatives?: number | undefined;
  readonly abortSignal?: AbortSignal | undefined;
}

/** A choice, with what training made of it. */
export interface WeighedChoice extends Choice {
  /** Rollouts of the task that made it after the same turns; null where none did. */
  readonly training: ChoiceTraining | null;
}

export interface WhyTurn {
  readonly turn: number;
  /** What was said, what was called and what came of it. */
  readonly text: string;
  readonly call: Trajectory["memory"][number]["call"] | null;
  readonly observation: Trajectory["memory"][number]["observation"];
  readonly verdict: Trajectory["memory"][number]["verdict"];
  /** What was said, with its likelihood under both planners; null where no text was sampled. */
  readonly taken: WeighedChoice | null;
  /** What else either planner would say here, the likeliest under the new one first. */
  readonly alternatives: readonly WeighedChoice[];
}

/** How a planner solved the task. */
export interface WhySolve {
  readonly version: VersionName;
  /** Content hash of its weights. */
  readonly weights: string;
  /** Whether the run had stored this solve; else it was solved now, with the draws of an evaluation. */
  readonly stored: boolean;
  readonly status: Trajectory["status"];
  readonly stopReason: string;
  readonly answer: string | null;
  /** Null where it was not a sample. */
  readonly reward: number | null;
  readonly turns: readonly WhyTurn[];
}

/** Why a run's planner solves a task as it does: JSON, the same for the same run. */
export interface Why {
  readonly schemaVersion: 1;
  readonly run: string;
  readonly task: {
    readonly id: string;
    readonly question: string;
    readonly family: string;
    readonly expected: string;
  };
  readonly before: WhySolve;
  readonly after: WhySolve;
  /** The first turn in which the two differ; null where they are the same. */
  readonly partedAt: number | null;
  readonly training: {
    /** Groups of rollouts of this task, by step; none where training never met it. */
    readonly groups: readonly TrainedGroup[];
    /** What a turn's own step added to its rollout's advantage: `none` where all its turns share that. */
    readonly stepCredit: string;
    /** Whether rewards were dealt out at random, as a control: advantages are then not of these rewards. */
    readonly permutedRewards: boolean;
  };
  readonly counterfactual?: Counterfactual & {
    /** How likely both planners were to say it there. */
    readonly choice: WeighedChoice | null;
    readonly solve: WhySolve;
  };
}
