/**
 * Things change while it runs: on the Almanac `web_search` begins to fail half-way through a set of questions, or each of
 * its calls fails at a rate. Accuracy of trained planners, that of one whose prompt shows the verifier's verdicts also
 * with the verdicts withheld, and whether every task ends well. All meet the same failures.
 *
 *   npx tsx scripts/measure-changing-world.ts --hidden <run> --shown <run of learn --verdicts> [--tasks 432 --seed 7]
 */
import { parseArgs } from "node:util";
import { openAlmanac } from "../src/almanac/environment.ts";
import { openEngine } from "../src/engines/onnx/index.ts";
import { createFlow, ruleExecutor } from "../src/index.ts";
import { castOf } from "../src/learn/cast.ts";
import { chooseRecipe } from "../src/learn/choose-recipe.ts";
import { findPlayers } from "../src/setup/local-model.ts";
import { failingExecutor } from "../src/testing/index.ts";
import { type Accuracy, accuracyOf, compare, type EvaluationReport, evaluate } from "../src/train/index.ts";

const { values } = parseArgs({
  options: {
    hidden: { type: "string", default: "agentflow-tiny" },
    shown: { type: "string" },
    tasks: { type: "string", default: "432" },
    seed: { type: "string", default: "7" },
  },
});
const seed = Number(values.seed);
const environment = await openAlmanac(seed);
const tasks = environment.evaluation("validation", { heldOutPages: Number(values.tasks) }).heldOutPages;
const half = Math.ceil(tasks.length / 2);
const rates = [0, 0.1, 0.3, 1];
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const interval = (ends: readonly number[]): string => `[${ends.map((end) => (100 * end).toFixed(1)).join(", ")}]`;

/** A report, and what became of the tasks in which a search failed so. */
interface Measured extends EvaluationReport {
  readonly met: Accuracy;
}

/** The second half's report at each rate; the first half fails nowhere. */
const measure = async (name: string, model: string, verdicts: boolean): Promise<Measured[]> => {
  const { model: folder, ...known } = await findPlayers(model);
  const engine = await openEngine(folder);
  const {
    policies,
    model: base,
    flow: cast,
  } = castOf(engine, {
    seed,
    recipe: chooseRecipe({ ...known, builtInModel: environment.builtInModel, verdicts, isTaught: true }),
  });
  const score = async (rate: number, part: typeof tasks): Promise<Measured> => {
    const rewards: (number | null)[] = [];
    const report = await evaluate({
      flow: createFlow({
        ...cast,
        executor: failingExecutor(ruleExecutor(), "web_search", rate),
        tools: environment.tools(base),
      }),
      tasks: part,
      reward: environment.reward,
      seed,
      policies,
      onTrajectory: ({ trajectory: { memory }, reward }) => {
        if (memory.some(({ observation }) => observation.status === "failed" && observation.reason === "unavailable"))
          rewards.push(reward ?? null);
      },
    });
    return { ...report, met: accuracyOf(rewards) };
  };
  const row = (what: string, { n, accuracy, met, ...report }: Measured): void =>
    console.log(
      `${name.padEnd(30)} ${what.padEnd(34)} ${percent(accuracy)} ${interval(report.interval)} of ${n}  turns ${report.averageTurns.toFixed(1)}  tool errors ${percent(report.toolErrorRate)}  crashed ${report.noSample}  met a failure ${met.n}, solved of them ${percent(met.accuracy)}`,
    );
  row("first half", await score(0, tasks.slice(0, half)));
  const reports: Measured[] = [];
  for (const rate of rates) {
    const report = await score(rate, tasks.slice(half));
    row(`second half, ${percent(rate)} of searches fail`, report);
    reports.push(report);
  }
  await engine.dispose();
  return reports;
};

const difference = (name: string, before: readonly EvaluationReport[], after: readonly EvaluationReport[]): void => {
  for (const [i, rate] of rates.entries()) {
    const [from, to] = [before[i], after[i]];
    if (from === undefined || to === undefined) continue;
    const { points, interval: ends, p } = compare(from, to);
    console.log(
      `${name}, ${percent(rate)} fail: ${(100 * points).toFixed(1)} points ${interval(ends)}, p = ${p.toPrecision(2)}`,
    );
  }
};

const hidden = await measure("trained without verdicts", values.hidden, false);
if (values.shown !== undefined) {
  const shown = await measure("trained with verdicts", values.shown, true);
  const withheld = await measure("trained with, withheld", values.shown, false);
  difference("with verdicts against without", hidden, shown);
  difference("shown against withheld", withheld, shown);
}
