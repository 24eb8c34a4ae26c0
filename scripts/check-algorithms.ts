/**
 * Algorithms against the paper's on the built-in environment, at equal sampled tokens: one trial an algorithm and seed, each
 * in this process, one after the other; trials that are in the file of results already are not run again.
 *
 *   npm run check:algorithms [-- --algorithms paper,gigpo --seeds 1,2,3,4,5 --tokens 400000 --out algorithms.jsonl
 *     --model <folder> --threads 2 --split validation --tasks 108 --permuted --changes '{"peak":0.0005}']
 *
 * The last lines are a table: means over seeds, and the paired difference to the first algorithm, question by question.
 */
import { appendFile, readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import { type SetName, setNames } from "../src/environment.ts";
import { type AlgorithmName, algorithmNames } from "../src/learn/algorithms.ts";
import { mean, pairedCounts, pairedDifference } from "../src/train/index.ts";
import { runTrial, type Trial, type TrialResult } from "./checks/algorithm-trial.ts";

const { values } = parseArgs({
  options: {
    algorithms: { type: "string", default: algorithmNames.join() },
    seeds: { type: "string", default: "1,2,3,4,5" },
    tokens: { type: "string", default: "400000" },
    out: { type: "string", default: "algorithms.jsonl" },
    model: { type: "string" },
    threads: { type: "string" },
    split: { type: "string", default: "validation" },
    tasks: { type: "string", default: "108" },
    permuted: { type: "boolean", default: false },
    changes: { type: "string", default: "{}" },
  },
});

const isAlgorithm = (name: string): name is AlgorithmName => (algorithmNames as readonly string[]).includes(name);
const names = values.algorithms.split(",");
const unknown = names.find((name) => !isAlgorithm(name));
if (unknown !== undefined)
  throw new TypeError(`There is no algorithm ${unknown}; known are ${algorithmNames.join(", ")}.`);
const chosen = names.filter(isAlgorithm);
const changes = JSON.parse(values.changes) as Trial["changes"];
const tasks = Number(values.tasks);

const keyOf = ({ algorithm, seed, tokens, permuted, changes }: Trial): string =>
  JSON.stringify([algorithm, seed, tokens, permuted, changes]);
const stored = await readFile(values.out, "utf8").catch(() => "");
const results = new Map(
  stored
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as TrialResult)
    .map((result) => [keyOf(result), result]),
);

const trials = values.seeds.split(",").flatMap((seed) =>
  chosen.map(
    (algorithm): Trial => ({
      algorithm,
      seed: Number(seed),
      tokens: Number(values.tokens),
      permuted: values.permuted,
      changes,
    }),
  ),
);
for (const trial of trials) {
  if (results.has(keyOf(trial))) continue;
  const result = await runTrial(trial, {
    model: values.model,
    threads: values.threads === undefined ? undefined : Number(values.threads),
    split: values.split === "test" ? "test" : "validation",
    sizes: { heldOutPages: tasks, heldOutFamily: tasks, deep: Math.ceil(tasks / 2) },
    onStep: (line) => console.error(line),
  });
  results.set(keyOf(trial), result);
  await appendFile(values.out, `${JSON.stringify(result)}\n`);
}

const percent = (share: number): string => (100 * share).toFixed(1).padStart(5);
const rowsOf = (algorithm: AlgorithmName): TrialResult[] =>
  trials.filter((trial) => trial.algorithm === algorithm).flatMap((trial) => results.get(keyOf(trial)) ?? []);
const [baseline] = chosen;
const solvedIn = (result: TrialResult, set: SetName): Readonly<Record<string, number | null>> =>
  result.sets[set]?.outcomes ?? {};
for (const set of setNames) {
  if (!rowsOf(baseline ?? "paper").some((row) => row.sets[set] !== undefined)) continue;
  console.log(`\n${set}: accuracy in % by seed, mean, difference to ${baseline} with 95 % interval; processor seconds`);
  for (const algorithm of chosen) {
    const rows = rowsOf(algorithm);
    const accuracies = rows.map((row) => row.sets[set]?.accuracy ?? Number.NaN);
    const base = rowsOf(baseline ?? "paper");
    const pairs = rows.flatMap((row, i) => {
      const before = solvedIn(base[i] ?? row, set);
      return Object.entries(solvedIn(row, set)).map(([id, reward]) => [before[id] === 1, reward === 1] as const);
    });
    const { points, interval } = pairedDifference(
      pairedCounts(
        pairs.map(([before]) => before),
        pairs.map(([, after]) => after),
      ),
    );
    console.log(
      `${algorithm.padEnd(14)} ${accuracies.map(percent).join(" ")}  mean ${percent(mean(accuracies))}  ${percent(points)} [${interval.map(percent).join()}]  ${mean(rows.map((row) => row.processorSeconds)).toFixed(0)} s, ${mean(rows.map((row) => row.steps)).toFixed(0)} steps  reward ${rows[0]?.course.map((value) => value.toFixed(2)).join(" ")}`,
    );
  }
}
