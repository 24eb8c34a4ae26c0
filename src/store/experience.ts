import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import type { Experience, ExperienceStore } from "../experience.ts";
import { makeFolder } from "../files/make-folder.ts";
import { checked, count, defined, name, number, type Rules, required } from "../options.ts";
import type { Trajectory } from "../trajectory.ts";
import { lineWriter, readLines } from "./lines.ts";

export interface ExperienceOptions {
  /** How alike an earlier question has to be, from 0 to 1. @default 0.5 */
  readonly threshold?: number;
  /** How many of the newest are kept in memory. @default 5,000 */
  readonly most?: number;
}

const optionRules: Rules<ExperienceOptions> = { threshold: number({ most: 1 }), most: count };

/** A memory across tasks on the disk: `experience.jsonl` in a folder, which only grows until it is pruned. */
export interface FolderExperience extends ExperienceStore {
  list(): readonly Experience[];
  /** Forgets everything from one source. Returns how much that was. */
  prune(source: string): Promise<number>;
  close(): Promise<void>;
}

/** What a question has in common with others: its words without names, codes and numbers. */
const shapeOf = (template: string): string =>
  template
    .toLowerCase()
    .replace(/\bq\d+\b/g, " ")
    .replace(/[^\p{L}\s]/gu, " ")
    .replace(/\s+/g, " ")
    .trim();

/** Longest question whose shape is looked for, in characters. */
const QUESTION_LENGTH = 2000;

interface Stored extends Experience {
  readonly shape: string;
}

/**
 * Opens the memory of a folder, which is made if need be. Throws `StoreError` for one that cannot be read.
 *
 * @example
 * ```ts
 * import { createFlow } from "agentflow";
 * import { openaiCompatible } from "agentflow/models";
 * import { openExperience } from "agentflow/store";
 *
 * const model = openaiCompatible({ baseURL: "http://127.0.0.1:8000/v1", model: "small" });
 * const store = await openExperience("./experience");
 * const flow = createFlow({ model, tools: {}, experience: { store } });
 * await store.close();
 * ```
 */
export const openExperience = async (folder: string, options: ExperienceOptions = {}): Promise<FolderExperience> => {
  required(name)(folder, "openExperience: the folder");
  const { threshold = 0.5, most = 5000 } = checked("openExperience", options, optionRules);
  const file = join(folder, "experience.jsonl");
  await makeFolder(folder).catch((cause: Error) => {
    throw new StoreError(`Cannot keep experience in ${folder}: ${cause.message}`, { cause });
  });
  let known = ((await readLines(file)) as Stored[]).filter(isStored).slice(-most);
  let writer = lineWriter(file);
  let last: Promise<unknown> = Promise.resolve();
  /** One change at a time: what is recorded while a source is forgotten must not go with the old file. */
  const inTurn = <Result>(change: () => Promise<Result>): Promise<Result> => {
    const done = last.then(change, change);
    last = done.catch(() => undefined);
    return done;
  };
  /** Of each that is known, the words of its shape. */
  const words = new WeakMap(known.map((one) => [one, wordsOf(one.shape)]));

  return {
    list: () => known,
    retrieve: async (question, { limit = 2 } = {}) => {
      const asked = wordsOf(shapeOf(question.slice(0, QUESTION_LENGTH)));
      const found = known
        .toReversed()
        .map((one) => ({ one, alike: likeness(asked, words.get(one) ?? new Set()) }))
        .filter(({ alike }) => alike >= threshold)
        // Of two that are as alike the one that is known to have worked goes first, then the newer one.
        .sort((a, b) => b.alike - a.alike || (b.one.reward ?? 0.5) - (a.one.reward ?? 0.5));
      return found.slice(0, limit).map(({ one: { shape: _, ...experience } }) => experience);
    },
    record: (trajectory, { source, reward }) =>
      inTurn(async () => {
        const stored = storedOf(trajectory, source, reward);
        writer.append(stored);
        await writer.flush();
        words.set(stored, wordsOf(stored.shape));
        known = [...known, stored].slice(-most);
      }),
    prune: (source) =>
      inTurn(async () => {
        const kept = known.filter((one) => one.source !== source);
        const gone = known.length - kept.length;
        if (gone === 0) return 0;
        await writer.close();
        const draft = `${file}.tmp`;
        await writeFile(draft, kept.map((one) => `${JSON.stringify({ schemaVersion: 1, ...one })}\n`).join(""));
        await rename(draft, file);
        known = kept;
        writer = lineWriter(file);
        return gone;
      }),
    close: () => inTurn(() => writer.close()),
  };
};

const isStored = (row: Partial<Stored> | null): row is Stored =>
  typeof row?.id === "string" &&
  typeof row.shape === "string" &&
  typeof row.source === "string" &&
  Array.isArray(row.plan);

const storedOf = (trajectory: Trajectory, source: string, reward: number | undefined): Stored => ({
  id: trajectory.id,
  question: trajectory.query.question.slice(0, 1000),
  shape: shapeOf(trajectory.analysis.template),
  plan: trajectory.memory.slice(0, 30).map(({ step, observation }) => ({
    tool: step.tool.slice(0, 60),
    subGoal: step.subGoal.slice(0, 200),
    failed: observation.status !== "ok",
  })),
  ...defined({ reward }),
  source,
});

const wordsOf = (shape: string): ReadonlySet<string> =>
  new Set(
    shape
      .slice(0, QUESTION_LENGTH)
      .split(" ")
      .filter((word) => word !== ""),
  );

/** Common words over all words of both: 1 for the same question about something else. */
const likeness = (left: ReadonlySet<string>, right: ReadonlySet<string>): number => {
  let common = 0;
  for (const word of left) if (right.has(word)) common += 1;
  return common / Math.max(1, left.size + right.size - common);
};
