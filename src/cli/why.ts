import { join } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { ConfigError } from "../errors.ts";
import { type VersionName, why } from "../review/index.ts";
import { findRun } from "../setup/local-model.ts";
import { type NamedAgain, openedAgain } from "../setup/stored-run.ts";
import { jsonOption, names, wholeNumber } from "./command-options.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, sideScreen, writeJson } from "./terminal.ts";
import { showWhy } from "./why-view.ts";

interface WhyCommandOptions extends NamedAgain {
  readonly from?: number;
  readonly choose?: string;
  readonly versions?: readonly [VersionName, VersionName];
  readonly draws: number;
  readonly alternatives: number;
  readonly json: boolean;
}

/** Reads two versions with a comma between: `start,end`, `25,end`. */
const versionsOf = (text: string): readonly [VersionName, VersionName] => {
  const [before, after, ...rest] = names(text).map((name): VersionName | undefined =>
    name === "start" || name === "end" ? name : /^[1-9]\d{0,6}$/.test(name) ? Number(name) : undefined,
  );
  if (before !== undefined && after !== undefined && rest.length === 0) return [before, after];
  throw new InvalidArgumentError("Accepted are two of start, end and numbers of steps: start,end.");
};

/** `agentflow why <run> <task>`: the old and the new planner on one task. */
export const addWhy = (program: Command): void => {
  program
    .command("why")
    .description("explain why a run's planner solves a task as it does, beside the planner it began as")
    .argument("<run>", "a run of learn, or its id in runs/")
    .argument("<task>", "id of a task, the beginning of one, or its question")
    .option("--from <turn>", "with --choose: continue from this turn with another choice", wholeNumber(1, 1000))
    .option("--choose <plan>", 'with --from: a tool and a sub-goal, such as "web_search q1"')
    .option(
      "--versions <two>",
      "planners to compare: start, end, or a step with a checkpoint (default: start,end)",
      versionsOf,
    )
    .option("--draws <number>", "plans that each planner draws a turn, to find alternatives", wholeNumber(0, 256), 16)
    .option("--alternatives <number>", "other choices to show a turn", wholeNumber(0, 64), 4)
    .option("--config <file>", "configuration of the project that the run started with")
    .option("--model <model>", "model that the run started with, if not the built-in one")
    .option("--accept-changed-config", "explain even if the configuration has changed since the run started", false)
    .option(...jsonOption)
    .action(async (run: string, task: string, options: WhyCommandOptions, command: Command) => {
      if ((options.from === undefined) !== (options.choose === undefined))
        command.error("error: --from and --choose belong together: a turn, and what to choose there");
      await whyCommand(run, task, options);
    });
};

/** The options that a run is opened with, as they are typed. */
const optionsOf = (
  { config, model, acceptChangedConfig }: NamedAgain,
  versions: WhyCommandOptions["versions"],
): readonly string[] => [
  ...(config === undefined ? [] : ["--config", config]),
  ...(model === undefined ? [] : ["--model", model]),
  ...(versions === undefined ? [] : ["--versions", versions.join(",")]),
  ...(acceptChangedConfig === true ? ["--accept-changed-config"] : []),
];

const whyCommand = async (
  run: string,
  task: string,
  { from, choose, versions, draws, alternatives, json, ...named }: WhyCommandOptions,
): Promise<void> => {
  if (choose !== undefined && choose.trim() === "")
    throw new ConfigError(
      `--choose is ${JSON.stringify(choose)}: accepted is a tool and a sub-goal, such as "web_search q1". Leave --from and --choose out to see what each planner would say.`,
    );
  const { root, id } = await findRun(run);
  const folder = join(root, id);
  const progress = sideScreen();
  const interrupts = listenToInterrupts(() => undefined);
  try {
    const found = await why(folder, task, {
      ...(await openedAgain(folder, named, process.env)),
      counterfactual: from === undefined || choose === undefined ? undefined : { from, choose },
      versions,
      draws,
      alternatives,
      onStage: (stage) => progress.live(stage),
      abortSignal: interrupts.abortSignal,
    });
    progress.clear();
    if (json) writeJson(found);
    else showWhy(openScreen(), found, [run, ...optionsOf(named, versions)]);
  } finally {
    interrupts.close();
    progress.clear();
  }
};
