/**
 * Sequential evidence that may be looked at whenever one likes. Of differences d in [−1, 1], candidate minus serving, the
 * claim that the candidate is worse by `margin` or more (E[d] ≤ −margin) is bet against with several stakes λ at once:
 *   e = mean over λ of Π (1 + λ(d + margin)).
 * While the claim is true no bet gains on average, so e is a supermartingale that begins at 1, and the chance that it ever
 * reaches 1/α is at most α (Ville 1939; Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by
 * betting"; Johari et al. 2022, "Always valid inference", has the mixture).
 */
export interface Evidence {
  /** Differences so far. */
  readonly n: number;
  /** Their sum. */
  readonly sum: number;
  /** Logarithm of what each stake has grown to. */
  readonly logs: readonly number[];
}

/** Shares of what is left that are bet: small ones see small differences, large ones see large ones soon. */
const STAKES = [0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.95];

/** Before the first difference. */
export const noEvidence: Evidence = { n: 0, sum: 0, logs: STAKES.map(() => 0) };

/** Evidence with one difference more. */
export const withDifference = ({ n, sum, logs }: Evidence, difference: number, margin = 0): Evidence => ({
  n: n + 1,
  sum: sum + difference,
  logs: logs.map((log, i) => log + Math.log1p((STAKES[i] ?? 0) * (difference + margin))),
});

/** The e-value. */
export const strengthOf = ({ logs }: Evidence): number => {
  const largest = Math.max(...logs);
  return (Math.exp(largest) * logs.reduce((total, log) => total + Math.exp(log - largest), 0)) / logs.length;
};

/** What a trial knows: of the gate's tasks, solved by both versions, and of what people said of their answers. */
export interface TrialEvidence {
  readonly gate: {
    readonly better: Evidence;
    /** Against "worse by the tolerance or more". */
    readonly within: Evidence;
    readonly worse: Evidence;
  };
  readonly feedback: { readonly better: Evidence; readonly worse: Evidence };
}

export const noTrialEvidence: TrialEvidence = {
  gate: { better: noEvidence, within: noEvidence, worse: noEvidence },
  feedback: { better: noEvidence, worse: noEvidence },
};

/** One pair of rewards of a task of the gate, candidate minus serving. */
export const withGate = ({ gate, feedback }: TrialEvidence, difference: number, tolerance: number): TrialEvidence => ({
  feedback,
  gate: {
    better: withDifference(gate.better, difference),
    within: withDifference(gate.within, difference, tolerance),
    worse: withDifference(gate.worse, -difference),
  },
});

/** One pair of judgements, candidate minus serving. */
export const withFeedback = ({ gate, feedback }: TrialEvidence, difference: number): TrialEvidence => ({
  gate,
  feedback: {
    better: withDifference(feedback.better, difference),
    worse: withDifference(feedback.worse, -difference),
  },
});

/** What a trial may do wrong. */
export interface ErrorRates {
  /** Chance that a version which is no better, or worse on the gate by the tolerance, is promoted. */
  readonly promotion: number;
  /** Chance that a version which is no worse is rejected as worse. */
  readonly rejection: number;
}

export type TrialDecision = "promote" | "reject" | "continue";

/**
 * A version is promoted when it is better, on the gate or by feedback, and when it is no worse on the gate than the
 * tolerance allows: two claims, each refuted at the rate of errors. The mean of two e-values is one of "no better in
 * either". It is rejected as soon as it is known to be worse in one of them.
 */
export const decisionOn = ({ gate, feedback }: TrialEvidence, rates: ErrorRates): TrialDecision => {
  const [toPromote, toReject] = [1 / rates.promotion, 1 / rates.rejection];
  if (Math.max(strengthOf(gate.worse), strengthOf(feedback.worse)) >= 2 * toReject) return "reject";
  const better = (strengthOf(gate.better) + strengthOf(feedback.better)) / 2;
  return better >= toPromote && strengthOf(gate.within) >= toPromote ? "promote" : "continue";
};
