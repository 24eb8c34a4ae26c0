import { ConfigError } from "../errors.ts";
import { number, oneOf, recordOf, required, ruleOf } from "../options.ts";
import type { GroupCounts, LengthCounts } from "./rollout-counts.ts";
import type { GuardState } from "./step-guard.ts";
import type { StepMetrics } from "./step-metrics.ts";

/** What a diagnosis reads of the metrics of a step. */
export type DiagnosedStep = Pick<
  StepMetrics,
  | "index"
  | "reward"
  | "groups"
  | "families"
  | "klSampler"
  | "undone"
  | "guard"
  | "entropy"
  | "gradientNorm"
  | "responseTokens"
  | "turns"
  | "toolShares"
  | "toolErrorRate"
  | "distinct"
  | "byTurns"
  | "trajectories"
  | "noSample"
  | "failed"
>;

const whole = required(number({ whole: true }));
const finite = required(number({ least: -Number.MAX_VALUE }));

/** What the metrics of a step must have to be diagnosed, whatever else they have. */
export const stepRule = ruleOf<DiagnosedStep>(
  {
    index: whole,
    reward: required(ruleOf<StepMetrics["reward"]>({ mean: finite, standardDeviation: finite }, { others: "any" })),
    groups: required(
      ruleOf<GroupCounts>({ total: whole, mixed: whole, allSolved: whole, noneSolved: whole }, { others: "any" }),
    ),
    families: recordOf(ruleOf<GroupCounts>({ total: whole, mixed: whole, allSolved: whole, noneSolved: whole })),
    klSampler: finite,
    undone: oneOf(true),
    guard: ruleOf<GuardState>({ stepScale: required(number({ above: 0 })), inARow: whole }),
    entropy: finite,
    gradientNorm: finite,
    responseTokens: finite,
    turns: required(number()),
    toolShares: required(recordOf(number())),
    toolErrorRate: finite,
    distinct: number({ least: -Number.MAX_VALUE }),
    byTurns: recordOf(ruleOf<LengthCounts>({ tried: whole, earned: whole })),
    trajectories: whole,
    noSample: whole,
    failed: number({ whole: true }),
  },
  { others: "any" },
);

/** Whether a row of a file is the metrics of a step. */
export const isDiagnosedStep = (row: unknown): row is DiagnosedStep => {
  try {
    stepRule(row, "a step");
    return true;
  } catch (error) {
    if (error instanceof ConfigError) return false;
    throw error;
  }
};
