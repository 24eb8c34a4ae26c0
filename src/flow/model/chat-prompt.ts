import type { Engine, PromptSegment } from "../../engine.ts";
import { ConfigError } from "../../errors.ts";
import { plainText } from "../../plain-text.ts";
import { memoised } from "./memoised.ts";
import { firstKept } from "./selection.ts";

/** One reply of the assistant and the message that followed. Ids were sampled by a policy; a text was written by someone else. */
export interface Exchange {
  readonly reply: readonly number[] | string;
  readonly user: string;
}

/** What a module and its model say to each other while a question is solved. */
export interface Conversation {
  /** The same for every question, so that its part of a cache serves them all. */
  readonly system: string;
  /** The first message: the question. */
  readonly opening: string;
  readonly exchanges: readonly Exchange[];
}

/** Builds prompts of one engine in which each turn's prompt begins with the last one and what was sampled then. */
export interface ChatPrompts {
  /** Ends a message in this model's template: what a written reply ends with. */
  readonly endId: number;
  /** Ids that end a sampled reply. */
  readonly endIds: readonly number[];
  /**
   * The prompt for the next reply in at most `room` tokens: system, opening, exchanges. Where they are too many, the
   * oldest are left out, which the opening then says; undefined when not even the opening fits.
   */
  prompt(conversation: Conversation, room: number): readonly PromptSegment[] | undefined;
  /** The ids of a written reply, with the end of its message. */
  reply(text: string): readonly number[];
}

/** Throws `ConfigError` for an engine without a chat template, and for a template that rewrites what was said before. */
export const chatPrompts = (engine: Pick<Engine, "chat" | "model" | "tokenizer" | "endIds">): ChatPrompts => {
  const { chat, model, tokenizer } = engine;
  if (chat === undefined)
    throw new ConfigError(`${model} has no chat template: use a chat model, or the prompt form "compact".`);
  const { frame } = chat;
  if (frame === undefined)
    throw new ConfigError(
      `The chat template of ${model} refuses longer conversations, or rewrites earlier messages when new ones come, so that a turn's prompt does not begin with the last one's. Use a model whose template only appends.`,
    );
  const [templateEnd] = tokenizer.encode(frame.afterReply);
  const ends = templateEnd !== undefined && engine.endIds.includes(templateEnd);
  const endId = ends ? templateEnd : engine.endIds[0];
  if (endId === undefined)
    throw new ConfigError(`${model} has no token that ends a reply: a chat model names one in its configuration.`);
  const encode = memoised((text) => tokenizer.encode(text));
  const plain = (text: string): string => plainText(tokenizer, text.trim());
  const reply = memoised((text) => [...tokenizer.encode(plain(text)), endId]);

  const segmentsOf = (exchange: Exchange): readonly [PromptSegment, PromptSegment] => {
    const sampled = typeof exchange.reply !== "string";
    const ids = typeof exchange.reply === "string" ? reply(exchange.reply) : exchange.reply;
    const given = encode(`${frame.afterReply}${plain(exchange.user)}${frame.afterUser}`);
    // The end of the reply is in the reply, but for one that was cut off.
    const ended = ends && engine.endIds.includes(ids.at(-1) ?? -1);
    return [
      { ids, sampled },
      { ids: ended ? given.slice(1) : given, sampled: false },
    ];
  };

  return {
    endId,
    endIds: [...new Set([...engine.endIds, endId])],
    reply,
    prompt: ({ system, opening, exchanges }, room) => {
      const head = (text: string): PromptSegment[] => [
        { ids: encode(`${frame.start}${plain(system)}${frame.afterSystem}`), sampled: false },
        { ids: encode(`${plain(text)}${frame.afterUser}`), sampled: false },
      ];
      const later = exchanges.map(segmentsOf);
      const whole = [...head(opening), ...later.flat()];
      if (lengthOf(whole) <= room) return whole;
      const cut = head(`${opening}\n${LEFT_OUT}`);
      const first = firstKept(lengthOf(cut), later.map(lengthOf), room);
      return first === undefined ? undefined : [...cut, ...later.slice(first).flat()];
    },
  };
};

/** Stands behind the opening of a conversation that has become too long. */
const LEFT_OUT = "(The first turns are left out here.)";

const lengthOf = (segments: readonly PromptSegment[]): number => segments.reduce((sum, { ids }) => sum + ids.length, 0);
