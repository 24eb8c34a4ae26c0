import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import { syncFolder, truncate } from "../files/file-calls.ts";
import type { CallPlace, Reply, ReplyLog } from "../reply-log.ts";
import { type LineWriter, lineWriter, readLines } from "./lines.ts";

/** One line of the journal. `call` is a hash of the call and its place, `n` how often it was made there before, `sum` a hash of the rest. */
interface Row {
  readonly call: string;
  readonly n: number;
  readonly reply: Reply;
  readonly sum: string;
}

export interface ReplyJournalOptions {
  /** Told of a call whose reply is not there, with the file that lacks it, before the call is made. May throw. */
  readonly onMissing?: ((file: string) => void) | undefined;
}

/**
 * The replies of tools in a run folder, `replies/<part>.jsonl`, each handed to the system before it is used. A part of a
 * run that is done again (after a crash, or to verify it) gets the replies that it got; what is not there is asked.
 */
export interface ReplyJournal extends ReplyLog {
  /** From here on calls belong to this part of the run, which begins at its first call. Throws `StoreError`. */
  enter(part: string): Promise<void>;
  /** Replies are written into this run's folder from now on; until then they are held. The caller owns the run. */
  attach(folder: string): Promise<void>;
  /** Replies in the folder that no call has asked for until now: a line a file, which begins with its name. */
  unused(): Promise<readonly string[]>;
  close(): Promise<void>;
}

/** A part of a run: what it knows, how often each call was made so far, and what is still to be written. */
interface Part {
  readonly name: string;
  readonly known: ReadonlyMap<string, Reply>;
  readonly made: Map<string, number>;
  readonly held: Row[];
  writer?: Promise<LineWriter>;
}

/** A journal that reads the replies of a run's folder, or of none yet. */
export const replyJournal = (readFrom?: string, { onMissing }: ReplyJournalOptions = {}): ReplyJournal => {
  let writeTo: string | undefined;
  const unused: string[] = [];
  const entered = new Set<string>();
  let part: Part = { name: "", known: new Map(), made: new Map(), held: [] };

  const write = async (of: Part): Promise<void> => {
    if (writeTo === undefined || of.held.length === 0) return;
    of.writer ??= writerIn(writeTo, of.name);
    const writer = await of.writer;
    for (const row of of.held.splice(0)) writer.append(row);
    await writer.flush();
  };

  return {
    enter: async (name) => {
      unused.push(...unusedIn(part));
      entered.add(name);
      await (await part.writer)?.close();
      part = { name, known: await repliesOf(readFrom, name), made: new Map(), held: [] };
    },
    attach: async (folder) => {
      writeTo = folder;
      await write(part);
    },
    open: (place) => {
      const of = part;
      const call = hashOf(place);
      const n = of.made.get(call) ?? 0;
      of.made.set(call, n + 1);
      const known = of.known.get(`${call}/${n}`);
      if (known === undefined) onMissing?.(fileOf(of.name));
      return {
        known,
        keep: async (reply) => {
          of.held.push({ call, n, reply, sum: sumOf({ call, n, reply }) });
          await write(of);
        },
      };
    },
    unused: async () => {
      const names = readFrom === undefined ? [] : await readdir(join(readFrom, "replies")).catch(() => []);
      const strange = names.filter((name) => !entered.has(name.replace(/\.jsonl$/, "")));
      const lines = strange.map((name) => `replies/${name} is of no part of the run`);
      return [...unused, ...unusedIn(part), ...lines];
    },
    close: async () => (await part.writer)?.close(),
  };
};

const fileOf = (part: string): string => `replies/${part}.jsonl`;

const unusedIn = ({ name, known, made }: Part): string[] => {
  const left = [...known.keys()].filter((key) => {
    const [call = "", n = ""] = key.split("/");
    return Number(n) >= (made.get(call) ?? 0);
  });
  return left.length === 0 ? [] : [`${fileOf(name)} has ${left.length} replies that no call has asked for`];
};

const sumOf = ({ call, n, reply }: Omit<Row, "sum">): string =>
  createHash("sha256")
    .update(JSON.stringify([call, n, reply]))
    .digest("hex")
    .slice(0, 12);

const hashOf = ({ history, turn, call }: CallPlace): string =>
  createHash("sha256")
    .update(JSON.stringify([history, turn, call.tool, call.input]))
    .digest("hex")
    .slice(0, 24);

const repliesOf = async (folder: string | undefined, part: string): Promise<Map<string, Reply>> => {
  if (folder === undefined) return new Map();
  const file = join(folder, fileOf(part));
  const rows = (await readLines(file)) as Partial<Row>[];
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
const writerIn = async (folder: string, part: string): Promise<LineWriter> => {
  const replies = join(folder, "replies");
  if ((await mkdir(replies, { recursive: true })) !== undefined) await syncFolder(folder);
  const file = join(replies, `${part}.jsonl`);
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
