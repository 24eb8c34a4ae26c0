import type { World } from "../../environment.ts";
import { ConfigError } from "../../errors.ts";
import type { ReplyLog } from "../../reply-log.ts";
import { secretsOf } from "../../secrets/secrets.ts";
import { type LoadedConfig, loadConfig } from "../../setup/config-file.ts";
import {
  checkDuplicates,
  checkLeaks,
  checkReward,
  checkSpread,
  checkTasks,
  checkTools,
  type Finding,
} from "./check-project.ts";
import { explore } from "./explore.ts";
import { calculatorsOf, projectWorld } from "./project-environment.ts";
import { readTasks, rewardOf, splitTasks } from "./project-tasks.ts";

/** Turns of a walk that looks what there is: more than a solve has, so that what long plans need comes by. */
const EXPLORED_TURNS = 10;

export interface OpenProjectOptions {
  /** The configuration. */
  readonly file: string;
  readonly seed: number;
  /** Keeps what the tools reply, here and in all flows of the world. */
  readonly replies?: ReplyLog | undefined;
  readonly onStage: (stage: string) => void;
  readonly abortSignal: AbortSignal;
}

/** A project that was looked at: what was found, and the world of its tasks. */
export interface Project {
  readonly loaded: LoadedConfig;
  readonly world: World;
  readonly findings: readonly Finding[];
}

/**
 * Reads a project, calls its tools with real arguments, and checks all that would make training vain. Throws
 * `ConfigError` where there is nothing to look at: no tools, or fewer tasks than a step needs.
 */
export const openProject = async ({
  file,
  seed,
  replies,
  onStage,
  abortSignal,
}: OpenProjectOptions): Promise<Project> => {
  const loaded = await loadConfig(file);
  const { config } = loaded;
  const tasks = splitTasks(await readTasks(config, file, seed));
  const { tools = {}, budget } = config;
  const enough = checkTasks(tasks, file);
  if (enough.level === "error") throw new ConfigError(enough.message);
  if (Object.keys(tools).length === 0)
    throw new ConfigError(
      `${file} has no tools: give tools to defineConfig, each with description, inputSchema, execute.`,
    );
  onStage("checking the reward");
  const reward = await checkReward(config, tasks);
  if (reward.level === "error") throw new ConfigError(reward.message);
  const training = tasks.filter(({ sealed }) => sealed.role === "trained" && sealed.split === "train");
  // What a tool says of a key is neither kept nor learnt.
  const secrets = secretsOf(process.env);
  const exploration = await explore({
    tools,
    calculators: calculatorsOf(tools),
    tasks: training,
    reward: rewardOf(config),
    flow: { ...(budget !== undefined && { budget }), ...(replies !== undefined && { replies }), secrets },
    seed,
    turns: Math.max(EXPLORED_TURNS, budget?.turns ?? 0),
    onProgress: (done, total) => onStage(`calling the tools: ${done}/${total}`),
    abortSignal,
  });
  const world = projectWorld({ config, tasks, exploration, seed, replies, secrets });
  const answering = checkTools(config, exploration);
  const broken = answering.some(({ level }) => level === "error");
  onStage("random valid plans");
  return {
    loaded,
    world,
    findings: [
      enough,
      reward,
      ...answering,
      checkLeaks(config, tasks),
      checkDuplicates(tasks),
      ...(broken ? [] : [await checkSpread(world, seed, abortSignal)]),
    ],
  };
};

/** Findings as lines: what is fine too, for who asked. */
export const findingLines = (findings: readonly Finding[]): string[] =>
  findings.map(({ check, level, message }) => `${level.padEnd(8)} ${check.padEnd(10)} ${message}`);

/** Throws `ConfigError` with the first thing that would make training vain. */
export const requireSound = (findings: readonly Finding[]): void => {
  const errors = findings.filter(({ level }) => level === "error");
  const [first] = errors;
  if (first === undefined) return;
  const more = errors.length === 1 ? "" : ` (and ${errors.length - 1} more: learn --check shows all)`;
  throw new ConfigError(`${first.message}${more}`);
};
