import { rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { diagnosisOfRun } from "../learn/diagnosis.ts";
import { fork } from "../learn/fork.ts";
import { findRun } from "../setup/local-model.ts";
import { stepsIn } from "../store/checkpoint.ts";
import { own } from "../store/owner.ts";
import { listRuns, readRun } from "../store/stored-run.ts";
import { showDiagnoses } from "./learn-words.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { counted, percent } from "./words.ts";

export interface RunsOptions {
  /** Where the runs are. */
  readonly out: string;
  readonly json: boolean;
}

interface RunRow {
  readonly id: string;
  readonly command: string;
  readonly state: "finished" | "interrupted" | "not finished";
  readonly steps: number;
  readonly checkpoints: readonly number[];
  readonly accuracy: { readonly before: number; readonly after: number } | null;
}

/** `agentflow runs list`: every run of a folder, oldest first. */
export const listCommand = async ({ out, json }: RunsOptions): Promise<number> => {
  const rows: RunRow[] = [];
  for (const id of await listRuns(out)) rows.push(await rowOf(out, id));
  if (json) writeJson({ schemaVersion: 1, runs: rows });
  else {
    const screen = openScreen();
    if (rows.length === 0) screen.line(`There are no runs in ${out}.`);
    for (const row of rows) screen.line(lineOf(row));
  }
  return 0;
};

/** `agentflow runs show`: what a run was asked for, how far it came and what it gave. */
export const showCommand = async (name: string, { json }: Pick<RunsOptions, "json">): Promise<number> => {
  const { root, id } = await findRun(name);
  const run = await readRun(root, id);
  const row = await rowOf(root, id);
  if (json) {
    const { config, report } = run;
    const diagnosis = diagnosisOfRun(run);
    writeJson({ schemaVersion: 1, ...row, folder: run.folder, config, report: report ?? null, diagnosis });
    return 0;
  }
  const screen = openScreen();
  screen.line(lineOf(row));
  screen.line(`folder       ${run.folder}`);
  screen.line(
    `checkpoints  ${row.checkpoints.length === 0 ? "none" : row.checkpoints.map((step) => `step ${step}`).join(", ")}`,
  );
  const last = run.metrics.at(-1) as
    | { readonly reward?: { readonly mean?: number }; readonly toolErrorRate?: number }
    | undefined;
  if (last?.reward?.mean !== undefined)
    screen.line(`last step    reward ${percent(last.reward.mean)}, tool errors ${percent(last.toolErrorRate ?? 0)}`);
  showDiagnoses(screen, diagnosisOfRun(run), "diagnosis");
  if (row.state !== "finished" && row.checkpoints.length > 0)
    screen.line(`resume       agentflow learn --resume ${run.folder}${namedAgain(run.config)}`);
  return 0;
};

/** What has to be named again to resume a run: nothing of it is taken from the run's folder. */
const namedAgain = (config: unknown): string =>
  (config as { readonly project?: unknown } | null)?.project === undefined ? "" : " --config <file>";

/** `agentflow runs prune`: removes the oldest runs and keeps the newest `keep`. A run that a process is working on stays. */
export const pruneCommand = async (keep: number, { out, json }: RunsOptions): Promise<number> => {
  const ids = await listRuns(out);
  const removed: string[] = [];
  for (const id of ids.slice(0, Math.max(0, ids.length - keep))) {
    const folder = join(out, id);
    const lock = await own(folder).catch(() => undefined);
    if (lock === undefined) continue;
    // Out of the way in one step, lock and all: nobody resumes half of a run.
    const removing = join(out, `.removed-${id}`);
    await rename(folder, removing);
    await rm(removing, { recursive: true });
    removed.push(id);
  }
  if (json) writeJson({ schemaVersion: 1, removed, kept: ids.length - removed.length });
  else openScreen().line(`${removed.length} runs removed, ${ids.length - removed.length} kept`);
  return 0;
};

/** `agentflow runs fork <run>@<step>`: a new run that continues from a checkpoint of another one. */
export const forkCommand = async (name: string, { json }: Pick<RunsOptions, "json">): Promise<number> => {
  const [, source = "", at] = /^(.*?)(?:@(\d+))?$/s.exec(name) ?? [];
  const { root, id } = await findRun(source);
  const { run, folder, step } = await fork(join(root, id), at === undefined ? undefined : Number(at));
  if (json) writeJson({ schemaVersion: 1, run, from: id, step });
  else openScreen().line(`${run} continues ${id} after step ${step}: agentflow learn --resume ${folder}`);
  return 0;
};

const rowOf = async (root: string, id: string): Promise<RunRow> => {
  const { config, report, metrics, folder } = await readRun(root, id);
  const told = report as
    | { readonly interrupted?: boolean; readonly before?: Figures; readonly after?: Figures }
    | undefined;
  const [before, after] = [told?.before?.heldOutPages?.accuracy, told?.after?.heldOutPages?.accuracy];
  const command = (config as { readonly command?: string } | null)?.command ?? "learn";
  const ended = told !== undefined || command !== "learn";
  return {
    id,
    command,
    state: !ended ? "not finished" : told?.interrupted === true ? "interrupted" : "finished",
    steps: metrics.length,
    checkpoints: await stepsIn(folder),
    accuracy: before === undefined || after === undefined ? null : { before, after },
  };
};

interface Figures {
  readonly heldOutPages?: { readonly accuracy?: number };
}

const lineOf = ({ id, command, state, steps, accuracy }: RunRow): string => {
  const gain = accuracy === null ? "" : `  ${percent(accuracy.before)} → ${percent(accuracy.after)}`;
  return `${id}  ${command.padEnd(6)} ${state.padEnd(13)} ${counted(steps, "step")}${gain}`;
};
