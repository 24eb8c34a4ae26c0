import { threadsOf } from "../threads/threads.ts";
import type { PageInput, PassagesInput } from "./page-thread.ts";
import type { ReadablePage } from "./readable.ts";

export interface ReadOptions {
  readonly abortSignal?: AbortSignal | undefined;
  /** @default 10 */
  readonly seconds?: number | undefined;
}

/** All tools of a process share these: pages come one by one, and a warm thread reads one in milliseconds. */
const threads = threadsOf("tools/page-thread");

const run = <Output>(name: string, { body, ...input }: PageInput, options: ReadOptions): Promise<Output> => {
  const what = input.url.length > 200 ? `${input.url.slice(0, 200)}…` : input.url;
  return threads.run<Output>(name, { ...input, body }, { ...options, what });
};

/**
 * The readable part of an HTML page, of a PDF, or of a text, read in a thread: whatever stands in it, the event loop stays
 * free, and the deadline and the signal end the reading. Throws `ToolError` for what cannot be read, or not in time.
 */
export const readPage = (page: PageInput, options: ReadOptions = {}): Promise<ReadablePage> =>
  run("read", page, options);

/** A document as passages of 200 words. Throws as `readPage` does. */
export const readDocument = (page: PageInput, options: ReadOptions = {}): Promise<readonly string[]> =>
  run("document", page, options);

/** The passages of a text that fit a query best, the best first, found in a thread. */
export const findPassages = (input: PassagesInput, options: ReadOptions = {}): Promise<readonly string[]> =>
  threads.run("passages", input, { ...options, what: "The text" });
