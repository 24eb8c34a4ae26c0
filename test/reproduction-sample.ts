import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { claims } from "../src/reproduce/claims/all.ts";
import type { ArmResult, ReproductionReport } from "../src/reproduce/index.ts";
import { reportOf } from "../src/reproduce/report.ts";

/** Stored trajectories of a few arms, and the report that was made of them. */
export const sampleFolder = join(import.meta.dirname, "fixtures/reproduction");

const REPORTED = [
  "trained",
  "transfer",
  "tool-errors",
  "tool-shares",
  "turn-cap",
  "depth",
  "memory-matters",
  "planner-or-executor",
];

/** The report on the stored trajectories. */
export const sampleReport = (): ReproductionReport => {
  const arms = join(sampleFolder, "arms");
  const results = readdirSync(arms).map((file) => JSON.parse(readFileSync(join(arms, file), "utf8")) as ArmResult);
  return reportOf(
    claims.filter(({ id }) => REPORTED.includes(id)),
    new Map(results.map((result) => [result.arm, new Map([[result.seed, result]])])),
    { date: "2026-11-30", commit: "a sample", version: "0.1.0", machine: "2 cores", seeds: [7], steps: 3 },
    new Map([["planner-or-executor", "the executor goes by rules"]]),
  );
};
