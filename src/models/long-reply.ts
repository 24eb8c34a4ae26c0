import { ModelError } from "../errors.ts";
import { threadsOf } from "../threads/threads.ts";
import type { Said } from "./said.ts";

const threads = threadsOf("models/reply-thread", {
  failure: (message, cause) => new ModelError(message, { retryable: true, cause }),
});

/** Reads a reply of many bytes in a thread: the event loop stays free. Throws `ModelError`. */
export const readLongReply = (text: string, model: string, abortSignal: AbortSignal): Promise<Said> =>
  threads.run<Said>("read", { text, model }, { what: `The reply of ${model}`, abortSignal });
