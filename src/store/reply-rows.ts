import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { StoreError } from "../errors.ts";
import { truncate } from "../files/file-calls.ts";
import type { CallPlace, Reply } from "../reply-log.ts";
import { type LineWriter, lineWriter, readLines } from "./lines.ts";

/** One line of replies. `call` is a hash of the call and its place, `n` how often it was made there before, `sum` a hash of the rest. */
export interface ReplyRow {
  readonly call: string;
  readonly n: number;
  readonly reply: Reply;
  readonly sum: string;
}

export const replyRow = (call: string, n: number, reply: Reply): ReplyRow => ({
  call,
  n,
  reply,
  sum: sumOf({ call, n, reply }),
});

const sumOf = ({ call, n, reply }: Omit<ReplyRow, "sum">): string =>
  createHash("sha256")
    .update(JSON.stringify([call, n, reply]))
    .digest("hex")
    .slice(0, 12);

/** A hash of a call and its place. */
export const callHash = ({ history, turn, call }: CallPlace): string =>
  createHash("sha256")
    .update(JSON.stringify([history, turn, call.tool, call.input]))
    .digest("hex")
    .slice(0, 24);

/** The replies of a file by `<call>/<n>`; none where there is no file. Throws `StoreError` for one that was changed. */
export const readReplies = async (file: string): Promise<Map<string, Reply>> => {
  const rows = (await readLines(file)) as Partial<ReplyRow>[];
  return new Map(
    rows.map(({ call, n, reply, sum }, i) => {
      const isReply =
        typeof reply === "object" && reply !== null && ("observation" in reply || typeof reply.failure === "object");
      if (typeof call !== "string" || typeof n !== "number" || !isReply)
        throw new StoreError(`${file} is damaged: line ${i + 1} is not a reply of a tool.`);
      const found = sumOf({ call, n, reply });
      if (sum !== found)
        throw new StoreError(
          `${file} was changed: line ${i + 1} had the hash ${String(sum)} when it was written, and now it has ${found}. Bring the file back from a copy, or begin a new run.`,
        );
      return [`${call}/${n}`, reply];
    }),
  );
};

/** A writer behind the replies that are there. A line that a crash left unfinished goes: the next one must not continue it. */
export const appendReplies = async (file: string): Promise<LineWriter> => {
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > 0) {
    const whole = (await readFile(file)).lastIndexOf(0x0a) + 1;
    if (whole < size) await truncate(file, whole);
  }
  return lineWriter(file);
};
