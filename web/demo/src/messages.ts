import type { Observation, Verdict } from "agentflow";
import type { LearningEvent, PlanShare } from "./learning.ts";

/** What the page asks of its worker. */
export type Request =
  | { readonly type: "ask"; readonly question: string }
  | {
      readonly type: "learn";
      readonly seed: number;
      readonly shuffled: boolean;
      readonly steps?: number;
      readonly measured?: number;
    }
  | { readonly type: "pause" | "resume" | "reset" | "save" };

export interface Turn {
  readonly action: string;
  readonly observation: Observation;
  readonly verdict: Verdict;
}

/** One solve, as the planner is used, and plans that it draws for the same question. */
export interface Asked {
  readonly question: string;
  /** Steps that the planner had learnt. */
  readonly step: number;
  readonly turns: readonly Turn[];
  readonly answer: string | undefined;
  /** Undefined where the page does not know the answer. */
  readonly expected: string | undefined;
  readonly plans: readonly PlanShare[];
  readonly drawn: number;
}

/** What the worker says. */
export type Message =
  | LearningEvent
  | { readonly type: "ready"; readonly parameters: number; readonly version: string; readonly runtime: string }
  | ({ readonly type: "asked" } & Asked)
  | { readonly type: "learnt"; readonly version: string; readonly seconds: number; readonly steps: number }
  | { readonly type: "reset-done"; readonly version: string }
  | { readonly type: "saved"; readonly zip: Uint8Array; readonly version: string }
  | { readonly type: "failed"; readonly message: string };
