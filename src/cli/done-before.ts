import { createHash } from "node:crypto";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import type { SolveResult } from "../flow/flow.ts";
import { defined } from "../options.ts";
import { lineWriter, readLines } from "../store/lines.ts";
import type { Task } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Usage } from "../usage.ts";

/** One task that is done. */
export interface Done {
  readonly usage: Usage;
  readonly trajectory: Trajectory;
}

/** The tasks of an evaluation that are done, in a file beside its report. */
export interface DoneBefore {
  of(task: string): Done | undefined;
  keep(task: string, done: Done): void;
  close(): Promise<void>;
}

interface Row extends Done {
  readonly id: string;
  /** Of the question and its key. */
  readonly task: string;
}

/** What tells a task from every other one, whatever number it has in its file. */
export const hashOf = (value: unknown): string => createHash("sha256").update(JSON.stringify(value)).digest("hex");
const taskHash = ({ question, sealed }: Task): string => hashOf([question, sealed]);

/** What tells a list of tasks from every other one. */
export const hashOfTasks = (tasks: readonly Task[]): string => hashOf(tasks.map((task) => [task.id, taskHash(task)]));

/**
 * Opens the file at `path`, which was begun with `settings`: all that a result depends on besides its task. Without
 * `resume` what another evaluation left there goes. Throws `StoreError` where settings or tasks are not those of the file,
 * unless tasks of others are to be left as they are.
 */
export const openDone = async (
  path: string,
  tasks: readonly Task[],
  settings: Readonly<Record<string, unknown>>,
  resume: boolean,
  { ofOthers = "refuse" }: { readonly ofOthers?: "refuse" | "leave" } = {},
): Promise<DoneBefore> => {
  if (!resume) await rm(path, { force: true });
  const [first, ...rows] = (resume ? await readLines(path) : []) as [
    { readonly settings?: Readonly<Record<string, unknown>> }?,
    ...Row[],
  ];
  const hashes = new Map(tasks.map((task) => [task.id, taskHash(task)]));
  const refuse = (why: string): StoreError =>
    new StoreError(`Cannot resume from ${path}: ${why}. Evaluate anew (without --resume), or choose another --out.`);
  if (first !== undefined) {
    const begun = first.settings ?? {};
    const differs = Object.keys({ ...begun, ...settings }).find(
      (name) => JSON.stringify(begun[name]) !== JSON.stringify(settings[name]),
    );
    if (differs !== undefined)
      throw refuse(`it began with ${differs} ${shown(begun[differs])}, and now it is ${shown(settings[differs])}`);
    const other = rows.find(({ id, task }) => hashes.get(id) !== task);
    if (other !== undefined && ofOthers === "refuse") throw refuse(`its task ${other.id} is not one of these tasks`);
  }
  const ours = rows.filter(({ id, task }) => hashes.get(id) === task);
  const known = new Map(ours.map(({ id, usage, trajectory }) => [id, { usage, trajectory }]));
  const writer = lineWriter(path);
  if (first === undefined) writer.append({ settings });
  return {
    of: (id) => known.get(id),
    keep: (id, done) => writer.append({ id, task: hashes.get(id), ...done }),
    close: () => writer.close(),
  };
};

/**
 * Results that any evaluation may use, in a folder: a file for each way to solve, by the hash of its settings. A task is
 * known by its id, question and key.
 */
export const openCache = async (
  folder: string,
  tasks: readonly Task[],
  settings: Readonly<Record<string, unknown>>,
): Promise<DoneBefore> => {
  await makeFolder(folder).catch((cause: Error) => {
    throw new StoreError(`Cannot keep results in ${folder}: ${cause.message}`, { cause });
  });
  const path = join(folder, `${hashOf(settings).slice(0, 32)}.jsonl`);
  return openDone(path, tasks, settings, true, { ofOthers: "leave" });
};

/** Several stores of results as one: what any of them knows is known, and each keeps what it has not. */
export const together = (stores: readonly DoneBefore[]): DoneBefore => ({
  of: (task) => stores.map((store) => store.of(task)).find((done) => done !== undefined),
  keep: (task, done) => {
    for (const store of stores) if (store.of(task) === undefined) store.keep(task, done);
  },
  close: async () => {
    for (const store of stores) await store.close();
  },
});

const shown = (value: unknown): string => {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 120 ? `${text.slice(0, 120)}…` : text;
};

/** A stored result as a solve gives it. */
export const resultOf = ({ usage, trajectory }: Done): SolveResult => {
  const { status, stopReason, answer } = trajectory;
  const ended = { stopReason, usage, trajectory };
  return status === "solved" && answer !== undefined
    ? { status, answer, ...ended }
    : { status: "partial", ...defined({ answer }), ...ended };
};
