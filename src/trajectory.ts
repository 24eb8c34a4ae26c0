import type { PromptSegment } from "./engine.ts";
import type { Query } from "./task.ts";
import type { Field, Trust } from "./tool.ts";

/** What query analysis reads from the question by rules or by a model: its entities and the kind of answer. */
export interface Analysis {
  /** Names, codes and numbers of the question, in order: `q1`, `q2`, … refer to them. */
  readonly entities: readonly string[];
  /** Unit or kind of the answer: a unit such as `day`, `ft`, or `date`, `weekday`, `name`; undefined when unknown. */
  readonly unit?: string;
  /** The question with its entities replaced by `q1`, `q2`, …. */
  readonly template: string;
}

/** A planner's decision: a sub-goal and one tool. `subGoal` may refer to `q1`, `@2`, `@2.country`. */
export interface Step {
  readonly tool: string;
  readonly subGoal: string;
  /** The planner's text as it came. */
  readonly raw: string;
}

/** A step from its text: the first word is the tool, the rest the sub-goal. Only white space is normalised. */
export const stepOf = (text: string): Step => {
  const action = text.trim();
  const tool = /^\S*/u.exec(action)?.[0] ?? "";
  return { tool, subGoal: action.slice(tool.length).trim(), raw: text };
};

export interface ToolCall {
  readonly tool: string;
  readonly input: unknown;
}

/** What came of a step. `refused` never reached a tool; `failed` did, and the tool threw. */
export type Observation =
  | {
      readonly status: "ok";
      readonly text: string;
      readonly fields: Readonly<Record<string, Field>>;
      readonly source?: string;
      /** @default "trusted" */
      readonly trust?: Trust;
      /** The field by which the result answers a question, of a tool that says which. @default "value" */
      readonly answerField?: string;
    }
  | { readonly status: "refused" | "failed"; readonly error: string; readonly reason: ErrorReason };

/**
 * `malformed`: not a plan · `unknown-tool` · `bad-reference` · `bad-arguments` · `repeated` · `not-approved` · `tool-error` ·
 * `unavailable`: a service that is, for now · `timeout`.
 */
export type ErrorReason =
  | "malformed"
  | "unknown-tool"
  | "bad-reference"
  | "bad-arguments"
  | "repeated"
  | "not-approved"
  | "tool-error"
  | "unavailable"
  | "timeout";

/** Whether the same call may succeed later: its service was unavailable, or gave no result in time. */
export const failedForNow = (observation: Observation): boolean =>
  observation.status === "failed" && (observation.reason === "unavailable" || observation.reason === "timeout");

/** `no value`: a result, but not the asked one · `call failed` · `still failed`: as in the turn before. */
export type VerdictCause = "no value" | "call failed" | "still failed";

export interface Verdict {
  readonly decision: "continue" | "stop";
  readonly reason: string;
  /** Why to continue, in two words, for a planner whose prompt has room for no more; of a verifier that says so. */
  readonly cause?: VerdictCause;
  /** What the last result is worth, in words; of a verifier that says so. */
  readonly executionAnalysis?: string;
  /** What memory holds and lacks, in words; of a verifier that says so. */
  readonly memoryAnalysis?: string;
}

/** One entry of memory: everything that one turn added. `index` counts from 1: `@1`. */
export interface MemoryEntry {
  readonly index: number;
  readonly step: Step;
  readonly call?: ToolCall;
  readonly observation: Observation;
  readonly verdict: Verdict;
  readonly turnsLeft: number;
}

/** One sampled turn of a trained module. `prompt` is the canonical split that the sampler was given. */
export interface TrainedTurn {
  readonly module: string;
  readonly policy: string;
  readonly version: string;
  readonly turn: number;
  readonly prompt: readonly PromptSegment[];
  readonly ids: readonly number[];
  readonly behaviourLogProbs: readonly number[];
  /** Set where these are not what the trainer computes with the weights of `version` (`Sample.exact`): training weighs them. */
  readonly inexact?: true;
}

export type StopReason =
  | "answered"
  | "turn-limit"
  | "budget"
  | "repeated-call"
  | "no-progress"
  | "aborted"
  /** There is an answer, but the planner was trained on nothing like the question, and rules alone say that it is one. */
  | "unfamiliar"
  | (string & {});

/** A whole run of the flow on one query: frozen, serialisable. */
export interface Trajectory {
  readonly schemaVersion: 1;
  readonly id: string;
  readonly query: Pick<Query, "id" | "question" | "conversation">;
  readonly analysis: Analysis;
  readonly memory: readonly MemoryEntry[];
  readonly turns: readonly TrainedTurn[];
  readonly answer?: string;
  /** How the answer follows, for people; of a generator that says so. */
  readonly solution?: string;
  readonly status: "solved" | "partial" | "failed";
  readonly stopReason: StopReason;
  /** An infrastructure failure: the trajectory is not a sample. */
  readonly failure?: string;
  /** The worker that made it; absent where the run's own process did. In a run's folder `timings.jsonl` has it. */
  readonly worker?: string;
}
