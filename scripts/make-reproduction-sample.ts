/**
 * Cuts a reproduction down to a sample that tests can keep: a few questions of a few arms, and the report on them.
 *
 *   npx agentflow reproduce all
 *   npx tsx scripts/make-reproduction-sample.ts reproduction
 */
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ArmResult } from "../src/reproduce/index.ts";
import { chainOfRow } from "../src/reproduce/row.ts";
import { reportFiles } from "../src/reproduce/write-report.ts";
import { sampleReport } from "../test/reproduction-sample.ts";

const ARMS = ["untrained", "train-flow-grpo", "flow-grpo", "3-turns", "5-turns", "7-turns", "no-memory"];
const SEED = 7;
const ROWS = 24;

const [folder] = process.argv.slice(2);
if (folder === undefined) throw new TypeError("Name the folder of a reproduction.");
const out = join(import.meta.dirname, "../test/fixtures/reproduction");
rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "arms"), { recursive: true });
mkdirSync(join(out, "report"));

const results = ARMS.map((arm) => {
  const file = readdirSync(join(folder, "arms")).find((name) => name.startsWith(`${arm}-${SEED}-`));
  if (file === undefined) throw new TypeError(`${folder} has no result of ${arm} for seed ${SEED}.`);
  return JSON.parse(readFileSync(join(folder, "arms", file), "utf8")) as ArmResult;
});
/** Every set is there, each with its first questions. */
const cut = (result: ArmResult): ArmResult => {
  if (result.kind !== "evaluation") return result;
  const rows = (["heldOutPages", "heldOutFamily"] as const).flatMap((set) =>
    result.rows.filter((row) => row.set === set).slice(0, ROWS),
  );
  return { ...result, rows };
};
const chains = new Set(
  results
    .flatMap((result) => (result.kind === "evaluation" ? cut(result) : []))
    .flatMap((result) => (result.kind === "evaluation" ? result.rows.map(chainOfRow) : [])),
);
for (const result of results.map(cut)) {
  const kept =
    result.kind === "training"
      ? { ...result, firsts: Object.fromEntries(Object.entries(result.firsts).filter(([chain]) => chains.has(chain))) }
      : result;
  writeFileSync(join(out, "arms", `${result.arm.replaceAll(" ", "-")}.json`), `${JSON.stringify(kept)}\n`);
}
for (const [name, content] of Object.entries(reportFiles(sampleReport())))
  writeFileSync(join(out, "report", name), content);
