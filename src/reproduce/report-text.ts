import { hundredths } from "../percent.ts";
import type { Measured } from "./measured.ts";
import type { ClaimReport, ReproductionReport } from "./report.ts";

const signed = (text: string): string => (text.startsWith("−") ? text : `+${text}`);

/** A difference in the unit of its measure: `+31.2`, `+0.95`. */
export const differenceText = (value: number, unit: Measured["unit"]): string => {
  if (!Number.isFinite(value)) return "–";
  return unit === "points" ? signed(hundredths(value, 1)) : signed(value.toFixed(2).replace("-", "−"));
};

/** What was measured, with its interval: `+31.2 points [27.9, 34.4]`. */
export const oursText = ({ difference, interval, unit }: Measured): string => {
  const end = (value: number): string => differenceText(value, unit).replace("+", "");
  return `${differenceText(difference, unit)} ${unit} [${interval.map(end).join(", ")}]`;
};

export const seedsText = ({ seeds, unit }: Measured): string =>
  seeds.map(({ seed, difference }) => `${seed}: ${differenceText(difference, unit)}`).join(", ");

/** When, with which code and with which settings: what stands below a table. */
export const metaText = ({ date, commit, version, machine, seeds, steps, seconds }: ReproductionReport): string =>
  `${date}, agentflow ${version} at ${commit}, ${seeds.length === 1 ? "seed" : "seeds"} ${seeds.join(", ")}, ${steps} steps of 12 tasks × 8 rollouts, ${Math.round(seconds / 60)} minutes of runs on ${machine}`;

/** The smallest effect that would matter: `5 points`, `0.1 turns`. */
export const leastText = ({ least, ours }: { readonly least: number; readonly ours?: Measured | undefined }): string =>
  ours?.unit === "turns" ? `${least} turns` : `${Math.round(1000 * least) / 10} points`;

/** How many claims came to what: `12 hold, 5 do not, 6 unclear, 3 not run`. */
export const countsText = (claims: readonly ClaimReport[]): string => {
  const count = (verdict: ClaimReport["verdict"]): number => claims.filter((claim) => claim.verdict === verdict).length;
  return `${count("holds")} hold, ${count("does not")} do not, ${count("unclear")} unclear, ${count("not run")} not run`;
};
