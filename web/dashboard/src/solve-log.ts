import type { StreamEvent } from "./events.ts";
import type { Observation, ToolCall } from "./types.ts";

/** One turn of a solve as far as it has come. */
export interface TurnCard {
  readonly turn: number;
  readonly tool?: string | undefined;
  /** Of the plan; while it is written, what there is of it. */
  readonly subGoal?: string | undefined;
  readonly draft?: string | undefined;
  readonly call?: ToolCall | undefined;
  readonly observation?: Observation | undefined;
  readonly verdict?: { readonly decision: string; readonly reason: string } | undefined;
}

/** What the events of a solve come to. */
export interface SolveLog {
  /** Who answers, as people read it. */
  readonly model: string;
  readonly policy: string | null;
  readonly trajectory: string | undefined;
  readonly turns: readonly TurnCard[];
  readonly answer: string | undefined;
  readonly solution: string | undefined;
  readonly status: "waiting" | "solving" | "solved" | "partial" | "failed";
  readonly stopReason: string | undefined;
  readonly seconds: number | undefined;
  readonly tokens: { readonly prompt: number; readonly sampled: number } | undefined;
  readonly error: string | undefined;
}

export const newSolve = (model: string): SolveLog => ({
  model,
  policy: null,
  trajectory: undefined,
  turns: [],
  answer: undefined,
  solution: undefined,
  status: "waiting",
  stopReason: undefined,
  seconds: undefined,
  tokens: undefined,
  error: undefined,
});

const textOf = (value: unknown): string | undefined => (typeof value === "string" ? value : undefined);

export const solveAfter = (log: SolveLog, { type, data }: StreamEvent): SolveLog => {
  const change = (changes: Partial<TurnCard>): SolveLog => ({
    ...log,
    turns: log.turns.map((card) => (card.turn === data.turn ? { ...card, ...changes } : card)),
  });
  const draft = log.turns.at(-1)?.draft ?? "";
  switch (type) {
    case "solve-start":
      return { ...log, status: "solving", trajectory: textOf(data.trajectory), policy: textOf(data.policy) ?? null };
    case "plan-start":
      return { ...log, turns: [...log.turns, { turn: Number(data.turn) }] };
    case "plan-delta":
      return change({ draft: draft + String(data.text) });
    case "plan-end":
      return change({ tool: String(data.tool), subGoal: String(data.subGoal), draft: undefined });
    case "tool-call":
      return change({ call: data.call as ToolCall });
    case "tool-result":
    case "tool-error":
      return change({ observation: data.observation as Observation });
    case "verdict-end":
      return change({ verdict: data.verdict as NonNullable<TurnCard["verdict"]> });
    case "solution-delta":
      return { ...log, solution: (log.solution ?? "") + String(data.text) };
    case "answer-delta":
      return { ...log, answer: (data.restart === true ? "" : (log.answer ?? "")) + String(data.text) };
    case "finish":
      return { ...log, answer: textOf(data.answer), solution: textOf(data.solution) };
    case "solve-end": {
      const usage = (data.usage ?? {}) as { readonly promptTokens?: number; readonly sampledTokens?: number };
      return {
        ...log,
        status: data.status as SolveLog["status"],
        stopReason: textOf(data.stopReason),
        seconds: Number(data.seconds),
        tokens: { prompt: usage.promptTokens ?? 0, sampled: usage.sampledTokens ?? 0 },
      };
    }
    case "error": {
      const { error } = data as { readonly error?: { readonly message?: string } };
      return { ...log, status: "failed", error: error?.message ?? "The solve failed." };
    }
    default:
      return log;
  }
};
