import type { RunRecord } from "./run-record.ts";

/** Options of `agentflow learn` by the name of the setting that they set. */
const flags: Readonly<Record<string, string>> = {
  seed: "--seed",
  steps: "--steps",
  coldStart: "--cold-start",
  concurrency: "--concurrency",
  evalTasks: "--eval-tasks",
  modules: "--modules",
  train: "--train",
  rank: "--rank",
  algorithm: "--algorithm",
  learningRate: "--learning-rate",
  maxStaleness: "--max-staleness",
  checkpointEvery: "--checkpoint-every",
  patience: "--patience",
  minutes: "--minutes",
  context: "--context",
  quantisation: "--quantisation",
};

/** Those that stand for one value of a setting. */
const switches: readonly (readonly [setting: string, value: boolean, flag: string])[] = [
  ["validation", true, "--validation"],
  ["replay", false, "--no-replay"],
  ["guard", false, "--no-guard"],
  ["verdicts", true, "--verdicts"],
  ["permuteRewards", true, "--permute-rewards"],
];

/**
 * The command that does a run again, from the options that it was given. What is on the machine of whoever repeats it (a
 * project's configuration, a model) stands as a name to fill in.
 */
export const commandOf = ({ options, config }: RunRecord): string => {
  const words = ["npx agentflow learn"];
  if (options.environment !== undefined && options.environment !== "almanac") words.push("--config <file>");
  if (options.model !== undefined) words.push("--model <model>");
  if (options.engine !== undefined) words.push("--engine <url>");
  for (const [setting, flag] of Object.entries(flags)) {
    const value = options[setting];
    if (value !== undefined) words.push(`${flag} ${Array.isArray(value) ? value.join(",") : String(value)}`);
  }
  const { toolFailures } = options;
  if (typeof toolFailures === "number") words.push(`--tool-failures ${toolFailures}`);
  else if (typeof toolFailures === "object" && toolFailures !== null)
    words.push(
      `--tool-failures ${Object.entries(toolFailures)
        .map(([tool, share]) => `${tool}=${share}`)
        .join(",")}`,
    );
  for (const [setting, value, flag] of switches) if (options[setting] === value) words.push(flag);
  if (options.steps === undefined && config.steps !== undefined) words.push(`--steps ${String(config.steps)}`);
  return words.join(" ");
};
