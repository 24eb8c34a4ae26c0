/** Reads long replies of endpoints in a thread: see `threads.ts`. */
import type { ChatReply } from "../model.ts";
import { readReply } from "./openai-reply.ts";

export const read = ({ text, model }: { readonly text: string; readonly model: string }): ChatReply =>
  readReply(text, model, { values: 2_000_000 });
