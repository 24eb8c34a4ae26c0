import type { Grammar, PromptSegment } from "../../engine.ts";
import { ConfigError } from "../../errors.ts";
import type { MemoryEntry, Verdict } from "../../trajectory.ts";
import { renderEntry } from "../memory.ts";
import { statedValue } from "../observation.ts";
import { chatPrompts } from "./chat-prompt.ts";
import { oneLine } from "./entry-text.ts";
import { memoised } from "./memoised.ts";
import { lengthOf, type PromptEngine, type PromptForm, type PromptSource, renderHead } from "./prompt-form.ts";
import {
  parseVerdict,
  VERDICT_PATTERN,
  type VerdictForm,
  verdictText,
  verifierSystem,
  verifierTurn,
} from "./verifier-prompt.ts";

/** What was done in a turn and what came of it, with the verdict on it where there is one already. */
export type JudgedTurn = Pick<MemoryEntry, "index" | "step" | "observation"> & Partial<Pick<MemoryEntry, "verdict">>;

export interface VerifierSurroundings {
  /** Tokens that a prompt may take. */
  readonly room: number;
  /** The ids that a policy sampled on a turn; its verdict is encoded where there are none. */
  readonly sampled: (index: number) => readonly number[] | undefined;
}

/** A verifier's prompts on one engine: each turn's prompt begins with the last one and the verdict that was sampled then. */
export interface VerifierPrompts {
  readonly stopIds: readonly number[];
  readonly maxTokens: number;
  readonly grammar?: Grammar;
  /** Segments in front of the first verdict; from there on a verdict and the next turn alternate. */
  readonly headSegments: number;
  /** Up to the verdict on the last of the turns; undefined when not even the question fits. */
  prompt(
    source: Pick<PromptSource, "query" | "analysis">,
    turns: readonly JudgedTurn[],
    surroundings: VerifierSurroundings,
  ): readonly PromptSegment[] | undefined;
  /** The ids of a verdict that was not sampled. */
  reply(verdict: Verdict): readonly number[];
  read(text: string): Verdict | undefined;
}

/** How a verifier's prompts are written. */
export interface VerifierFormOptions {
  /** @default "chat" where the engine has a chat template, else "compact" */
  readonly prompt?: PromptForm | undefined;
  /** Of the chat form. @default "word" */
  readonly form?: VerdictForm | undefined;
}

/** Throws `ConfigError` for an engine that cannot have the form. */
export const verifierPrompts = (
  engine: PromptEngine,
  { prompt = engine.chat === undefined ? "compact" : "chat", form = "word" }: VerifierFormOptions = {},
): VerifierPrompts => (prompt === "chat" ? chatForm(engine, form) : compactForm(engine));

const chatForm = (engine: PromptEngine, form: VerdictForm): VerifierPrompts => {
  const prompts = chatPrompts(engine);
  return {
    stopIds: prompts.endIds,
    maxTokens: form === "word" ? 8 : 160,
    ...(form === "word" && { grammar: { type: "pattern", pattern: VERDICT_PATTERN } }),
    headSegments: 2,
    prompt: (source, turns, { room, sampled }) => {
      const [opening = "", ...later] = turns.map((turn) => verifierTurn(source, turn));
      const exchanges = later.map((user, i) => ({ reply: replyTo(turns[i], form, sampled), user }));
      return prompts.prompt({ system: verifierSystem(form), opening, exchanges }, room);
    },
    reply: (verdict) => prompts.reply(verdictText(verdict, form)),
    read: parseVerdict,
  };
};

const replyTo = (
  turn: JudgedTurn | undefined,
  form: VerdictForm,
  sampled: VerifierSurroundings["sampled"],
): readonly number[] | string =>
  (turn && (sampled(turn.index) ?? (turn.verdict && verdictText(turn.verdict, form)))) ?? "";

/** A compact verdict is one token: the first letter of its word. */
const letterOf = ({ decision }: Pick<Verdict, "decision">): string => (decision === "stop" ? "s" : "c");
const NOT_JUDGED: Verdict = { decision: "continue", reason: "" };
const ACTION_LENGTH = 200;
const UNIT_LENGTH = 24;

/**
 * What a compact prompt says of a turn: the action, the line that a planner reads of what came of it, and of a result that
 * states a value its unit, or else its kind, beside the unit that the question asks for.
 */
const compactTurn = ({ index, step, observation }: JudgedTurn, asked = "any"): string => {
  const entry = { index, step, observation, verdict: NOT_JUDGED, turnsLeft: 0 };
  const stated = statedValue(observation);
  const unit = stated === undefined ? "" : `unit ${oneLine(stated.unit ?? stated.kind, UNIT_LENGTH)} ${asked}\n`;
  return `${oneLine(step.raw, ACTION_LENGTH)}\n${renderEntry(entry, { turnsLeft: false })}${unit}`;
};

const compactForm = ({ tokenizer, model }: PromptEngine): VerifierPrompts => {
  const encode = memoised((text) => tokenizer.encode(text));
  const reply = (verdict: Verdict): readonly number[] => encode(letterOf(verdict));
  const isToken = (letter: string): boolean =>
    encode(letter).length === 1 && tokenizer.decode(encode(letter)) === letter;
  if (!["s", "c"].every(isToken))
    throw new ConfigError(
      `The vocabulary of ${model} has no token for "s" or "c", by which a verifier says stop or continue.`,
    );
  return {
    stopIds: [],
    maxTokens: 1,
    headSegments: 1,
    prompt: ({ analysis }, turns, { room, sampled }) => {
      const segments: PromptSegment[] = [];
      for (const [i, turn] of turns.entries()) {
        const before = turns[i - 1];
        const ids = before && sampled(before.index);
        if (ids !== undefined) segments.push({ ids, sampled: true });
        else if (before !== undefined) segments.push({ ids: reply(before.verdict ?? NOT_JUDGED), sampled: false });
        segments.push({
          ids: encode((i === 0 ? renderHead(analysis) : "") + compactTurn(turn, analysis.unit)),
          sampled: false,
        });
      }
      return lengthOf(segments) <= room ? segments : undefined;
    },
    reply,
    read: (text) =>
      text === "s"
        ? { decision: "stop", reason: "The verifier says that this answers the question." }
        : text === "c"
          ? { decision: "continue", reason: "The verifier says that something is missing." }
          : undefined,
  };
};
