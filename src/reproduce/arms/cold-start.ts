import { join } from "node:path";
import { openAlmanac } from "../../almanac/environment.ts";
import { readManifest } from "../../engines/onnx/files/manifest.ts";
import { ConfigError } from "../../errors.ts";
import { makeFolder } from "../../files/make-folder.ts";
import { demonstrator, exerciser } from "../../learn/demonstrations.ts";
import { number, required, ruleOf } from "../../options.ts";
import { BUILT_IN_MODEL, findModelPath } from "../../setup/local-model.ts";
import { lineWriter, readLines } from "../../store/lines.ts";
import type { Trajectory } from "../../trajectory.ts";
import type { ColdStartArm } from "../arm.ts";
import type { ColdStartResult } from "../result.ts";
import { chainOf, chainOfRow } from "../row.ts";
import type { ArmContext } from "./context.ts";

/** What the built-in planner was shown, as `scripts/make-planner.ts` drew it: by its manifest. */
interface Shown {
  readonly seed: number;
  readonly steps: number;
  readonly batch: { readonly plans: number; readonly exercises: number };
}

const whole = required(number({ whole: true }));
const shownRule = ruleOf<Shown>(
  { seed: whole, steps: whole, batch: ruleOf<Shown["batch"]>({ plans: whole, exercises: whole }, { others: "any" }) },
  { others: "any" },
);
/** Plans that only its vocabulary and its validation loss saw come first. */
const RESERVED = 3400;
/** Steps after which what was made is on the disk; of the exercises only those of every fourth step are made again. */
const CHUNK = 20;
const EXERCISED = 4;

interface ChunkRow {
  readonly from: number;
  readonly plans: readonly string[];
  readonly exercises: readonly string[];
}

/**
 * Makes all plans of the cold start and a quarter of its exercises again, by the seed and the code that made them, and looks
 * in them for the chains by which a trained planner comes to right answers.
 */
export const runColdStart = async (
  { of }: ColdStartArm,
  { resultOf, folder, onProgress, abortSignal }: ArmContext,
): Promise<Pick<ColdStartResult, "kind" | "plans" | "exercises" | "found">> => {
  const evaluated = resultOf(of);
  if (evaluated.kind !== "evaluation") throw new ConfigError(`${of} is no evaluation: its chains are not known.`);
  const { about } = await readManifest(await findModelPath(BUILT_IN_MODEL));
  shownRule(about, `What the manifest of ${BUILT_IN_MODEL} says of its making`);
  const { seed, steps, batch } = about as unknown as Shown;
  const environment = await openAlmanac(`cold start ${seed}`);
  const plans = demonstrator(environment, seed, abortSignal);
  const exercises = exerciser(environment, seed, abortSignal);
  await makeFolder(folder);
  const path = join(folder, "shown.jsonl");
  const rows = (await readLines(path)) as ChunkRow[];
  const lines = lineWriter(path);
  try {
    for (let from = CHUNK * rows.length; from < steps; from += CHUNK) {
      const shown: { plans: string[]; exercises: string[] } = { plans: [], exercises: [] };
      for (let step = from; step < Math.min(steps, from + CHUNK); step += 1) {
        for (const { trajectory } of await plans(RESERVED + step * batch.plans, batch.plans))
          shown.plans.push(chainIn(trajectory));
        if (step % EXERCISED !== 0) continue;
        for (const { trajectory } of await exercises(step * batch.exercises, batch.exercises))
          shown.exercises.push(chainIn(trajectory));
      }
      const row: ChunkRow = { from, ...shown };
      rows.push(row);
      lines.append(row);
      await lines.settled();
      onProgress((from + CHUNK) / steps, `what was shown in step ${from + CHUNK}/${steps}`);
    }
  } finally {
    await lines.close();
  }
  const all = rows.flatMap((row) => [...row.plans, ...row.exercises]);
  const chains = new Set(evaluated.rows.flatMap((row) => (row.reward === 1 ? [chainOfRow(row)] : [])));
  return {
    kind: "cold start",
    plans: rows.reduce((sum, row) => sum + row.plans.length, 0),
    exercises: rows.reduce((sum, row) => sum + row.exercises.length, 0),
    found: Object.fromEntries(
      [...chains].sort().map((chain) => [chain, all.filter((one) => holds(one, chain)).length]),
    ),
  };
};

const chainIn = ({ memory }: Trajectory): string => chainOf(memory.map(({ step }) => step.raw));

/** Whether a plan holds a chain, from whichever turn on. */
const holds = (plan: string, chain: string): boolean => `${LINK}${plan}${LINK}`.includes(`${LINK}${chain}${LINK}`);
const LINK = " → ";
