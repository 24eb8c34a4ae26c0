import { defined } from "../../options.ts";
import type { MemoryEntry, TrainedTurn, Trajectory } from "../../trajectory.ts";
import { argumentsOf, callId, type Exported, outcomeText } from "./exported.ts";

/** Version of the Agent Trajectory Interchange Format (Harbor) that is written. */
const ATIF_VERSION = "ATIF-v1.8";

export interface AtifToolCall {
  readonly tool_call_id: string;
  readonly function_name: string;
  readonly arguments: Readonly<Record<string, unknown>>;
}

export interface AtifStep {
  readonly step_id: number;
  readonly source: "system" | "user" | "agent";
  readonly message: string;
  readonly tool_calls?: readonly AtifToolCall[];
  readonly observation?: {
    readonly results: readonly { readonly source_call_id?: string; readonly content?: string }[];
  };
  readonly metrics?: AtifMetrics;
  readonly llm_call_count?: number;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** Tokens of a sampled turn: what it is trained from. */
export interface AtifMetrics {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly prompt_token_ids: readonly number[];
  readonly completion_token_ids: readonly number[];
  readonly logprobs: readonly number[];
}

/** One trajectory as ATIF. What the format has no place for stands in `extra.agentflow`. */
export interface AtifTrajectory {
  readonly schema_version: string;
  readonly session_id: string;
  readonly trajectory_id: string;
  readonly agent: { readonly name: string; readonly version: string; readonly model_name?: string };
  readonly steps: readonly AtifStep[];
  readonly final_metrics?: Readonly<Record<string, number>>;
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A trajectory as an ATIF document: the planner is the agent, each turn is a step, and the answer is the last one. */
export const atifOf = (
  { trajectory, run, ...known }: Exported,
  about: { readonly version: string; readonly model: string },
): AtifTrajectory => {
  const { query, memory, turns, answer, solution, analysis, status, stopReason, failure } = trajectory;
  const bodies: Omit<AtifStep, "step_id">[] = [
    ...(query.conversation ?? []).map(({ role, text }) => ({
      source: role === "assistant" ? ("agent" as const) : role,
      message: text,
      ...(role === "assistant" && { llm_call_count: 0 }),
      extra: { agentflow: { part: "conversation" } },
    })),
    { source: "user", message: query.question, extra: { agentflow: { part: "question" } } },
    ...memory.map((entry) => stepOf(entry, turns)),
    ...(answer === undefined
      ? []
      : [
          {
            source: "agent" as const,
            message: answer,
            extra: { agentflow: { part: "answer", ...defined({ solution }) } },
          },
        ]),
  ];
  const planned = turns.filter(({ module }) => module === "planner");
  const later = turns.filter(({ turn }) => turn > memory.length);
  return {
    schema_version: ATIF_VERSION,
    session_id: run,
    trajectory_id: trajectory.id,
    agent: { name: "agentflow", version: about.version, model_name: about.model },
    steps: bodies.map((body, i) => ({ step_id: i + 1, ...body })),
    final_metrics: {
      total_prompt_tokens: planned.reduce((sum, { prompt }) => sum + promptIds(prompt).length, 0),
      total_completion_tokens: planned.reduce((sum, { ids }) => sum + ids.length, 0),
      total_steps: bodies.length,
    },
    extra: {
      agentflow: {
        schemaVersion: 1,
        task: query.id,
        analysis,
        status,
        stopReason,
        ...defined({ failure, ...known }),
        ...(later.length > 0 && { sampledLater: later }),
        ...(answer === undefined && solution !== undefined && { solution }),
      },
    },
  };
};

const promptIds = (prompt: TrainedTurn["prompt"]): number[] => prompt.flatMap(({ ids }) => ids);

/** One turn. The planner's tokens are the step's; of other modules that learn they stand beside. */
const stepOf = (
  { index, step, call, observation, verdict, turnsLeft }: MemoryEntry,
  turns: Trajectory["turns"],
): Omit<AtifStep, "step_id"> => {
  const ofTurn = turns.filter(({ turn }) => turn === index);
  const planned = ofTurn.find(({ module }) => module === "planner");
  const others = ofTurn.filter((turn) => turn !== planned);
  const { status: _, ...facts } = observation;
  const { text: __, error: ___, ...rest } = { text: "", error: "", ...facts };
  const isObject = call === undefined || argumentsOf(call.input) === call.input;
  return {
    source: "agent",
    message: step.raw,
    ...(call !== undefined && {
      tool_calls: [{ tool_call_id: callId(index), function_name: call.tool, arguments: argumentsOf(call.input) }],
    }),
    observation: {
      results: [{ ...(call !== undefined && { source_call_id: callId(index) }), content: outcomeText(observation) }],
    },
    ...(planned !== undefined && { metrics: metricsOf(planned), llm_call_count: 1 }),
    extra: {
      agentflow: {
        part: "turn",
        turn: index,
        tool: step.tool,
        subGoal: step.subGoal,
        observation: { status: observation.status, ...rest },
        verdict,
        turnsLeft,
        ...(!isObject && { input: call?.input ?? null }),
        ...(planned !== undefined && { sampled: aboutSampled(planned) }),
        ...(others.length > 0 && { others }),
      },
    },
  };
};

const metricsOf = ({ prompt, ids, behaviourLogProbs }: TrainedTurn): AtifMetrics => {
  const all = promptIds(prompt);
  return {
    prompt_tokens: all.length,
    completion_tokens: ids.length,
    prompt_token_ids: all,
    completion_token_ids: ids,
    logprobs: behaviourLogProbs,
  };
};

/** Of a sampled turn what metrics do not hold: who sampled it, and how its prompt was fed (length, whether it was sampled). */
const aboutSampled = ({ module, policy, version, turn, prompt, inexact }: TrainedTurn) => ({
  module,
  policy,
  version,
  turn,
  segments: prompt.map(({ ids, sampled }) => [ids.length, sampled]),
  ...(inexact === true && { inexact }),
});
