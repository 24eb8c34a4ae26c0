import type { Claim } from "./claim.ts";
import type { ClaimResults, Measured } from "./measured.ts";
import type { ArmResult } from "./result.ts";
import { type Verdict, verdictOf } from "./verdict.ts";

/** What a reproduction was: everything that its figures depend on. */
export interface ReproductionMeta {
  readonly date: string;
  /** Of the code, where it is known; `+` where it was changed since. */
  readonly commit: string;
  readonly version: string;
  readonly machine: string;
  readonly seeds: readonly number[];
  readonly steps: number;
}

/** What became of one claim. */
export interface ClaimReport {
  readonly id: string;
  readonly sentence: string;
  readonly published: Claim["published"];
  readonly measured: string;
  readonly least: number;
  readonly verdict: Verdict;
  /** Why it was not run. */
  readonly why?: string;
  readonly note?: string;
  readonly ours?: Measured;
}

/** `report.json` of a reproduction. */
export interface ReproductionReport extends ReproductionMeta {
  readonly schemaVersion: 1;
  /** Seconds that its arms took, whenever they were run. */
  readonly seconds: number;
  /** Sampled tokens of training, by arm, one a seed. */
  readonly sampledTokens: Readonly<Record<string, readonly number[]>>;
  readonly claims: readonly ClaimReport[];
}

/** Results by arm and seed. */
export type ResultTable = ReadonlyMap<string, ReadonlyMap<number, ArmResult>>;

/** The results of a claim: of the seeds of which all of its arms are there. */
const resultsOf = ({ arms }: Claim, table: ResultTable, asked: readonly number[]): ClaimResults => {
  const seeds = asked.filter((seed) => arms.every((arm) => table.get(arm)?.has(seed) === true));
  const results = (arm: string): readonly ArmResult[] => seeds.flatMap((seed) => table.get(arm)?.get(seed) ?? []);
  const ofKind = <Kind extends ArmResult["kind"]>(
    arm: string,
    kind: Kind,
  ): readonly (ArmResult & { readonly kind: Kind })[] =>
    results(arm).map((result) => {
      if (result.kind !== kind) throw new TypeError(`${arm} is ${result.kind}, where ${kind} is measured.`);
      return result as ArmResult & { readonly kind: Kind };
    });
  return {
    seeds,
    results,
    evaluations: (arm) => ofKind(arm, "evaluation"),
    trainings: (arm) => ofKind(arm, "training"),
  };
};

/** A claim by what its arms have come to. `absent`: why it cannot be run here; `failed`: why an arm came to nothing. */
const reportOn = (
  claim: Claim,
  table: ResultTable,
  seeds: readonly number[],
  absent: string | undefined,
  failed: ReadonlyMap<string, string>,
): ClaimReport => {
  const { id, sentence, published, measured, least, note, arms } = claim;
  const about = { id, sentence, published, measured, least, ...(note !== undefined && { note }) };
  if (absent !== undefined) return { ...about, verdict: "not run", why: absent };
  const results = resultsOf(claim, table, seeds);
  if (results.seeds.length === 0) {
    const broken = arms.find((arm) => failed.has(arm));
    if (broken !== undefined) return { ...about, verdict: "not run", why: `${broken} failed: ${failed.get(broken)}` };
    const missing = arms.filter((arm) => table.get(arm) === undefined);
    return { ...about, verdict: "not run", why: `not done yet: ${missing.join(", ") || arms.join(", ")}` };
  }
  const ours = claim.measure(results);
  return { ...about, verdict: verdictOf(ours, least), ours };
};

/** The report on claims: a function of the results and of what the reproduction was, and of nothing else. */
export const reportOf = (
  claims: readonly Claim[],
  table: ResultTable,
  meta: ReproductionMeta,
  absent: ReadonlyMap<string, string>,
  failed: ReadonlyMap<string, string> = new Map(),
): ReproductionReport => {
  const all = [...table.values()].flatMap((bySeed) => [...bySeed.values()]);
  const tokens = [...table].flatMap(([arm, bySeed]) => {
    const sampled = [...bySeed.values()].flatMap((one) => (one.kind === "training" ? one.sampledTokens : []));
    return sampled.length === 0 ? [] : [[arm, sampled] as const];
  });
  return {
    schemaVersion: 1,
    ...meta,
    seconds: Math.round(all.reduce((sum, { seconds }) => sum + seconds, 0)),
    sampledTokens: Object.fromEntries(tokens.sort(([a], [b]) => (a < b ? -1 : 1))),
    claims: claims.map((claim) => reportOn(claim, table, meta.seeds, absent.get(claim.id), failed)),
  };
};
