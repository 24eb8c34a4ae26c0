import { join } from "node:path";
import { messageOf } from "../errors.ts";
import { type LineWriter, lineWriter, readLines } from "../store/lines.ts";
import { createRun, newRunId, type Run } from "../store/run-folder.ts";
import { listRuns } from "../store/stored-run.ts";
import type { Query } from "../task.ts";
import type { Trajectory } from "../trajectory.ts";
import type { Usage } from "../usage.ts";
import type { Arm } from "./served-models.ts";

/** What is known of an answer for as long as it can be judged. */
export interface KnownAnswer {
  readonly trajectory: string;
  readonly flow: string;
  readonly policy: string | null;
  readonly arm: Arm;
  readonly query: Query;
  readonly answer: string | null;
}

/** A judgement as it is kept: with all that it takes to learn from it. */
export interface Judgement extends KnownAnswer {
  readonly reward: number;
  readonly reason: string | null;
  /** Milliseconds since 1970. */
  readonly at: number;
}

/** What a server keeps: a run of its own with the trajectories of its answers, and `feedback.jsonl` beside them. */
export interface ServeRecord {
  readonly run: Run;
  /** Answers that are still in memory. */
  readonly known: number;
  /** Keeps an answer. Never throws: what cannot be written shows in `problem`. */
  answered(known: KnownAnswer, trajectory: Trajectory, usage: Usage): void;
  find(trajectory: string): KnownAnswer | undefined;
  /** Where an answer's trajectory stands, as `<run>:<line>`, once it is written. */
  placeOf(trajectory: string): Promise<string | undefined>;
  /** Keeps a judgement: it is on the disk when this settles. Throws `StoreError`. */
  judged(judgement: Judgement): Promise<void>;
  /** Judgements of the servers before this one, oldest first. */
  readonly earlier: readonly Judgement[];
  /** Why rows cannot be written any more. */
  readonly problem: string | undefined;
  /** Why the latest solves failed, where several in a row did. */
  readonly failing: string | undefined;
  close(): Promise<void>;
}

/** Answers that can be judged, and judgements that are learnt from again after a restart. */
const MOST_KNOWN = 4096;
/** Failures in a row that are no accident. */
const SEVERAL = 3;
const FEEDBACK = "feedback.jsonl";

/** Begins a record in a folder of runs. Throws `ConfigError` and `StoreError`. */
export const openServeRecord = async (root: string, config: object): Promise<ServeRecord> => {
  const earlier: Judgement[] = [];
  for (const id of await listRuns(root))
    for (const row of await readLines(join(root, id, FEEDBACK))) if (isJudgement(row)) earlier.push(row);
  const run = await createRun(root, newRunId(), { command: "serve", ...config });
  const feedback: LineWriter = lineWriter(run.path(FEEDBACK));
  const known = new Map<string, KnownAnswer & { readonly line: number }>();
  let lines = 0;
  let problem: string | undefined;
  let failures = 0;
  let lastFailure = "";
  return {
    run,
    earlier: earlier.slice(-MOST_KNOWN),
    get known() {
      return known.size;
    },
    get problem() {
      return problem;
    },
    get failing() {
      return failures < SEVERAL ? undefined : `the last ${failures} solves failed: ${lastFailure}`;
    },
    answered: (answer, trajectory, usage) => {
      failures = trajectory.failure === undefined ? 0 : failures + 1;
      lastFailure = trajectory.failure ?? "";
      lines += 1;
      known.set(answer.trajectory, { ...answer, line: lines });
      const [oldest] = known.keys();
      if (known.size > MOST_KNOWN && oldest !== undefined) known.delete(oldest);
      try {
        const { flow, policy, arm } = answer;
        run.appendTrajectory({ phase: "serve", flow, policy, arm, trajectory, usage });
      } catch (error) {
        problem = messageOf(error);
      }
    },
    find: (trajectory) => {
      const { line: _, ...answer } = known.get(trajectory) ?? {};
      return "query" in answer ? answer : undefined;
    },
    placeOf: async (trajectory) => {
      const line = known.get(trajectory)?.line;
      if (line !== undefined) await run.flush();
      return line === undefined ? undefined : `${run.id}:${line}`;
    },
    judged: async (judgement) => {
      feedback.append(judgement);
      await feedback.settled();
    },
    close: async () => {
      try {
        await feedback.close();
      } finally {
        await run.close();
      }
    },
  };
};

const isJudgement = (row: unknown): row is Judgement => {
  const { trajectory, reward, query, answer } = (row ?? {}) as Readonly<Record<string, unknown>>;
  const question = (query as { readonly question?: unknown } | undefined)?.question;
  return (
    typeof trajectory === "string" &&
    typeof reward === "number" &&
    reward >= 0 &&
    reward <= 1 &&
    typeof question === "string" &&
    (answer === null || typeof answer === "string")
  );
};
