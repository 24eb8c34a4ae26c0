import type { Trajectory } from "../../trajectory.ts";
import { argumentsOf, callId, type Exported, type ExportSource, outcomeText } from "./exported.ts";

/** A message as chat models are trained on them; arguments are JSON in a text. */
export interface ChatRow {
  readonly role: "system" | "user" | "assistant" | "tool";
  readonly content: string;
  readonly tool_calls?: readonly {
    readonly id: string;
    readonly type: "function";
    readonly function: { readonly name: string; readonly arguments: string };
  }[];
  readonly tool_call_id?: string;
}

/** A trajectory as a conversation: question, each plan with its call and what came of it, and the answer. */
export const messagesOf = ({ query, memory, answer }: Trajectory): readonly ChatRow[] => [
  ...(query.conversation ?? []).map(({ role, text }) => ({ role, content: text })),
  { role: "user", content: query.question },
  ...memory.flatMap(({ index, step, call, observation }): ChatRow[] => [
    {
      role: "assistant",
      content: step.raw,
      ...(call !== undefined && {
        tool_calls: [
          {
            id: callId(index),
            type: "function" as const,
            function: { name: call.tool, arguments: JSON.stringify(argumentsOf(call.input)) },
          },
        ],
      }),
    },
    // Without a call there is nothing that a tool could answer to: the refusal is what happens next.
    call === undefined
      ? { role: "user", content: outcomeText(observation) }
      : { role: "tool", content: outcomeText(observation), tool_call_id: callId(index) },
  ]),
  ...(answer === undefined ? [] : [{ role: "assistant" as const, content: answer }]),
];

/** The same as one session of the Hugging Face Hub's traces: a line for the session, then a line a message. */
export const sessionOf = ({ trajectory }: Exported, { began, model }: ExportSource): readonly object[] => [
  { type: "session", harness: "agentflow", id: trajectory.id },
  ...messagesOf(trajectory).map(({ role, content, tool_calls: calls, tool_call_id: toolCallId }) => ({
    type: "message",
    message: {
      role,
      content,
      ...(calls !== undefined && { toolCalls: calls.map(({ id, function: called }) => ({ id, function: called })) }),
      ...(toolCallId !== undefined && { toolCallId }),
      timestamp: began,
      ...(role === "assistant" && { model }),
    },
  })),
];
