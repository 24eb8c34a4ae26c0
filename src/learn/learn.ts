import { rm } from "node:fs/promises";
import { INTERRUPTED, Interruption, listenToInterrupts } from "../cli/interrupt.ts";
import { conclude, introduction } from "../cli/learn-words.ts";
import type { Screen } from "../cli/screen.ts";
import { beforeAndAfter } from "../cli/showcase.ts";
import { openScreen, writeJson } from "../cli/terminal.ts";
import type { Engine } from "../engine.ts";
import { setNames } from "../environment.ts";
import { StoreError } from "../errors.ts";
import { hashOfConfig } from "../setup/config-file.ts";
import { replyJournal } from "../store/reply-journal.ts";
import { createRun, type Run, reopenRun, runId } from "../store/run-folder.ts";
import { loadState, type StoredState } from "./checkpoint-state.ts";
import type { LearnOptions } from "./options.ts";
import { learnInRun } from "./phases.ts";
import { recordOf, setsOf } from "./record.ts";
import { extentsOf, type Resumed, resumable } from "./resume.ts";
import { openLearning, openWorldOf, showFindings } from "./start.ts";
import { keyThatDiffers, OPTIONS_VERSION } from "./stored-options.ts";

/**
 * `agentflow learn`: evaluate, train in the flow, evaluate again on the same tasks, compare. Everything that can be
 * wrong with the model, the data or the folder is found before anything is evaluated or written. Returns the exit code.
 */
export const learn = async ({
  resume,
  acceptChangedConfig,
  ...asked
}: LearnOptions & {
  readonly resume?: string | undefined;
  readonly acceptChangedConfig?: boolean | undefined;
}): Promise<number> => {
  const resumed = resume === undefined ? undefined : await resumable(resume, { ...asked, acceptChangedConfig });
  const { json, quiet } = asked;
  /** What the run is asked for, and the same with files of this machine instead of those that a run's folder names. */
  const options: LearnOptions = resumed === undefined ? asked : { ...resumed.options, json, quiet };
  const here: LearnOptions = resumed === undefined ? asked : { ...resumed.here, json, quiet };
  const screen = openScreen({ json, quiet });
  const started = performance.now();
  const interrupts = listenToInterrupts(() =>
    screen.line("Ending early: what is under way is finished, evaluated and saved. Ctrl-C again stops at once."),
  );
  let engine: Engine | undefined;
  let run: Run | undefined;
  const replies = replyJournal(resumed?.folder);
  try {
    const projectSha256 =
      resumed?.config.projectSha256 ?? (here.config === undefined ? undefined : await hashOfConfig(here.config));
    const { world, findings } = await openWorldOf(here, screen, interrupts, replies);
    if (here.check === true) return showFindings(findings, screen, json);
    const learning = await openLearning(here, world, screen, interrupts);
    engine = learning.engine;
    const { policies, recipe, steps } = learning;
    const config = recordOf(options, learning, world, projectSha256);
    const names = policies.map(({ name }) => name);
    const tell = (damage: string): void => screen.line(`A checkpoint is passed over: ${damage}.`);
    const stored = resumed === undefined ? undefined : await loadState(resumed.folder, names, tell);
    run = resumed === undefined ? await begin(options, config) : await goOn(resumed, stored, config, screen);
    if (run.ownedBy === "create")
      screen.line(
        `${run.folder} is on a file system without hard links: should a process die just as it takes the run, the next one waits for some seconds.`,
      );
    await replies.attach(run.folder);
    for (const [i, policy] of policies.entries()) {
      const state = stored?.policies[i];
      if (state !== undefined) await policy.importState(state);
    }
    const sets = setsOf(world, options);
    const questions = setNames.reduce((sum, name) => sum + sets[name].length, 0);
    for (const line of introduction(options, recipe, steps, engine, questions, run)) screen.line(line);
    screen.line();
    const phases = resumed?.phases ?? {};
    const parts = { options, learning, world, config, run, replies, screen, interrupts, phases, stored, started };
    const done = await learnInRun(parts);
    if (done === undefined) return 0;
    const { report, before, after } = done;
    screen.line();
    for (const line of beforeAndAfter(sets, before, after, screen.width)) screen.line(line);
    screen.line();
    if (json) writeJson(report);
    // Quiet means without progress: the result is what was asked for.
    conclude(quiet && !json ? openScreen() : screen, report, run, world, here.config);
    return report.interrupted ? INTERRUPTED : 0;
  } catch (error) {
    if (error instanceof Interruption && run !== undefined)
      screen.line(`Stopped at once; ${run.folder} keeps what was written until now.`);
    throw error;
  } finally {
    interrupts.close();
    screen.clear();
    try {
      await replies.close();
    } finally {
      await run?.close();
      await resumed?.lock.release();
      await engine?.dispose();
    }
  }
};

/** A new run, with the options that a later call goes on by. */
const begin = async (options: LearnOptions, config: object): Promise<Run> => {
  const run = await createRun(options.out, runId(new Date(), Math.random), config);
  await run.writeJson("options.json", { schemaVersion: OPTIONS_VERSION, options });
  return run;
};

/** An interrupted run, cut to where it can be gone on from. */
const goOn = async (
  { folder, config: recorded, phases, lock }: Resumed,
  stored: StoredState | undefined,
  config: Readonly<Record<string, unknown>>,
  screen: Screen,
): Promise<Run> => {
  const differs = keyThatDiffers(recorded, config);
  if (differs !== undefined)
    throw new StoreError(
      `The run ${folder} began with ${differs} ${JSON.stringify(recorded[differs])} by its config.json, and its options.json with what is named here comes to ${JSON.stringify(config[differs])}. Name the same model and configuration; if they are the same, one of these files was changed.`,
    );
  if (JSON.stringify(recorded.machine) !== JSON.stringify(config.machine))
    screen.line(
      "This machine or its runtime is another one than the run began on: it goes on, but not to the same bits.",
    );
  const run = await reopenRun(folder, extentsOf(phases, stored), lock);
  for (const name of ["seal.json", "report.json"]) await rm(run.path(name), { force: true });
  screen.line(
    `Resumed  ${run.folder}, after ${stored === undefined ? "no step" : `step ${stored.state.after.index + 1}`}`,
  );
  return run;
};
