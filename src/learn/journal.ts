import { createHash } from "node:crypto";
import type { Run } from "../store/run-folder.ts";
import type { Rollout } from "../train/index.ts";
import type { Observation, ToolCall, TrainedTurn } from "../trajectory.ts";

/** One turn of training: what was sampled, what was called and what came of it. */
export interface JournalTurn {
  readonly sampled: readonly {
    readonly module: string;
    readonly version: string;
    readonly ids: readonly number[];
    readonly logProbs: readonly number[];
  }[];
  readonly call: ToolCall | null;
  readonly observation: Observation | null;
}

/** Rows of training as they are kept. */
export type JournalRun = Pick<Run, "appendJournal" | "appendDigest">;

/** Keeps every turn of a step, in full and as hashes. Replies that come often are kept once, by their hash. */
export interface Journal {
  record(rollout: Rollout): void;
  /** Ends a step: its hashes are one row. */
  stepDone(step: number): void;
  /** A new file of the journal begins: it knows no reply yet. */
  turned(): void;
}

export const journalOf = (run: JournalRun): Journal => {
  const known = new Set<string>();
  let digests: Record<string, string[]> = {};
  return {
    record: ({ trajectory, reward }) => {
      const turns = turnsOf(trajectory);
      for (const { observation } of turns) {
        if (observation === null) continue;
        const hash = hashOf(observation);
        if (known.has(hash)) continue;
        known.add(hash);
        run.appendJournal({ reply: hash, observation });
      }
      run.appendJournal({
        trajectory: trajectory.id,
        reward: reward ?? null,
        turns: turns.map(({ observation, ...turn }) => ({
          ...turn,
          observation: observation === null ? null : hashOf(observation),
        })),
      });
      digests[trajectory.id] = turns.map((turn) => hashOf(turn));
    },
    stepDone: (step) => {
      run.appendDigest({ step, turns: digests });
      digests = {};
    },
    turned: () => known.clear(),
  };
};

/** The turns of a trajectory, in order. */
const turnsOf = ({ memory, turns }: Rollout["trajectory"]): JournalTurn[] =>
  Array.from({ length: Math.max(memory.length, ...turns.map(({ turn }) => turn)) }, (_, i) => {
    const entry = memory[i];
    return {
      sampled: turns.filter(({ turn }) => turn === i + 1).map(sampledOf),
      call: entry?.call ?? null,
      observation: entry?.observation ?? null,
    };
  });

const sampledOf = ({ module, version, ids, behaviourLogProbs }: TrainedTurn): JournalTurn["sampled"][number] => ({
  module,
  version,
  ids,
  logProbs: behaviourLogProbs,
});

/** Twelve hexadecimal digits of the sha256 of a value's JSON. */
export const hashOf = (value: unknown): string =>
  createHash("sha256").update(JSON.stringify(value)).digest("hex").slice(0, 12);
