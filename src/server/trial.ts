import {
  decisionOn,
  type ErrorRates,
  noTrialEvidence,
  type TrialEvidence,
  withFeedback,
  withGate,
} from "./evidence.ts";
import type { Versions } from "./policy-hash.ts";

export interface TrialOptions {
  /** Share of the requests that the candidate answers. */
  readonly share: number;
  /** By how much fewer tasks of the gate a candidate may solve, as a share of them. */
  readonly tolerance: number;
  readonly rates: ErrorRates;
  /** Pairs of the gate that are drawn at once, and at most. */
  readonly batch: number;
  readonly mostPairs: number;
  /** How long feedback is waited for once the gate has said all that it will. */
  readonly seconds: number;
}

/** What ends a trial besides its evidence. */
export type TrialEnd = "promote" | "reject" | "undecided" | "stopped";

/** Rewards of the same task by both versions. */
export interface GatePair {
  readonly serving: number;
  readonly candidate: number;
}

/** A version that is tried while another one serves. */
export interface Trial {
  readonly candidate: Versions;
  readonly share: number;
  readonly evidence: TrialEvidence;
  /** What a person said of an answer of one of the two. */
  judge(arm: "serving" | "candidate", reward: number): void;
  /** Ends it: the candidate goes. */
  stop(): void;
  readonly ended: Promise<TrialEnd>;
}

/**
 * Tries a version: draws tasks of the gate, pairs judgements in the order in which they come, and ends when the evidence
 * is enough, or when there is no more to be had. `draw` solves n random tasks with both versions. `wait` settles after
 * some seconds. A trial that fails rejects.
 */
export const startTrial = (
  candidate: Versions,
  draw: (first: number, n: number) => Promise<readonly GatePair[]>,
  wait: (seconds: number, abortSignal: AbortSignal) => Promise<void>,
  options: TrialOptions,
): Trial => {
  const { share, tolerance, rates, batch, mostPairs, seconds } = options;
  const over = new AbortController();
  const judged = { serving: [] as number[], candidate: [] as number[] };
  let evidence = noTrialEvidence;
  let settle: (end: TrialEnd) => void = () => undefined;
  const decided = new Promise<TrialEnd>((resolve) => {
    settle = resolve;
  });
  const look = (): boolean => {
    const decision = decisionOn(evidence, rates);
    if (decision !== "continue") settle(decision);
    return decision !== "continue";
  };
  const gather = async (): Promise<void> => {
    for (let drawn = 0; drawn < mostPairs && !over.signal.aborted; drawn += batch) {
      const pairs = await draw(drawn, Math.min(batch, mostPairs - drawn));
      for (const pair of pairs) {
        evidence = withGate(evidence, pair.candidate - pair.serving, tolerance);
        if (look()) return;
      }
    }
    // Of a gate that speaks against it, feedback alone cannot make a better version.
    await wait(seconds, over.signal);
    settle("undecided");
  };
  const ended = Promise.race([decided, gather().then(() => decided)]).finally(() => over.abort());
  return {
    candidate,
    share,
    get evidence() {
      return evidence;
    },
    judge: (arm, reward) => {
      judged[arm].push(reward);
      const [ours, theirs] = [judged.candidate, judged.serving];
      if (ours.length === 0 || theirs.length === 0) return;
      evidence = withFeedback(evidence, (ours.shift() ?? 0) - (theirs.shift() ?? 0));
      look();
    },
    stop: () => settle("stopped"),
    ended,
  };
};
