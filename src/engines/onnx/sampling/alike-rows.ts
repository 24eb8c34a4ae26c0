import type { Chunk } from "../carriers/feed-plan.ts";
import type { Published } from "../versions.ts";
import type { Slot } from "./key-value-cache.ts";
import type { Job } from "./scheduler.ts";

/** A request under way, in a row of the cache. */
export interface CacheRow<S extends Published> {
  readonly job: Job<S>;
  readonly slot: Slot;
  /** The temperature and all that was fed, in its split: rows of a version with the same hold the same. */
  written: string;
  /** Index of the chunk that is next, and how many ids of a decode chunk were fed. */
  chunk: number;
  fed: number;
}

type AnyRow = CacheRow<Published>;

export const nextChunk = ({ job, chunk }: AnyRow): Chunk | undefined => job.plan[chunk];

/** What a row is fed next: a chunk of given tokens, or one token. */
const feedOf = (row: AnyRow): Chunk => {
  const next = nextChunk(row);
  if (next?.mode === "extend") return next;
  return { mode: "decode", ids: [(next?.ids[row.fed] ?? row.job.drawn.ids.at(-1)) as number] };
};

/** Rows that hold the same and are fed the same: computed once, in the first of them. */
export interface Group<Row> {
  readonly rows: readonly [Row, ...Row[]];
  readonly feed: Chunk;
  /** What they hold afterwards. */
  readonly written: string;
}

export const written = (before: string, { mode, ids }: Chunk): string =>
  ids.reduce((text, id, i) => `${text}${mode === "decode" ? "," : i === 0 ? "|" : " "}${id}`, before);

/** The rollouts of a group start with the same prompt, and many continue alike for some tokens. */
export const groupsOf = <Row extends AnyRow>(batch: readonly Row[]): Group<Row>[] => {
  const groups = new Map<string, Group<Row> & { readonly rows: Row[] }>();
  for (const row of batch) {
    const feed = feedOf(row);
    const key = written(row.written, feed);
    const known = groups.get(key);
    if (known) known.rows.push(row);
    else groups.set(key, { rows: [row], feed, written: key });
  }
  return [...groups.values()];
};
