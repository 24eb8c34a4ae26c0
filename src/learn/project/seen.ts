import type { AskedCalculation } from "../planners/random-valid.ts";

/** A calculation on what tools brought, with the calls that brought it: the last action calculates. */
export interface Way {
  readonly asked: AskedCalculation;
  readonly plan: readonly string[];
}

/** What one walk has shown of a question: what answers it, and which way its comparisons went. */
export interface Seen {
  /** The question with its entities replaced. */
  readonly template: string;
  /** Calculations and lookups that the reward accepts, by their names. Only calculations have a way. */
  readonly accepted: ReadonlyMap<string, Way | undefined>;
  /** By the names of their operands; those that went both ways in one walk are left out. */
  readonly truths: ReadonlyMap<string, Way & { readonly isLess: boolean }>;
  /** Values that a planner sees of what the walk brought, by tool and field. */
  readonly cases: ReadonlyMap<string, string>;
}

/** A way to what a question of some wording asks. */
export interface KnownWay extends Way {
  readonly template: string;
}

/** A family whose questions are answered in two ways although they are worded alike. */
export interface Decision {
  /** What answers them: `value days` of a calculation, else the name of a tool. */
  readonly between: readonly [string, string];
  /** What a planner can see that tells which, where there is such a thing. */
  readonly by: string | undefined;
}

/** What questions ask, as far as the reward shows it. */
export interface Asked {
  /** By family. */
  readonly decisions: ReadonlyMap<string, Decision>;
  /** Of the tasks that were walked over, how many were answered by what walks brought, by family. */
  readonly reached: ReadonlyMap<string, { readonly walked: number; readonly answered: number }>;
  /** By task; what decides comes first. */
  readonly asked: ReadonlyMap<string, readonly AskedCalculation[]>;
  /** By family. */
  readonly ways: ReadonlyMap<string, readonly KnownWay[]>;
}
