import { ModelError } from "../errors.ts";
import type { ChatReply } from "../model.ts";
import { threadsOf } from "../threads/threads.ts";

const threads = threadsOf("models/reply-thread", {
  failure: (message, cause) => new ModelError(message, { retryable: true, cause }),
});

/** Reads a reply of many bytes in a thread: the event loop stays free. Throws `ModelError`. */
export const readLongReply = (text: string, model: string, abortSignal: AbortSignal): Promise<ChatReply> =>
  threads.run<ChatReply>("read", { text, model }, { what: `The reply of ${model}`, abortSignal });
