import { setMaxListeners } from "node:events";
import { join } from "node:path";
import { almanac } from "../almanac/environment.ts";
import { ConfigError } from "../errors.ts";
import { learn, resume } from "../learn/learn.ts";
import { checkEnvironment } from "../learn/project/project.ts";
import type { LearnRun } from "../learn/run-stream.ts";
import { type LearnSettings, settingsOf } from "../learn/settings.ts";
import { BUILT_IN_MODEL, findRun, type LocalModelOptions, localPlanner } from "../setup/local-model.ts";
import { projectFile } from "../setup/project-file.ts";
import { remotePlanner } from "../setup/remote-planner.ts";
import { openedAgain } from "../setup/stored-run.ts";
import { localQueue, natsQueue, type RolloutQueue } from "../workers/index.ts";
import { findingLines } from "./findings.ts";
import { INTERRUPTED, Interruption, type Interrupts, listenToInterrupts } from "./interrupt.ts";
import { type LearnUi, openLearnUi } from "./learn-ui.ts";
import { learnView, stageView } from "./learn-view.ts";
import { conclude, shellPath, shellWord } from "./learn-words.ts";
import { labelled, type Screen } from "./screen.ts";
import { beforeAndAfter } from "./showcase.ts";
import { openScreen, writeJson } from "./terminal.ts";

export interface LearnCommandOptions extends LearnSettings, Pick<LocalModelOptions, "context" | "quantisation"> {
  /** Where the run's folder is made. */
  readonly out: string;
  readonly model?: string | undefined;
  readonly config?: string | undefined;
  /** Address of a server that trains. */
  readonly engine?: string | undefined;
  /** Where workers meet the run: `local`, or a server of NATS. */
  readonly queue?: string | undefined;
  /** Only check the project. */
  readonly check?: boolean | undefined;
  /** Show the run in a page of the browser. */
  readonly ui?: boolean | undefined;
  readonly resume?: string | undefined;
  readonly acceptChangedConfig?: boolean | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** `agentflow learn`: a run of learning on the screen. Returns the exit code. */
export const learnCommand = async (options: LearnCommandOptions): Promise<number> => {
  const { json, quiet, config, check = false } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() =>
    screen.line("Ending early: what is under way is finished, evaluated and saved. Ctrl-C again stops at once."),
  );
  const view = learnView(screen, { ownTools: config !== undefined });
  let ui: LearnUi | undefined;
  let root = "";
  try {
    if (check) return await checkCommand(options, screen, interrupts);
    const stops = stopsOf(interrupts);
    const run = await runOf(options, stops);
    if (options.ui === true) {
      root = await rootOf(options);
      ui = openUi(root, screen, stops);
    }
    for await (const event of run) {
      ui?.show(event);
      if (event.type === "training-start") interrupts.stopAtOnce = false;
      view.show(event);
      if (event.type === "run-start" && options.queue !== undefined) {
        const place = options.queue === "local" ? event.folder : `${options.queue}/${event.run}`;
        screen.line(`Workers   it waits for them: npx agentflow worker ${shellWord(place)}`);
      }
    }
    const report = await run.report;
    const { start } = view;
    if (start === undefined) return 0;
    screen.line();
    for (const line of await beforeAndAfter(start.folder, screen.width)) screen.line(line);
    screen.line();
    if (json) writeJson(report);
    // Quiet means without progress: the result is what was asked for.
    conclude(quiet && !json ? openScreen() : screen, report, start, config);
    return report.interrupted ? INTERRUPTED : 0;
  } catch (error) {
    if (error instanceof Interruption && view.start !== undefined)
      screen.line(`Stopped at once; continue with: npx agentflow learn --resume ${shellPath(view.start.folder)}`);
    throw error;
  } finally {
    if (ui?.close() === true) screen.line(pageEnds(root));
    interrupts.close();
    screen.clear();
  }
};

/** What ends a run early: Ctrl-C, and the buttons of its page. */
interface Stops extends Pick<Interrupts, "abortSignal" | "stopSignal"> {
  readonly stop: (now: boolean) => void;
}

const stopsOf = (interrupts: Interrupts): Stops => {
  const [stop, abort] = [new AbortController(), new AbortController()];
  const stopSignal = AbortSignal.any([interrupts.stopSignal, stop.signal]);
  const abortSignal = AbortSignal.any([interrupts.abortSignal, abort.signal]);
  // Every solve under way listens to them.
  setMaxListeners(0, stopSignal, abortSignal);
  return { stopSignal, abortSignal, stop: (now) => (now ? abort : stop).abort(new Interruption()) };
};

const openUi = (folder: string, screen: Screen, { stop }: Stops): LearnUi =>
  openLearnUi({
    folder,
    onOpen: (page) => labelled(screen, "open", page),
    onFailure: (why) => screen.line(`The page is gone (${why}). The run continues.`),
    onStop: stop,
  });

const pageEnds = (root: string): string =>
  `The page ends with the run; \`agentflow runs ui${root === "runs" ? "" : ` --out ${root}`}\` shows it again.`;

/** The folder that a run lies in, beside others. */
const rootOf = async ({ resume: run, out }: LearnCommandOptions): Promise<string> =>
  run === undefined ? out : (await findRun(run)).root;

/** A new run, or one that is resumed. */
const runOf = async (options: LearnCommandOptions, { abortSignal, stopSignal }: Stops): Promise<LearnRun> => {
  const signals = { abortSignal, stopSignal };
  if (options.resume !== undefined) {
    const { root, id } = await findRun(options.resume);
    const folder = join(root, id);
    const queue = queueAt(options.queue);
    return resume(folder, { ...(await openedAgain(folder, options, process.env)), ...signals, queue });
  }
  const { out, model, config, context, quantisation, engine } = options;
  const isDefault = model === undefined && context === undefined && quantisation === undefined;
  return learn({
    ...settingsOf(options),
    ...signals,
    queue: queueAt(options.queue),
    folder: out,
    environment: config === undefined ? almanac() : await projectFile(config, process.env),
    planner:
      engine !== undefined
        ? remotePlanner(model ?? BUILT_IN_MODEL, { engine, context }, process.env)
        : isDefault
          ? undefined
          : localPlanner(model ?? BUILT_IN_MODEL, { context, quantisation }),
  });
};

/** The queue by the name of its place. */
const queueAt = (where: string | undefined): RolloutQueue | undefined => {
  if (where === undefined) return undefined;
  if (where === "local") return localQueue();
  if (!/^(?:nats|tls):\/\/./.test(where))
    throw new ConfigError(`--queue is ${JSON.stringify(where)}: accepted are local and nats://<host>:<port>.`);
  return natsQueue({ url: where });
};

/** `learn --check`: what a check of the project finds. Returns the exit code: 1 when training would be vain. */
const checkCommand = async (
  { config, seed, json }: LearnCommandOptions,
  screen: Screen,
  { abortSignal }: Interrupts,
): Promise<number> => {
  if (config === undefined)
    throw new ConfigError(
      "learn --check checks a project, and there is no agentflow.config.ts here: name its file with --config, or make one with agentflow init.",
    );
  const source = await projectFile(config, process.env);
  const onStage = stageView(screen);
  const findings = await checkEnvironment(source, { seed, onStage, abortSignal });
  const sound = findings.every(({ level }) => level !== "error");
  if (json) writeJson({ schemaVersion: 1, sound, findings });
  for (const line of findingLines(findings, screen.width)) screen.line(line);
  screen.line(sound ? "The project is ready to learn." : "Not ready: see the errors above.");
  return sound ? 0 : 1;
};
