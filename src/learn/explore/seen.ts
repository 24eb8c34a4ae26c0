import type { Analysis } from "../../trajectory.ts";
import type { AskedCalculation } from "../planners/random-valid.ts";

/** What a walk has found, with the calls that it took, from the first one on. */
export interface Found {
  /** What the last call calculates; absent where it looks up. */
  readonly asked?: AskedCalculation | undefined;
  readonly plan: readonly string[];
  /** The tool among its calls that states a value of the asked kind, so that the question would end there; absent where none does. */
  readonly early?: string | undefined;
}

/** A calculation on what tools brought, with the calls that brought it: the last action calculates. */
export interface Way extends Found {
  readonly asked: AskedCalculation;
}

/** What one walk has shown of a question: what answers it, and which way its comparisons went. */
export interface Seen {
  /** The question with its entities replaced. */
  readonly template: string;
  readonly entities: readonly string[];
  /** Calculations and lookups that the reward accepts, by their names. */
  readonly accepted: ReadonlyMap<string, Found>;
  /** By the names of their operands and the comparison; those that went both ways in one walk are left out. */
  readonly truths: ReadonlyMap<string, Way & { readonly holds: boolean }>;
  /** Fields that hold what the reward accepts, where nothing states it. */
  readonly brought: readonly Brought[];
  /** Tools at which its question would end on each way to an answer that was found. */
  readonly early: readonly string[];
  /** Values that a planner sees of what the walk brought, by the field and the calls that brought it. */
  readonly cases: ReadonlyMap<string, Case>;
}

/** A yes or no or a state, by which a planner can decide. */
export interface Case {
  /** `hall.open`. */
  readonly field: string;
  readonly value: string;
  readonly plan: readonly string[];
  /** As of what was found. */
  readonly early?: string | undefined;
}

/** A field with the expected answer in it. */
export interface Brought {
  /** `hotel.price`. */
  readonly field: string;
  /** Its unit, or what kind of value it is. */
  readonly kind: string;
  /** What its question is read as asking for. */
  readonly asked: string;
  /** Whether the one is the other. */
  readonly fits: boolean;
}

/** How far walks over the tasks of a family came. */
export interface Reach {
  readonly walked: number;
  /** Tasks on which what answered some of them was tried, walked over or not. */
  readonly tried: number;
  readonly answered: number;
  /** Turns that a question has. */
  readonly turns: number;
  /** Calls that came to an answer, a list for each task that was answered. */
  readonly routes: readonly (readonly string[])[];
  readonly brought: readonly Brought[];
  /** A tool for each task whose question would end there, too early. */
  readonly early: readonly string[];
  /** A question that was walked over in vain, and what it is read as naming. */
  readonly vain: { readonly question: string; readonly entities: readonly string[] } | undefined;
}

/** A family's walks, all together and those of wordings over which they came to nothing, though they did for others. */
export interface FamilyReach extends Reach {
  readonly unanswered: readonly Reach[];
}

/** A way to what a question of some wording asks. */
export interface KnownWay extends Way {
  readonly template: string;
}

/** A family whose questions are answered in two ways although they are worded alike. */
export interface Decision {
  /** What answers them: `value hotel.price` of a calculation, else the name of a tool. */
  readonly between: readonly [string, string];
  /** What a planner can see that tells which, where there is such a thing. */
  readonly by: string | undefined;
  /** Where the second of them answers so few that what tells is not looked for. */
  readonly rare?: { readonly answered: number; readonly of: number };
}

/** What questions ask, as far as the reward shows it. */
export interface Asked {
  /** By family. */
  readonly decisions: ReadonlyMap<string, Decision>;
  /** By family. */
  readonly reached: ReadonlyMap<string, FamilyReach>;
  /** By task; what decides comes first. */
  readonly asked: ReadonlyMap<string, readonly AskedCalculation[]>;
  /** By family. */
  readonly ways: ReadonlyMap<string, readonly KnownWay[]>;
  /** By task: calls that came to its answer, what decides among them. */
  readonly routes: ReadonlyMap<string, readonly string[]>;
}

/** A question as it is read. */
export interface Reading {
  readonly family: string;
  readonly question: string;
  readonly analysis: Analysis;
}
