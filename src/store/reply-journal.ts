import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { syncFolder } from "../files/file-calls.ts";
import { makeFolder } from "../files/make-folder.ts";
import type { CallPlace, Reply, ReplyEntry, ReplyLog } from "../reply-log.ts";
import type { LineWriter } from "./lines.ts";
import { appendReplies, callHash, type ReplyRow, readReplies, replyRow } from "./reply-rows.ts";

export interface ReplyJournalOptions {
  /** Told of a call whose reply is not there, with the file that lacks it, before the call is made. May throw. */
  readonly onMissing?: ((file: string) => void) | undefined;
}

/**
 * The replies of tools in a run folder, `replies/<part>.jsonl`, each handed to the system before it is used. A part of a
 * run that is done again (after a crash, or to verify it) gets the replies that it got; what is not there is asked.
 */
export interface ReplyJournal extends ReplyLog {
  open(place: CallPlace): ReplyEntry;
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
  readonly held: ReplyRow[];
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
      const call = callHash(place);
      const n = of.made.get(call) ?? 0;
      of.made.set(call, n + 1);
      const known = of.known.get(`${call}/${n}`);
      if (known === undefined) onMissing?.(fileOf(of.name));
      return {
        known,
        keep: async (reply) => {
          of.held.push(replyRow(call, n, reply));
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

const repliesOf = async (folder: string | undefined, part: string): Promise<Map<string, Reply>> =>
  folder === undefined ? new Map() : readReplies(join(folder, fileOf(part)));

const writerIn = async (folder: string, part: string): Promise<LineWriter> => {
  if ((await makeFolder(join(folder, "replies"))) !== undefined) await syncFolder(folder);
  return appendReplies(join(folder, fileOf(part)));
};
