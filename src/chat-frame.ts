import type { ChatMessage } from "./model.ts";

/** Texts of a template around what is said: before the system's, the first user's and later users' words, and after a user's. */
export interface ChatFrame {
  readonly start: string;
  readonly afterSystem: string;
  readonly afterReply: string;
  readonly afterUser: string;
}

/** Words that no template looks for; a conversation of them is rendered, and the texts between them are the frame. */
const WORDS = ["zq-system-qz", "zq-first-qz", "zq-reply-one-qz", "zq-second-qz", "zq-reply-two-qz", "zq-third-qz"];
const WORD = /zq-[a-z-]{1,20}?-qz/gu;
const ROLES = ["system", "user", "assistant", "user", "assistant", "user"] as const;

const conversation = (length: number): readonly ChatMessage[] =>
  ROLES.slice(0, length).map((role, i) => ({ role, content: WORDS[i] ?? "" }));

/** The two conversations whose texts, each with the beginning of the next reply, show a template's frame. */
export const FRAME_CONVERSATIONS = [conversation(2), conversation(6)] as const;

/** The frame that the texts of `FRAME_CONVERSATIONS` show; undefined for a template that rewrites what was said before. */
export const frameFrom = (shortText: string, longText: string): ChatFrame | undefined => {
  /** The texts around the words; none when the words do not stand in order. */
  const around = (text: string): readonly string[] =>
    text.match(WORD)?.every((word, i) => word === WORDS[i]) === true ? text.split(WORD) : [];
  const [short, long] = [around(shortText), around(longText)];
  const [start = "", afterSystem = "", beforeReply = "", afterReply = ""] = long;
  const afterUser = short[2] ?? "";
  const appendsOnly =
    short.length === 3 &&
    long.length === 7 &&
    short[0] === start &&
    short[1] === afterSystem &&
    long[4] === beforeReply &&
    long[5] === afterReply &&
    long[6] === afterUser &&
    // Where a reply begins, a template may write more than it repeats later, such as an empty thought: that stays.
    afterUser.startsWith(beforeReply);
  return appendsOnly ? { start, afterSystem, afterReply, afterUser } : undefined;
};
