/** The process that runs one query on an index: a request on standard input, a reply on standard output. */
import { text } from "node:stream/consumers";
import { messageOf } from "../errors.ts";
import type { SqlValue } from "../sqlite.ts";
import {
  LONGEST_RESULT,
  QUERY_MEMORY_BYTES,
  type QueryReply,
  type QueryRequest,
  type SentValue,
} from "./query-limits.ts";
import { openIndexWithin } from "./trajectory-index.ts";

const sent = (value: SqlValue): SentValue => {
  if (value instanceof Uint8Array) return { hex: Buffer.from(value).toString("hex") };
  return typeof value === "number" && !Number.isFinite(value) ? { number: String(value) } : value;
};

const answer = async ({ path, sql, search, limit }: QueryRequest): Promise<QueryReply> => {
  const index = await openIndexWithin(path, QUERY_MEMORY_BYTES);
  const most = { limit, bytes: LONGEST_RESULT };
  const { columns, rows, truncated } = search === undefined ? index.query(sql ?? "", most) : index.search(search, most);
  return { columns, rows: rows.map((row) => row.map(sent)), truncated };
};

// Its time begins now. A line break before JSON means nothing.
process.stdout.write("\n");
const reply = await answer(JSON.parse(await text(process.stdin)) as QueryRequest).catch(
  (error: unknown): QueryReply => ({ error: messageOf(error) }),
);
// Ended by its last write: what is in a pipe is not lost.
process.stdout.write(JSON.stringify(reply), () => process.exit(0));
