import { stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { listRuns, readRun } from "../store/stored-run.ts";
import { BUILT_IN_MODEL, TRAINED_MODEL } from "./local-model.ts";

/** A planner that nobody named, and why it is the one. */
export interface ChosenPlanner {
  /** A name for `findPlayers`. */
  readonly name: string;
  /** For people, in one line. */
  readonly why: string;
  /** Turns of a solve that names no limit: a planner may see how many are left, and knows the limits that it was trained with. */
  readonly turns?: number | undefined;
}

/** What the Almanac's tasks with one look-up allow: a plan of three calls and three turns to spare. */
const ALMANAC_TURNS = 6;

/**
 * The planner of a solve that names none: of the newest finished run in a folder that learnt in the same environment, else
 * the trained one that the package ships. A project without such a run gets the untrained one: the other knows the
 * Almanac's tools only. `project` is the file of a project's configuration and its hash: a run that learnt the project
 * before the file was changed counts too. Nothing is written, and a run that cannot be read is skipped.
 *
 * @example
 * ```ts
 * import { findPlayers, trainedPlanner } from "agentflow/setup";
 *
 * const { name, why } = await trainedPlanner("runs", undefined);
 * console.log(why, (await findPlayers(name)).model);
 * ```
 */
export const trainedPlanner = async (
  root: string,
  project: { readonly path: string; readonly hash: string } | undefined,
): Promise<ChosenPlanner> => {
  for (const id of (await listRuns(root)).reverse()) {
    const learnt = await learntIn(root, id, project);
    if (learnt !== undefined)
      return {
        name: join(root, id),
        why: `${join(root, id)}, the newest run here, trained in ${learnt.steps} step${learnt.steps === 1 ? "" : "s"}${learnt.changed ? ` before ${basename(project?.path ?? "")} was changed` : ""}`,
        turns: project === undefined ? ALMANAC_TURNS : undefined,
      };
  }
  return project === undefined
    ? {
        name: TRAINED_MODEL,
        why: `${TRAINED_MODEL}, trained on the Almanac before it was shipped`,
        turns: ALMANAC_TURNS,
      }
    : {
        name: BUILT_IN_MODEL,
        why: `${BUILT_IN_MODEL}, which has not learnt this project yet (agentflow learn)`,
      };
};

/** Turns of a solve by a planner that was named, where it is one that learnt the Almanac; undefined for any other. */
export const turnsOf = async (planner: string | undefined): Promise<number | undefined> => {
  if (planner === undefined) return undefined;
  if (planner === TRAINED_MODEL) return ALMANAC_TURNS;
  const run = await readRun(dirname(planner), basename(planner)).catch(() => undefined);
  const config = run?.config as { readonly almanac?: unknown } | undefined;
  return config?.almanac === undefined ? undefined : ALMANAC_TURNS;
};

/** A finished run that learnt in the same environment and kept its weights; undefined for any other. */
const learntIn = async (
  root: string,
  id: string,
  project: { readonly path: string; readonly hash: string } | undefined,
): Promise<{ readonly steps: number; readonly changed: boolean } | undefined> => {
  const run = await readRun(root, id).catch(() => undefined);
  const report = run?.report as { readonly stepsDone?: unknown } | undefined;
  const config = run?.config as
    | { readonly almanac?: unknown; readonly project?: unknown; readonly projectSha256?: unknown }
    | undefined;
  if (run === undefined || typeof report?.stepsDone !== "number" || report.stepsDone === 0) return undefined;
  const isSame =
    project === undefined
      ? config?.almanac !== undefined
      : typeof config?.project === "string" && basename(config.project) === basename(project.path);
  const isWhole = await stat(join(run.folder, "weights")).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isSame || !isWhole) return undefined;
  return { steps: report.stepsDone, changed: project !== undefined && config?.projectSha256 !== project.hash };
};
