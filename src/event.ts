import type { Analysis, Observation, Step, StopReason, ToolCall, Verdict } from "./trajectory.ts";
import type { Usage } from "./usage.ts";

/** An event before it has its number. */
export type FlowEventBody =
  | { readonly type: "analysis-end"; readonly analysis: Analysis }
  | { readonly type: "plan-start"; readonly turn: number }
  | { readonly type: "plan-delta"; readonly turn: number; readonly text: string }
  | {
      readonly type: "plan-end";
      readonly turn: number;
      readonly tool: string;
      readonly subGoal: string;
      readonly step: Step;
    }
  | { readonly type: "tool-call"; readonly turn: number; readonly call: ToolCall }
  | { readonly type: "tool-result"; readonly turn: number; readonly observation: Observation & { status: "ok" } }
  | {
      readonly type: "tool-error";
      readonly turn: number;
      readonly observation: Observation & { status: "refused" | "failed" };
    }
  | { readonly type: "verdict-end"; readonly turn: number; readonly verdict: Verdict }
  /** The solution while it is written; the one of `finish` counts. */
  | { readonly type: "solution-delta"; readonly text: string }
  /** The answer while it is written. All of them together are the answer, from the last `restart` on. */
  | { readonly type: "answer-delta"; readonly text: string; readonly restart?: true }
  | {
      readonly type: "finish";
      readonly status: "solved" | "partial" | "failed";
      readonly stopReason: StopReason;
      readonly usage: Usage;
      readonly answer?: string;
      readonly solution?: string;
    };

/** One event of a solve. `sequence` counts from 0 without gaps; the last event is always exactly one `finish`. */
export type FlowEvent = FlowEventBody & { readonly sequence: number };
