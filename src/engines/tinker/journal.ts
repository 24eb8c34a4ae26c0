import { readFile } from "node:fs/promises";
import { EngineError, messageOf, StoreError } from "../../errors.ts";
import { open, rename, sync, write } from "../../files/file-calls.ts";
import { tryLock } from "../../files/file-lock.ts";

/** Where a policy's training was saved last. */
export interface SavedPoint {
  readonly path: string;
  /** Version of the weights that are saved. */
  readonly version: string;
}

/**
 * What was asked of a server that keeps state: each numbered request before it leaves, each checkpoint once it stands.
 * Whoever opens it after a crash learns which models are not to be continued, and where each policy is.
 */
export interface Journal {
  /** Models that an earlier client opened and never closed: their last requests may or may not have been executed. */
  readonly orphans: readonly string[];
  /** By policy. */
  readonly saved: ReadonlyMap<string, SavedPoint>;
  opened(model: string): Promise<void>;
  /** Throws `EngineError` when the number was used for other content: that would be trained in its place. */
  sent(model: string, seq: number, hash: string): Promise<void>;
  settled(model: string, seq: number): Promise<void>;
  savedAt(policy: string, point: SavedPoint): Promise<void>;
  closed(model: string): Promise<void>;
  dispose(): Promise<void>;
}

type Row =
  | { readonly type: "opened" | "closed"; readonly model: string }
  | { readonly type: "sent"; readonly model: string; readonly seq: number; readonly hash: string }
  | { readonly type: "settled"; readonly model: string; readonly seq: number }
  | ({ readonly type: "saved"; readonly policy: string } & SavedPoint);

/** The state that rows come to, and its rules. */
const ledger = () => {
  const models = new Map<string, Map<number, string>>();
  const saved = new Map<string, SavedPoint>();
  return {
    models,
    saved,
    add: (row: Row): void => {
      if (row.type === "opened") models.set(row.model, new Map());
      if (row.type === "closed") models.delete(row.model);
      if (row.type === "saved") saved.set(row.policy, { path: row.path, version: row.version });
      if (row.type === "settled") models.get(row.model)?.delete(row.seq);
      if (row.type === "sent") {
        const known = models.get(row.model)?.get(row.seq);
        if (known !== undefined && known !== row.hash)
          throw new EngineError(`Request ${row.seq} of ${row.model} was sent with other content before.`);
        models.get(row.model)?.set(row.seq, row.hash);
      }
    },
  };
};

/** A journal for a client that nothing is to survive. */
export const memoryJournal = (): Journal =>
  journalOver(
    ledger(),
    [],
    async () => undefined,
    async () => undefined,
  );

const journalOver = (
  book: ReturnType<typeof ledger>,
  orphans: readonly string[],
  append: (row: Row) => Promise<void>,
  dispose: () => Promise<void>,
): Journal => {
  const record = async (row: Row): Promise<void> => {
    book.add(row);
    await append(row);
  };
  return {
    orphans,
    saved: book.saved,
    opened: (model) => record({ type: "opened", model }),
    sent: (model, seq, hash) => record({ type: "sent", model, seq, hash }),
    settled: (model, seq) => record({ type: "settled", model, seq }),
    savedAt: (policy, point) => record({ type: "saved", policy, ...point }),
    closed: (model) => record({ type: "closed", model }),
    dispose,
  };
};

/**
 * Opens a journal on the disk, of which one client at a time is the owner. What it no longer needs is dropped. Throws
 * `StoreError` when it is damaged or in use.
 */
export const openJournal = async (path: string): Promise<Journal> => {
  const { lock } = await tryLock(`${path}.lock`);
  if (lock === undefined) throw new StoreError(`${path} is in use by another client: give each its own journal.`);
  try {
    const book = ledger();
    for (const row of await rowsIn(path)) book.add(row);
    const orphans = [...book.models.keys()];
    const draft = `${path}.tmp`;
    const handle = await open(draft, "w");
    const append = async (row: Row): Promise<void> => {
      await write(handle, `${JSON.stringify({ schemaVersion: 1, ...row })}\n`);
      await sync(handle);
    };
    for (const [policy, point] of book.saved) await append({ type: "saved", policy, ...point });
    for (const model of orphans) await append({ type: "opened", model });
    await rename(draft, path);
    let queue: Promise<void> = Promise.resolve();
    const inOrder = (row: Row): Promise<void> => {
      const mine = queue.then(() => append(row));
      queue = mine.catch(() => undefined);
      return mine;
    };
    return journalOver(book, orphans, inOrder, async () => {
      await queue;
      await handle.close();
      await lock.release();
    });
  } catch (error) {
    await lock.release();
    throw error;
  }
};

/** A last line that was not written whole is left out; another one that cannot be read is an error. */
const rowsIn = async (path: string): Promise<Row[]> => {
  const text = await readFile(path, "utf8").catch((cause: NodeJS.ErrnoException) => {
    if (cause.code === "ENOENT") return "";
    throw new StoreError(`Cannot read ${path}: ${messageOf(cause)}`, { cause });
  });
  const lines = text.split("\n").slice(0, -1);
  return lines.map((line, i) => {
    try {
      const row = JSON.parse(line) as Row & { readonly schemaVersion: number };
      if (row.schemaVersion === 1 && typeof row.type === "string") return row;
    } catch {
      // Said below.
    }
    throw new StoreError(`${path} is damaged at line ${i + 1}: remove it, and resume from the run's checkpoint.`);
  });
};
