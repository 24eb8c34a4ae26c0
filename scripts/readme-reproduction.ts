/**
 * Writes the table of a reproduction into README, between its marks: the claims, what was published, what came out here.
 *
 *   npx agentflow reproduce all
 *   npx tsx scripts/readme-reproduction.ts reproduction
 */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ReproductionReport } from "../src/reproduce/index.ts";
import { reproductionTable } from "../src/reproduce/report-markdown.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined)
  throw new TypeError("Name the folder of a reproduction: npx tsx scripts/readme-reproduction.ts reproduction");
const report = JSON.parse(readFileSync(join(folder, "report.json"), "utf8")) as ReproductionReport;
const readme = join(import.meta.dirname, "../README.md");
const text = readFileSync(readme, "utf8");
const marked = /(<!-- reproduction: .*-->\n)[\s\S]*?(<!-- \/reproduction -->)/;
if (!marked.test(text)) throw new TypeError("README.md has no marks for the table of a reproduction.");
writeFileSync(
  readme,
  text.replace(marked, (_, begin: string, end: string) => `${begin}\n${reproductionTable(report)}\n\n${end}`),
);
console.log(`README.md has the table of ${folder}: ${report.claims.length} claims, ${report.date}, ${report.commit}`);
