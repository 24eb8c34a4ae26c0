import type { ClaimResults, Measured } from "./measured.ts";

/** A published claim, and how it is put to the test here. */
export interface Claim {
  readonly id: string;
  readonly sentence: string;
  readonly published: {
    readonly figure: string;
    readonly source: string;
  };
  /** What is measured, in a sentence. */
  readonly measured: string;
  /** Arms that it needs, by name. */
  readonly arms: readonly string[];
  readonly measure: (results: ClaimResults) => Measured;
  /** Smallest effect that would matter, in the unit of the measure. */
  readonly least: number;
  /** Why it cannot be run here; undefined where it can. @default it can */
  readonly absent?: () => string | undefined | Promise<string | undefined>;
  /** What a reader has to know to read the figures rightly. */
  readonly note?: string;
}

/** The paper that most claims are of. */
export const PAPER = "arXiv 2510.05592";

/** Five points of accuracy: less would not be worth the compute. */
export const POINTS = 0.05;
