import { type Command, InvalidArgumentError, Option } from "commander";
import { baselineNames, baselines, benchmarks } from "../benchmarks/index.ts";
import { setNames } from "../environment.ts";
import { formats } from "../tasks/task-file.ts";
import { budgetOf, wholeNumber } from "./command-options.ts";
import { checkCommand } from "./eval-check.ts";
import { evalCommand } from "./eval-command.ts";
import { wrap } from "./text-width.ts";

/** Reads points of accuracy, 0 to 100, as a share. */
const pointsOf = (text: string): number => {
  const points = Number(text);
  if (text.trim() !== "" && points >= 0 && points <= 100) return points / 100;
  throw new InvalidArgumentError("Accepted is a number of points from 0 to 100.");
};

/** What each baseline is, in 80 columns. */
const baselineLines = (): string[] =>
  Object.entries(baselines).flatMap(([name, about]) =>
    wrap(about, 80 - INDENT).map((line, i) => `${(i === 0 ? `  ${name}` : "").padEnd(INDENT)}${line}`),
  );
const INDENT = 17;

/** `agentflow eval`. */
export const addEval = (command: Command): void => {
  command
    .description("measure accuracy, with intervals, on a benchmark, a file of tasks or a set of the Almanac")
    .argument(
      "[name or file]",
      `a benchmark (${benchmarks.map(({ name }) => name).join(", ")}), ${setNames.join(", ")}, or a file: JSON, JSON lines, CSV or Parquet (default: what the project holds out, else heldOutPages)`,
    )
    .addOption(
      new Option("--format <format>", "format of the file (default: recognised by its fields)").choices([...formats]),
    )
    .option("--data <file>", "your copy of the benchmark's file (default: what agentflow data get has fetched)")
    .option("--check", "only check that each key, given back, is right; calls no model", false)
    .option("--limit <number>", "use only the first <number> tasks", wholeNumber(1))
    .option("--concurrency <number>", "solve this many questions at once", wholeNumber(1, 1024), 16)
    .addOption(new Option("--baseline <name>", "measure a baseline instead (listed below)").choices(baselineNames))
    .option("--planner <model>", "let this model plan; the other modules stay")
    .option("--experience <folder>", "what solved earlier tasks, for --baseline experience")
    .option("--judge <model>", "let this model judge each answer beside the rules, and report how far they agree")
    .option("--total <limits>", "limit all tasks together: tokens=2000000,dollars=5,seconds=3600", budgetOf)
    .option("--cache <folder>", "keep results here, and use those whose task, models, tools and settings are the same")
    .option("--out <file>", "write the report to this file, as JSON")
    .option("--markdown <file>", "write the report as Markdown, too")
    .option("--html <file>", "write the report as one HTML file, too")
    .option("--against <file>", "compare with an earlier report on the same tasks; exit with 1 if accuracy fell")
    .option(
      "--max-drop <points>",
      "with --against: allow this much less accuracy (default: what may be chance)",
      pointsOf,
    )
    .option("--resume", "resume an interrupted evaluation (with --out)", false)
    .option("--json", "print one JSON object to stdout, progress to stderr", false)
    .option("--quiet", "print only the accuracy", false)
    .addHelpText("after", `\nBaselines:\n${baselineLines().join("\n")}`)
    .action(async (set, { check, ...options }, command: Command) => {
      if (options.resume && options.out === undefined)
        command.error("error: --resume needs --out: an evaluation resumes from what stands beside its report");
      if (options.maxDrop !== undefined && options.against === undefined)
        command.error("error: --max-drop needs --against: the report whose accuracy may not fall");
      if (options.baseline === "large-planner" && options.planner === undefined)
        command.error("error: --baseline large-planner needs --planner: the larger model");
      if (options.baseline === "offline-sft" && options.policy === undefined)
        command.error("error: --baseline offline-sft needs --policy: a run of agentflow sft");
      if (options.baseline === "untrained" && options.policy !== undefined)
        command.error("error: --baseline untrained uses no trained weights: leave --policy out");
      process.exitCode = await (check ? checkCommand : evalCommand)(set, options);
    });
};
