import type { Meter } from "./budget.ts";
import type { Experience } from "./experience.ts";
import type { SecretHolder } from "./model.ts";
import type { RandomKey } from "./random.ts";
import type { Redactor } from "./secrets/redact.ts";
import type { Query } from "./task.ts";
import type { Grants, Toolset } from "./tool.ts";
import type { Analysis, MemoryEntry, Observation, Step, ToolCall, TrainedTurn, Verdict } from "./trajectory.ts";

/** All that a module may see: question, tools, memory, turns left. */
export interface FlowState {
  readonly query: Query;
  readonly analysis: Analysis;
  readonly tools: Toolset;
  readonly memory: readonly MemoryEntry[];
  /** Counts from 1. */
  readonly turn: number;
  /** Planner turns left, this one included. */
  readonly turnsLeft: number;
  /** Earlier tasks that are like this one, of a flow with a memory across tasks. */
  readonly experience?: readonly Experience[];
}

/** Tokens that a model read and wrote. */
export interface TokenCount {
  readonly prompt: number;
  readonly sampled: number;
}

/** What a module gets besides the state: nothing of the task, only means. */
export interface ModuleContext {
  /** Id of the trajectory: names its cache in an engine. */
  readonly history: string;
  /** Of this trajectory; a module derives its own key from it by its name and the turn. */
  readonly randomKey: RandomKey;
  /** Turns of this trajectory that trained modules have sampled so far. */
  readonly turns: readonly TrainedTurn[];
  /** Policy versions pinned at the start of the solve, by policy name. */
  readonly versions: Readonly<Record<string, string>>;
  readonly abortSignal: AbortSignal;
  /** What the flow's owner tells every model-backed module. */
  readonly instructions?: string;
  /** Streams text while it is made: a plan, an answer, or the solution that comes before it. */
  readonly onText?: (delta: string, part?: "answer" | "solution") => void;
  /** The solve's budget: checked before each call of a model, and shared by all that is called beneath. */
  readonly meter?: Meter;
  readonly grants?: Grants;
  /** Removes secrets from untrusted text, before it is cut or kept. */
  readonly redact?: Redactor;
}

/** `error` says why the text is not a plan; the step then has an empty tool. */
export interface Plan {
  readonly step: Step;
  readonly error?: string;
  readonly sampled?: TrainedTurn;
  readonly tokens?: TokenCount;
}

/** A verdict, and how a trained verifier came to it. */
export interface Judgement {
  readonly verdict: Verdict;
  readonly sampled?: TrainedTurn;
  readonly tokens?: TokenCount;
}

/** Names what the question is about. A module that asks a model holds its secrets. */
export interface Analyst extends SecretHolder {
  (query: Query, context: ModuleContext): Analysis | Promise<Analysis>;
}

/** Makes the next step. `release` is called once at the end of a solve: what was kept under its history can go. */
export interface Planner extends SecretHolder {
  (state: FlowState, context: ModuleContext): Plan | Promise<Plan>;
  readonly release?: (history: string) => void;
}

/** Turns a step into a call (`write`), which the verifier's first gate checks before `run` reaches the tool. */
export interface Executor extends SecretHolder {
  write(step: Step, state: FlowState, context: ModuleContext): ToolCall | Refusal | Promise<ToolCall | Refusal>;
  run(call: ToolCall, state: FlowState, context: ModuleContext): Promise<Observation>;
}

/** A call that never reaches a tool; it becomes the turn's observation. */
export type Refusal = Extract<Observation, { readonly error: string }>;

export interface Verifier extends SecretHolder {
  /** Before a call: undefined lets it through. */
  admit(call: ToolCall, state: FlowState, context: ModuleContext): Refusal | undefined | Promise<Refusal | undefined>;
  /** After it: is memory enough and consistent? `state.memory` holds the earlier turns, `observation` this one's. */
  judge(
    step: Step,
    observation: Observation,
    state: FlowState,
    context: ModuleContext,
  ): Verdict | Judgement | Promise<Verdict | Judgement>;
  /** Called once at the end of a solve: what was kept under its history can go. */
  readonly release?: (history: string) => void;
}

/** The concise answer, which is what is scored, and for people how it follows from what was found. */
export interface Solution {
  readonly answer: string | undefined;
  readonly solution: string;
}

/** The final answer from memory, with its solution where that was asked for; undefined when memory holds none. */
export interface Generator extends SecretHolder {
  (state: FlowState, context: ModuleContext): Generated | Promise<Generated>;
}
export type Generated = string | Solution | undefined;
