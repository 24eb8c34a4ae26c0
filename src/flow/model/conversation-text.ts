import type { Utterance } from "../../task.ts";
import { oneLine } from "./entry-text.ts";

/** Most of the slot, and of one message in it, in characters. */
const ROOM = 4000;
const MESSAGE_ROOM = 1000;

const speakers: Readonly<Record<Utterance["role"], string>> = {
  system: "Setting",
  user: "User",
  assistant: "Assistant",
};

/** The slot of a prompt for earlier messages: the newest that fit, and the setting before them. Empty without any. */
export const conversationText = (conversation: readonly Utterance[] = []): string => {
  const kept: string[] = [];
  let room = ROOM;
  let leftOut = 0;
  // The setting first, then the newest: what is old goes first.
  const settings = conversation.filter(({ role }) => role === "system");
  const said = conversation.filter(({ role }) => role !== "system");
  const lines = (list: readonly Utterance[]): string[] =>
    list.flatMap(({ role, text }) => {
      const line = oneLine(`${speakers[role]}: ${text}`, MESSAGE_ROOM);
      if (line.length > room) {
        room = 0;
        leftOut += 1;
        return [];
      }
      room -= line.length;
      return [line];
    });
  kept.push(...lines(settings), ...lines([...said].reverse()).reverse());
  if (kept.length === 0) return "";
  return [
    `Earlier in this conversation (what the question may refer to${leftOut === 0 ? "" : `; ${leftOut} older left out`}):`,
    ...kept,
  ].join("\n");
};
