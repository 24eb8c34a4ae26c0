/**
 * The evidence behind the learning figures: `agentflow learn` on three seeds, and the control, whose rewards are dealt
 * out at random. About 40 minutes on two quiet cores; nothing else should run beside it.
 *
 *   npm run check:learn [-- --seeds 7,8,9 --out runs --ablation]
 *
 * Prints one row a run and, last, one JSON line with every bar and whether it holds. Exit code 1 when one does not.
 */
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import type { PlannerFigures } from "../src/learn/evaluation.ts";
import type { LearnReport } from "../src/learn/report.ts";
import { mean } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "7,8,9" },
    out: { type: "string", default: "runs" },
    /** Also the first seed without replay. */
    ablation: { type: "boolean", default: false },
  },
});
const seeds = values.seeds.split(",").map(Number);
const command = fileURLToPath(new URL("../dist/cli/main.js", import.meta.url));

const learn = async (title: string, seed: number, ...flags: string[]): Promise<LearnReport> => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [command, "learn", "--json", "--quiet", "--seed", String(seed), "--out", values.out, ...flags],
    { maxBuffer: 64 * 2 ** 20 },
  );
  const report = JSON.parse(stdout) as LearnReport;
  console.log(row(title, report));
  return report;
};

const percent = (share: number): string => (100 * share).toFixed(1);

const row = (title: string, { before, after, gain, baselines, seconds, run }: LearnReport): string =>
  [
    title.padEnd(22),
    `pages ${percent(before.heldOutPages.accuracy)} → ${percent(after.heldOutPages.accuracy)}`,
    `families ${percent(before.heldOutFamily.accuracy)} → ${percent(after.heldOutFamily.accuracy)} (${percent(gain.heldOutFamily.points)})`,
    `wording ${percent(after.heldOutParaphrase.accuracy)}`,
    `deep ${percent(after.deep.accuracy)}`,
    `fixed ${percent(baselines.bestFixedOrder.heldOutPages.accuracy)}`,
    `errors ${percent(errors(after))}`,
    `${Math.round(seconds.total)} s`,
    run,
  ].join("  ");

const errors = (figures: PlannerFigures): number => figures.heldOutPages.toolErrorRate;

console.log(`seeds ${seeds.join(", ")}; held-out pages: trained families on entry pages never trained on`);
const reports: LearnReport[] = [];
for (const seed of seeds) reports.push(await learn(`seed ${seed}`, seed));
const [firstSeed = 7] = seeds;
const control = await learn(`seed ${firstSeed}, permuted`, firstSeed, "--permute-rewards");
if (values.ablation) await learn(`seed ${firstSeed}, no replay`, firstSeed, "--no-replay");

const pages = reports.map(({ after }) => after.heldOutPages.accuracy);
const families = reports.map(({ after }) => after.heldOutFamily.accuracy);
const spread = (list: readonly number[]): number => mean(list) - Math.min(...list);
const bars = {
  "before on trained families ≤ 30 %": Math.max(...reports.map(({ before }) => before.heldOutPages.accuracy)) <= 0.3,
  "trained families ≥ 90 %": mean(pages) >= 0.9 && spread(pages) <= 0.05,
  "held-out families ≥ 70 %": mean(families) >= 0.7 && spread(families) <= 0.05,
  "gain on held-out families ≥ 50 points": mean(reports.map(({ gain }) => gain.heldOutFamily.points)) >= 0.5,
  "≥ 15 points above the best fixed order, on both": reports.every(({ after, baselines: { bestFixedOrder } }) =>
    (["heldOutPages", "heldOutFamily"] as const).every(
      (set) => after[set].accuracy - bestFixedOrder[set].accuracy >= 0.15,
    ),
  ),
  "tool errors on trained families ≤ 8 %": mean(reports.map(({ after }) => errors(after))) <= 0.08,
  "within 12 minutes": Math.max(...reports.map(({ seconds }) => seconds.total)) <= 720,
  "the control does not improve":
    control.gain.heldOutPages.interval[0] <= 0 && control.gain.heldOutFamily.interval[0] <= 0,
};
const failed = Object.values(bars).filter((holds) => !holds).length;
console.log(
  JSON.stringify({
    check: "learn",
    n: reports.length,
    failed,
    bars,
    mean: { heldOutPages: mean(pages), heldOutFamily: mean(families) },
    control: { heldOutPages: control.gain.heldOutPages, heldOutFamily: control.gain.heldOutFamily },
  }),
);
process.exitCode = failed === 0 ? 0 : 1;
