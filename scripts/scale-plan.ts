/**
 * Plans of the published run on GPUs: a 7B model on one node of 8, and a 70B model on several. Turns and tokens are measured
 * where a run is named; all else is printed as an assumption. See `docs/scale.md`.
 *
 *   npm run scale:plan [-- --run runs/<id> --request-ms 0.38]
 */
import { parseArgs } from "node:util";
import {
  rollouts as assumed,
  efficiency,
  machines,
  models,
  planOf,
  type Rollouts,
} from "../src/reproduce/paper/plan.ts";
import { readTrajectories } from "../src/store/stored-run.ts";
import type { Trajectory } from "../src/trajectory.ts";

const { values } = parseArgs({
  options: { run: { type: "string" }, "request-ms": { type: "string", default: "0.38" } },
});

/** Turns and tokens of the evaluations of a run, whose rows have trajectories in full. */
const measured = async (folder: string): Promise<Pick<Rollouts, "turns" | "promptTokens" | "sampledTokens">> => {
  const rows = (await readTrajectories({ folder })) as { readonly trajectory?: Trajectory }[];
  const trajectories = rows.flatMap(({ trajectory }) => (trajectory === undefined ? [] : [trajectory]));
  const turns = trajectories.flatMap((trajectory) => trajectory.turns);
  const mean = (numbers: readonly number[]): number => numbers.reduce((sum, one) => sum + one, 0) / numbers.length;
  return {
    turns: mean(trajectories.map(({ memory }) => memory.length)),
    promptTokens: mean(turns.map(({ prompt }) => prompt.reduce((sum, { ids }) => sum + ids.length, 0))),
    sampledTokens: mean(turns.map(({ ids }) => ids.length)),
  };
};

const found = values.run === undefined ? {} : await measured(values.run);
const rollouts: Rollouts = { ...assumed, ...found };
console.log(
  `rollouts${values.run === undefined ? " (all assumed)" : ` (turns and tokens measured in ${values.run})`}: ${JSON.stringify(rollouts)}`,
);
console.log(`shares of the peak that are reached (assumed): ${JSON.stringify(efficiency)}`);
const fixed = (value: number, digits = 1): string => value.toLocaleString("en", { maximumFractionDigits: digits });
for (const size of ["small", "large"] as const) {
  const [model, machine] = [models[size], machines[size]];
  const plan = planOf(model, rollouts, machine, efficiency, Number(values["request-ms"]));
  const { decoding, prefill, waiting, training } = plan.minutesPerStep;
  console.log(`
${model.name} on ${machine.nodes} × ${machine.gpus} ${machine.gpu}, a copy on ${machine.tensorParallel}:
  memory    ${fixed(plan.weightGigabytes)} GB of weights a copy, ${fixed(plan.cacheKilobytesPerToken)} kB of cache a token, ${plan.sequencesPerCopy} sequences at once a copy
  a step    ${fixed(plan.rolloutsPerStep)} rollouts, ${fixed(plan.callsPerStep, 0)} calls, ${fixed(plan.promptPerStep / 1e6)} M tokens of prompts, ${fixed(plan.sampledPerStep / 1e6, 2)} M sampled
  minutes   decoding ${fixed(decoding, 2)}, prefill ${fixed(prefill, 2)}, tools ${fixed(waiting, 2)}, training ${fixed(training, 2)}
  ${rollouts.steps} steps  ${fixed(plan.hours)} hours, ${fixed(plan.gpuHours)} GPU hours, $${fixed(plan.dollars, 0)} at $${machine.dollarsPerHour} an hour
  client    ${fixed(plan.clientProcessorSeconds)} s of processor time a step`);
}
