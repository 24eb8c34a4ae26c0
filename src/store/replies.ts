import { dirname } from "node:path";
import { messageOf, StoreError } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { name } from "../options.ts";
import type { Reply, ReplyLog } from "../reply-log.ts";
import type { LineWriter } from "./lines.ts";
import { appendReplies, callHash, readReplies, replyRow } from "./reply-rows.ts";

/** Replies of tools, for the option `replies` of a flow. */
export interface Replies extends ReplyLog {
  /** Writes what is still to be written and closes the file. */
  close(): Promise<void>;
}

/**
 * Keeps the replies of tools in a file of JSON lines, or without one in memory as long as it is open. A solve that is done
 * again by the same id gets the replies that it got: nothing is asked of the world twice, after a crash or to look at a
 * solve once more. Throws `StoreError` for a file that cannot be read or was changed.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { openReplies } from "agentflow/store";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const replies = await openReplies("replies.jsonl");
 * const result = await createFlow({ model, tools: {}, replies }).solve("What is 8 times 5?", { id: "s1" });
 * await replies.close();
 * ```
 */
export const openReplies = async (file?: string): Promise<Replies> => {
  if (file !== undefined) name(file, "openReplies: the file");
  const known = file === undefined ? new Map<string, Reply>() : await readReplies(file);
  const writer = file === undefined ? undefined : await writerOf(file);
  return {
    open: (place) => {
      const call = callHash(place);
      return {
        known: known.get(`${call}/0`),
        keep: async (reply) => {
          known.set(`${call}/0`, reply);
          writer?.append(replyRow(call, 0, reply));
          await writer?.flush();
        },
      };
    },
    close: async () => writer?.close(),
  };
};

const writerOf = async (file: string): Promise<LineWriter> => {
  try {
    await makeFolder(dirname(file));
    return await appendReplies(file);
  } catch (cause) {
    throw new StoreError(`Cannot keep replies in ${file}: ${messageOf(cause)}`, { cause });
  }
};
