import type { Observation, ToolCall } from "./trajectory.ts";
import type { Spent } from "./usage.ts";

/** Which call it is: the solve by its id, the planner's turn in it, and what is called. */
export interface CallPlace {
  readonly history: string;
  readonly turn: number;
  readonly call: ToolCall;
}

/** What came of a call, as it is kept: the observation, or the failure that ended the solve; and what the call cost. */
export type Reply = (
  | { readonly observation: Observation }
  | { readonly failure: { readonly kind: "model" | "budget"; readonly message: string } }
) & { readonly spent?: Spent };

/**
 * Keeps the replies of tools before they are used, and gives them again to a flow that is run once more: what was asked of
 * the world is not asked twice, and tools that would answer otherwise today change nothing.
 */
export interface ReplyLog {
  /** The reply that this call got before, if it was made; else `keep` takes the new one, and resolves once it is written. */
  open(place: CallPlace): ReplyEntry | Promise<ReplyEntry>;
}

/** One call in a log: the reply that it got before, or where the new one is kept. */
export interface ReplyEntry {
  readonly known: Reply | undefined;
  keep(reply: Reply): Promise<void>;
}
