/**
 * Makes what the package ships of a finished run on the Almanac: the trained planner, `models/agentflow-tiny-trained`, and
 * the picture of its learning curve, `docs/learning-curve.svg`.
 *
 *   npx agentflow learn --seed 7
 *   npx tsx scripts/ship-run.ts runs/<id>
 */
import { copyFile, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { openEngine } from "../src/engines/onnx/index.ts";
import type { LearnReport } from "../src/learn/index.ts";
import { reportOnRun } from "../src/review/index.ts";
import { readRun } from "../src/store/index.ts";

const [folder] = process.argv.slice(2);
if (folder === undefined)
  throw new TypeError("Name the folder of a finished run: npx tsx scripts/ship-run.ts runs/<id>");
const run = await readRun(dirname(resolve(folder)), basename(resolve(folder)));
const report = run.report as LearnReport | undefined;
if (report === undefined) throw new TypeError(`${folder} has no report: it is not finished.`);

const root = fileURLToPath(new URL("..", import.meta.url));
const engine = await openEngine(join(run.folder, "weights"));
const { seed, almanac, groupSize, tasksPerStep } = report.config;
await engine.policy("planner").save(join(root, "models/agentflow-tiny-trained"), {
  base: "agentflow-tiny",
  model: "agentflow-tiny-trained",
  command: `npx agentflow learn --seed ${seed}, after step ${report.stepsDone} of ${report.config.steps}; npx tsx scripts/ship-run.ts runs/${report.run}`,
  run: report.run,
  seed,
  steps: report.stepsDone,
  groupSize,
  tasksPerStep,
  tasks: almanac,
  accuracy: { before: report.before.heldOutPages.accuracy, after: report.after.heldOutPages.accuracy },
});
await engine.dispose();
await copyFile(join(run.folder, "familiarity.json"), join(root, "models/agentflow-tiny-trained/familiarity.json"));

const curve = (await reportOnRun(run.folder)).charts.find(({ name }) => name === "learning-curve");
if (curve === undefined) throw new TypeError(`${folder} has no steps to draw a curve of.`);
await writeFile(join(root, "docs/learning-curve.svg"), curve.svg);
console.log(`models/agentflow-tiny-trained and docs/learning-curve.svg are of ${report.run}`);
