#!/usr/bin/env node
import { existsSync } from "node:fs";
import { Command, CommanderError, Option } from "commander";
import { ConfigError, TaskError } from "../errors.ts";
import { algorithmNames } from "../learn/algorithms.ts";
import { moduleNames, trainableNames } from "../learn/modules.ts";
import { recipes } from "../learn/recipe.ts";
import { redactor } from "../secrets/redact.ts";
import { secretsOf } from "../secrets/secrets.ts";
import { BUILT_IN_MODEL } from "../setup/local-model.ts";
import { addEval } from "./add-eval.ts";
import {
  budgetOf,
  findProject,
  listOf,
  names,
  noConfigOption,
  positive,
  seedOption,
  serverAddress,
  sharesOf,
  wholeNumber,
} from "./command-options.ts";
import { addData } from "./data-command.ts";
import { doctor } from "./doctor.ts";
import { addEngineCommands } from "./engine-command.ts";
import { showFailure, takeReports } from "./failure.ts";
import { addInit } from "./init.ts";
import { INTERRUPTED, isInterruption } from "./interrupt.ts";
import { learnCommand } from "./learn.ts";
import { addReproduce } from "./reproduce-command.ts";
import { addServe } from "./serve.ts";
import { sftCommand } from "./sft.ts";
import { replaySolve, solve } from "./solve.ts";
import { addStoredCommands } from "./stored-commands.ts";
import { guardStreams, openScreen, sideScreen } from "./terminal.ts";
import { version } from "./version.ts";
import { guarded } from "./waiting.ts";
import { watchCommand } from "./watch.ts";
import { addWorker } from "./worker.ts";

const FAILED = 1;
const WRONG_CALL = 2;

// With a listener, no other process can turn on the inspector, which runs whatever it is sent.
process.on("SIGUSR1", () => undefined);

/** ONNX Runtime looks through the command line of its process with a pattern that takes its stack: 60,000 letters end it. */
const LONGEST_ARGUMENT = 16_000;
const refuseLongArguments = (): void => {
  const long = process.argv.slice(2).find((argument) => argument.length > LONGEST_ARGUMENT);
  if (long !== undefined)
    throw new ConfigError(
      `An argument has ${long.length} characters: accepted are ${LONGEST_ARGUMENT}. Longer questions go into a file: agentflow eval <file>.`,
    );
};

const program = new Command("agentflow")
  .description("Agents that learn in the flow.")
  .version(version)
  .hook("preAction", (_, command) => findProject(command))
  .exitOverride()
  // Names of subcommands are long: their descriptions wrap all the same.
  .configureHelp({ minWidthToWrap: 20 })
  .configureOutput({
    writeOut: (text) => openScreen().text(text.replace(/\n$/, "")),
    writeErr: (text) => sideScreen().text(text.replace(/\n$/, "")),
    outputError: (text) => showFailure(text.replace(/^error: /, "")),
  });

program
  .command("learn")
  .description("evaluate the planner, train it in the flow, evaluate it again and compare")
  .option(...seedOption)
  .option(
    "--steps <number>",
    `number of training steps (default: ${recipes.tiny.steps}; ${recipes.flowOnly.steps} without a cold start, ${recipes.micro.steps} for a project)`,
    wholeNumber(0),
  )
  .option("--out <folder>", "store the run in <folder>/<id>", "runs")
  .option(
    "--config <file>",
    "learn on a project's tasks, tools and reward (default: agentflow.config.ts here; see init)",
  )
  .option(...noConfigOption)
  .option(
    "--cold-start <steps>",
    "steps of imitation before the first rollout; with 0 the built-in planner learns in the flow alone",
    wholeNumber(0),
  )
  .option("--check", "check the project (tasks, tools, reward) and stop", false)
  .option(
    "--model <folder>",
    `start from this planner: a run, a model folder or a pulled model (default: ${BUILT_IN_MODEL}; for a project, a small one made for its tools)`,
  )
  .option("--engine <url>", "sample and train at a server of the Tinker API (with TINKER_API_KEY)", serverAddress)
  .option("--queue <where>", "let workers do the rollouts (see worker): local, or a server of NATS, nats://host:4222")
  .option(
    "--modules <list>",
    `modules that the model plays: ${moduleNames.join(",")} (default: all)`,
    listOf(moduleNames),
  )
  .option(
    "--train <list>",
    `modules that learn: ${trainableNames.join(",")} (default: planner)`,
    listOf(trainableNames),
  )
  .option("--rank <number>", "rank of the adapters (default: 16)", wholeNumber(1, 512))
  .option("--context <tokens>", "longest sequence of a published model (default: 4096)", wholeNumber(64))
  .addOption(new Option("--quantisation <kind>", "how a published model samples").choices(["int8", "int4", "none"]))
  .option("--minutes <number>", "stop training after this many minutes", wholeNumber(1, 100_000))
  .addOption(
    new Option("--algorithm <name>", "how rewards become gradients (default: as the recipe says)").choices(
      algorithmNames,
    ),
  )
  .option(
    "--learning-rate <number>",
    `peak learning rate (default: ${recipes.tiny.learningRate.peak}; adapters have their own)`,
    positive,
  )
  .option(
    "--max-staleness <steps>",
    "roll out while training; use rollouts that are at most this many versions old (default: 0)",
    wholeNumber(0, 16),
  )
  .option("--watch <file>", "learn from a growing file of tasks: JSON lines with question and answer")
  .option("--every <number>", "with --watch: start a round after this many new tasks", wholeNumber(1), 32)
  .option("--rounds <number>", "with --watch: stop after this many rounds", wholeNumber(1))
  .option(
    "--resume <run>",
    "resume an interrupted run (a folder or an id in runs/); give its --config and --model again",
  )
  .option("--accept-changed-config", "resume even if the configuration has changed since the run started", false)
  .option("--checkpoint-every <steps>", "steps between checkpoints (default: 25; 2 for adapters)", wholeNumber(1))
  .option("--patience <number>", "stop after this many validations without improvement", wholeNumber(1))
  .option("--no-guard", "do not undo steps that go too far, and keep the last version instead of the best")
  .option(
    "--concurrency <number>",
    "solve this many questions at once; changes the time, not the result",
    wholeNumber(1, 1024),
  )
  .option(
    "--eval-tasks <number>",
    "use this many questions of each evaluation set (default: 40 to 448)",
    wholeNumber(1, 10_000),
  )
  .option("--validation", "evaluate on the validation split, to choose settings", false)
  .option("--no-replay", "imitate nothing while learning from the reward")
  .addOption(
    new Option(
      "--prompt <form>",
      "how a chat model that learns is prompted (default: compact, at a server chat)",
    ).choices(["compact", "chat"]),
  )
  .addOption(
    new Option("--verdicts", "show each turn's verdict to the built-in planner while training")
      .conflicts("watch")
      .hideHelp(),
  )
  .option(
    "--tool-failures <shares>",
    "let this share of calls fail in training: 0.3, or by tool web_search=0.3,web_page=0.1",
    sharesOf,
  )
  .option("--permute-rewards", "shuffle the rewards (a control: nothing should be learnt)", false)
  .addOption(
    new Option("--ui", "show the run in a page of the browser while it learns").default(false).conflicts("watch"),
  )
  .option("--json", "print one JSON object to stdout, progress to stderr", false)
  .option("--quiet", "do not show progress", false)
  .action(async ({ watch: watched, every, rounds, ...options }) => {
    process.exitCode =
      watched === undefined
        ? await learnCommand(options)
        : await watchCommand({ ...options, watch: watched, every, rounds });
  });

program
  .command("sft")
  .description("imitate solved trajectories offline, to compare with learning in the flow")
  .option(...seedOption)
  .option("--from <run or file>", "imitate these solved trajectories (default: the oracle's plans on training tasks)")
  .option("--demonstrations <number>", "imitate this many of the oracle's plans", wholeNumber(1), 2000)
  .option("--steps <number>", "number of training steps", wholeNumber(1), 300)
  .option("--batch <number>", "trajectories per step", wholeNumber(1), 32)
  .option("--learning-rate <number>", "peak learning rate", positive, 1e-3)
  .option("--model <model>", "start from this planner", BUILT_IN_MODEL)
  .option(
    "--eval-tasks <number>",
    "use this many questions of each evaluation set (default: 40 to 448)",
    wholeNumber(1, 10_000),
  )
  .option("--validation", "evaluate on the validation split", false)
  .option("--out <folder>", "folder of the runs", "runs")
  .option("--json", "print one JSON object to stdout, progress to stderr", false)
  .option("--quiet", "do not show progress", false)
  .action(async (options) => {
    process.exitCode = await sftCommand(options);
  });

/** Options of all commands that solve: the models of the roles, the tools and the budget. */
const withSetUp = (command: Command): Command =>
  command
    .option(...seedOption)
    .option("--config <file>", "use a project's tools, models and budget (default: agentflow.config.ts here; see init)")
    .option(...noConfigOption)
    .option(
      "--policy <run or folder>",
      "use these weights: a run, its id in runs/, a folder, or agentflow-tiny-trained (default: solve and serve take the newest finished run here, else agentflow-tiny-trained; other commands agentflow-tiny)",
    )
    .option(
      "--model <model>",
      "use one model for all roles: openai:<name>, <address of an endpoint>#<name>, a model folder, a GGUF file or a pulled model",
    )
    .option(
      "--modules <list>",
      `modules that a local model plays: ${moduleNames.join(",")} (default: all)`,
      listOf(moduleNames),
    )
    .option("--context <tokens>", "longest sequence of a published model (default: 4096)", wholeNumber(64))
    .addOption(new Option("--quantisation <kind>", "how a published model samples").choices(["int8", "int4", "none"]))
    .option("--tools <list>", "use only these tools (default: all)", names)
    .option("--max-turns <number>", "stop after this many planner turns", wholeNumber(1, 1000))
    .option("--budget <limits>", "limit the cost, e.g. tokens=50000,seconds=60,dollars=0.1,calls=20", budgetOf)
    .addHelpText(
      "after",
      "\nEnvironment (or .env): OPENAI_API_KEY for OpenAI or OPENAI_BASE_URL,\nAGENTFLOW_MODEL, AGENTFLOW_API_KEY for AGENTFLOW_BASE_URL.",
    );

withSetUp(program.command("solve"))
  .description("solve one question, turn by turn")
  .argument("[question]")
  .option("--solution", "ask the model for the reasoning too (the default for models behind an endpoint)")
  .option("--no-solution", "ask the model only for the answer")
  .option("--approve", "ask at the terminal before a tool changes something", false)
  .option("--out <folder>", "store the solve in this folder of runs", "runs")
  .option("--no-store", "do not store the solve")
  .option("--replay <run>", "show a stored solve again, without calling anything")
  .option("--json", "print one JSON object to stdout", false)
  .option("--quiet", "print only the answer", false)
  .action(async (question: string | undefined, { store, out, replay, ...options }, command: Command) => {
    if (replay !== undefined) process.exitCode = await replaySolve(replay, options);
    else if ((question ?? "").trim() === "") command.error("error: missing required argument 'question'");
    else process.exitCode = await solve(question ?? "", { ...options, out: store ? out : undefined });
  });

addEval(withSetUp(program.command("eval")));
addData(program);
addReproduce(program);
addServe(withSetUp(program.command("serve")));

withSetUp(program.command("doctor"))
  .description("check every model, tool, key and sandbox with a real call; show what runs where")
  .option("--json", "print one JSON object to stdout", false)
  .option("--quiet", "print nothing; only set the exit code", false)
  .action(async (options) => {
    process.exitCode = await doctor(options);
  });

addInit(program);
addStoredCommands(program);
addEngineCommands(program);
addWorker(program);

guardStreams();
takeReports();

try {
  // Variables of the environment take precedence over .env.
  if (existsSync(".env")) process.loadEnvFile(".env");
  refuseLongArguments();
  await guarded(() => program.parseAsync());
} catch (error) {
  // The last words of a crash go through the same gate as all others.
  redactor(secretsOf(process.env)).error(error);
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : WRONG_CALL;
  else if (isInterruption(error)) process.exitCode = INTERRUPTED;
  else {
    showFailure(error);
    process.exitCode = error instanceof ConfigError || error instanceof TaskError ? WRONG_CALL : FAILED;
  }
}
