import { metered } from "../../metered.ts";
import type { ChatMessage, ChatModel } from "../../model.ts";
import type { FlowState, Verifier } from "../../module.ts";
import { deriveKey } from "../../random.ts";
import type { MemoryEntry } from "../../trajectory.ts";
import { admit } from "../gate.ts";
import { holding } from "./holding.ts";
import { firstKept } from "./selection.ts";
import {
  readVerdict,
  VERDICT_PATTERN,
  type VerdictForm,
  verdictText,
  verifierSystem,
  verifierTurn,
} from "./verifier-prompt.ts";

interface ChatVerifierOptions {
  readonly form?: VerdictForm;
  readonly maxTokens?: number;
  readonly temperature?: number;
  readonly room?: number;
}

/** The frozen verifier of `modelVerifier`, on any chat model. */
export const chatVerifier = (model: ChatModel, { form = "lines", ...options }: ChatVerifierOptions = {}): Verifier => {
  const { maxTokens = form === "word" ? 8 : 160, temperature = 0, room = 16_000 } = options;
  return holding(model, {
    admit,
    judge: async (step, observation, state, context) => {
      const turns = [...state.memory, { index: state.turn, step, observation }];
      const { text } = await metered(model, context.meter, context.redact).complete({
        messages: conversation(state, turns, form, room),
        maxTokens,
        temperature,
        randomKey: deriveKey(context.randomKey, "verifier", state.turn),
        ...(form === "word" && { grammar: { type: "pattern" as const, pattern: VERDICT_PATTERN } }),
        abortSignal: context.abortSignal,
      });
      return readVerdict(text);
    },
  });
};

type Turn = Pick<MemoryEntry, "index" | "step" | "observation"> & Partial<Pick<MemoryEntry, "verdict">>;

const conversation = (
  state: FlowState,
  turns: readonly Turn[],
  form: VerdictForm,
  room: number,
): readonly ChatMessage[] => {
  const [opening = "", ...later] = turns.map((turn) => verifierTurn(state, turn));
  const replies = turns.map(({ verdict }) => (verdict === undefined ? "" : verdictText(verdict, form)));
  const first =
    firstKept(
      opening.length,
      later.map((text, i) => text.length + (replies[i]?.length ?? 0)),
      room,
    ) ?? Math.max(0, later.length - 1);
  return [
    { role: "system", content: verifierSystem(form) },
    { role: "user", content: opening },
    ...later.slice(first).flatMap((text, i): ChatMessage[] => [
      { role: "assistant", content: replies[first + i] ?? "" },
      { role: "user", content: text },
    ]),
  ];
};
