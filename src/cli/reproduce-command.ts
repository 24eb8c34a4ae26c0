import { type Command, InvalidArgumentError } from "commander";
import { ConfigError } from "../errors.ts";
import {
  type ClaimReport,
  claims,
  type ReproduceEvent,
  type ReproductionReport,
  reproduce,
} from "../reproduce/index.ts";
import { usual } from "../reproduce/options.ts";
import { dryRun } from "../reproduce/paper/dry-run.ts";
import { countsText, metaText, oursText, seedsText } from "../reproduce/report-text.ts";
import { jsonOption, names, wholeNumber } from "./command-options.ts";
import { INTERRUPTED, listenToInterrupts } from "./interrupt.ts";
import { labelled, type Part, type Screen } from "./screen.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { counted, duration } from "./words.ts";

interface ReproduceCommandOptions {
  readonly seeds?: readonly number[] | undefined;
  readonly steps?: number | undefined;
  readonly minutes?: number | undefined;
  readonly out: string;
  readonly dryRun: boolean;
  readonly data?: string | undefined;
  readonly model?: string | undefined;
  readonly json: boolean;
  readonly quiet: boolean;
}

const PAPER = "paper";

/** `agentflow reproduce <claim | all | list | paper>`. Returns the exit code. */
const reproduceCommand = async (what: string, options: ReproduceCommandOptions): Promise<number> => {
  if (what === "list") return listClaims(options);
  if (what === PAPER) return paperCommand(options);
  const { out, json, quiet, seeds, steps, minutes } = options;
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  try {
    const { report, ended } = await reproduce({
      claims: what === "all" ? undefined : [what],
      folder: out,
      seeds,
      steps,
      minutes,
      onEvent: (event) => show(screen, event),
      abortSignal: interrupts.abortSignal,
    });
    screen.clear();
    if (json) writeJson(report);
    conclude(quiet && !json ? openScreen() : screen, report, out);
    if (ended !== "done")
      screen.line(
        `${ended === "interrupted" ? "Interrupted" : "The time is up"}: all results are kept, and the same command continues from there.`,
      );
    return ended === "interrupted" ? INTERRUPTED : 0;
  } finally {
    interrupts.close();
    screen.clear();
  }
};

const show = (screen: Screen, event: ReproduceEvent): void => {
  switch (event.type) {
    case "plan":
      screen.line(
        `${counted(event.arms, "run")} in all, ${event.known} done before; about ${duration(event.seconds)} to go`,
      );
      break;
    case "arm-start":
      screen.line(
        `${`${event.place}/${event.arms}`.padEnd(8)}${event.arm.name}, seed ${event.seed}: ${event.arm.about}; ${duration(event.secondsLeft)} left`,
      );
      break;
    case "arm-progress":
      screen.live(`${"".padEnd(8)}${event.words} · ${duration(event.secondsLeft)} left`);
      break;
    case "arm-end":
      screen.clear();
      break;
    case "arm-failed":
      screen.clear();
      screen.line(screen.bad(`${"".padEnd(8)}failed: ${event.why}`));
      break;
    case "out-of-time":
      screen.line(`${counted(event.arms, "run")} left out for want of time`);
      break;
  }
};

const verdictPart = (screen: Screen, { verdict }: ClaimReport, line: string): Part =>
  verdict === "holds" ? screen.good(line) : verdict === "does not" ? screen.bad(line) : line;

/** The table, in the width of the screen: a claim, what was published, what came out here. */
const conclude = (screen: Screen, report: ReproductionReport, out: string): void => {
  for (const claim of report.claims) {
    screen.line();
    labelled(screen, claim.verdict, claim.sentence, { paint: (line) => verdictPart(screen, claim, line), most: 4 });
    labelled(screen, "published", claim.published.figure, { paint: (line) => screen.dim(line), most: 4 });
    if (claim.ours === undefined) labelled(screen, "why", claim.why ?? "", { most: 5 });
    else
      labelled(screen, "ours", `${oursText(claim.ours)}, n = ${claim.ours.n}; by seed ${seedsText(claim.ours)}`, {
        most: 4,
      });
  }
  screen.line();
  labelled(screen, "in all", `${countsText(report.claims)}.`);
  labelled(screen, "with", metaText(report), { most: 6 });
  labelled(screen, "report", `${out}/report.html, report.md, report.json`);
};

const listClaims = ({ json }: ReproduceCommandOptions): number => {
  if (json) {
    writeJson({
      schemaVersion: 1,
      claims: claims.map(({ id, sentence, published, measured, arms, least, note }) => ({
        id,
        sentence,
        published,
        measured,
        arms,
        least,
        ...(note !== undefined && { note }),
      })),
    });
    return 0;
  }
  const screen = openScreen();
  for (const { id, sentence, published } of claims) {
    screen.line(screen.bold(id));
    labelled(screen, "", sentence);
    labelled(screen, "", `published: ${published.figure}`, { paint: (line) => screen.dim(line), most: 4 });
  }
  screen.line();
  screen.line("agentflow reproduce <claim>, or all of them: agentflow reproduce all");
  return 0;
};

/** `agentflow reproduce paper --dry-run`. */
const paperCommand = async ({ dryRun: isDry, data, model, json }: ReproduceCommandOptions): Promise<number> => {
  if (!isDry)
    throw new ConfigError(
      "The published run takes GPUs, which nothing here has: agentflow reproduce paper --dry-run checks all that it needs and runs its whole path on a small random model; docs/scale.md says how to run it at a server.",
    );
  const screen = openScreen({ json });
  const interrupts = listenToInterrupts(() => undefined);
  try {
    const report = await dryRun({
      data,
      model,
      abortSignal: interrupts.abortSignal,
      onCheck: ({ name, state, text }) => {
        screen.clear();
        labelled(screen, name, `${state === "ok" ? "" : `${state}: `}${text}`, {
          paint: (line) => (state === "wrong" ? screen.bad(line) : state === "ok" ? line : screen.dim(line)),
          most: 8,
        });
      },
      onStage: (stage) => screen.live(stage),
    });
    screen.clear();
    if (json) writeJson(report);
    return report.ready ? 0 : 1;
  } finally {
    interrupts.close();
    screen.clear();
  }
};

/** Reads seeds with commas between. */
const seedsOf = (text: string): number[] => {
  const seeds = names(text).map(wholeNumber(0, 2 ** 31));
  if (new Set(seeds).size === seeds.length) return seeds;
  throw new InvalidArgumentError("Accepted are different whole numbers with commas between.");
};

/** `agentflow reproduce`. */
export const addReproduce = (program: Command): void => {
  program
    .command("reproduce")
    .description("put published claims to the test on the Almanac, and say which hold")
    .argument("<claim>", "a claim of `reproduce list`, `all`, `list`, or `paper` for the published run")
    .option("--seeds <list>", `seeds, each of which runs everything (default: ${usual.seeds.join()})`, seedsOf)
    .option("--steps <number>", `training steps of a run (default: ${usual.steps})`, wholeNumber(1, 100_000))
    .option(
      "--minutes <number>",
      `begin nothing that would not end within this time (default: ${usual.minutes})`,
      wholeNumber(1, 100_000),
    )
    .option("--out <folder>", "keep runs and report here; what is here already is not run again", "reproduction")
    .option("--dry-run", "with paper: check data, tokenizer, prompts, memory, time and cost", false)
    .option("--data <file>", "with paper: your copy of the training data, to check it")
    .option("--model <folder>", "with paper: your copy of the published model, to check its tokenizer and prompts")
    .option(...jsonOption)
    .option("--quiet", "do not show progress", false)
    .action(async (what, options) => {
      process.exitCode = await reproduceCommand(what, options);
    });
};
