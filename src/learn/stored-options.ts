import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { parseJson } from "../bounded-json.ts";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { RUN_FILE_LIMITS } from "../store/stored-run.ts";
import { type AlgorithmName, algorithmNames } from "./algorithms.ts";
import { MICRO_PLANNER } from "./micro-planner.ts";
import { moduleNames, trainableNames } from "./modules.ts";
import type { Recipe } from "./recipe.ts";
import { isRecipe } from "./recipe-form.ts";
import { type AskedSettings, type LearnSettings, settingsOf } from "./settings.ts";

/** What a run folder says that `learn` was asked for. It is read with suspicion: the folder may be anybody's. */
export interface StoredOptions {
  readonly settings: LearnSettings;
  /** The recipe, where one was asked for. */
  readonly recipe: Recipe | undefined;
  /** Names of the environment and of the planner that were asked for; nothing is opened because they stand here. */
  readonly environment: string | undefined;
  readonly model: string | undefined;
  /** `options` of `options.json`, as written. */
  readonly written: Readonly<Record<string, unknown>>;
  /** `config.json`: everything that was used. */
  readonly config: Readonly<Record<string, unknown>>;
}

export const readJson = async (path: string): Promise<Record<string, unknown> | undefined> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new StoreError(`Cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = parseJson(text, RUN_FILE_LIMITS);
  } catch (error) {
    throw new StoreError(`${path} is damaged: ${messageOf(error)}`, { cause: error });
  }
  if (isRecord(value)) return value;
  throw new StoreError(`${path} is damaged: it holds no object.`);
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Of `options.json` since the recipe decides whether a built-in planner that imitates sees how many turns are left. */
export const OPTIONS_VERSION = 5;

/** Reads the options and the configuration of a run. Throws `ConfigError` for one that is not a run of learn, and `StoreError`. */
export const readStoredOptions = async (folder: string): Promise<StoredOptions> => {
  const path = join(folder, "options.json");
  const [stored, config] = [await readJson(path), (await readJson(join(folder, "config.json")))?.config];
  if (stored === undefined)
    throw new ConfigError(`The run ${folder} cannot be resumed: it died before it began, or is not a run of learn.`);
  const { schemaVersion } = stored;
  if (schemaVersion !== OPTIONS_VERSION) {
    const message = `${path} has schemaVersion ${JSON.stringify(schemaVersion)}; this version resumes and verifies runs with ${OPTIONS_VERSION}. Use the version that began the run, or begin a new one; runs show and query read it as it is.`;
    // An earlier version is not damage.
    throw typeof schemaVersion === "number" && schemaVersion < OPTIONS_VERSION
      ? new ConfigError(message)
      : new StoreError(message);
  }
  if (!isRecord(config)) throw new StoreError(`${join(folder, "config.json")} is damaged: it holds no config.`);
  const written = optionsIn(stored.options, path);
  const { recipe, environment, model } = written as Readonly<Record<string, string | undefined>>;
  return {
    settings: settingsOf(written as AskedSettings),
    recipe: isRecipe(recipe) ? recipe : undefined,
    environment,
    model,
    written,
    config,
  };
};

const isText = (value: unknown): boolean => typeof value === "string" && value.length <= 4096;
const isFlag = (value: unknown): boolean => typeof value === "boolean";
const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2 ** 31;
const isPositive = (value: unknown): boolean => typeof value === "number" && value > 0 && value <= 1_000_000;
const isShare = (value: unknown): boolean => typeof value === "number" && value >= 0 && value < 1;
const isListOf =
  (names: readonly string[]) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every((name) => names.includes(name as string));

const settingKinds: Readonly<Record<keyof LearnSettings, (value: unknown) => boolean>> = {
  seed: isCount,
  steps: isCount,
  coldStart: isCount,
  concurrency: isPositive,
  evalTasks: isPositive,
  validation: isFlag,
  replay: isFlag,
  modules: isListOf(moduleNames),
  train: isListOf(trainableNames),
  rank: isPositive,
  algorithm: (value) => algorithmNames.includes(value as AlgorithmName),
  learningRate: isPositive,
  maxStaleness: isCount,
  checkpointEvery: isPositive,
  guard: isFlag,
  patience: isPositive,
  minutes: isPositive,
  toolFailures: (value) => isShare(value) || (isRecord(value) && Object.values(value).every(isShare)),
  prompt: (value) => value === "compact" || value === "chat",
  verdicts: isFlag,
  permuteRewards: isFlag,
};

const kinds: Readonly<Record<string, (value: unknown) => boolean>> = {
  ...settingKinds,
  environment: isText,
  model: isText,
  engine: isText,
  context: isPositive,
  quantisation: (value) => ["int8", "int4", "none"].includes(value as string),
  recipe: isRecipe,
};

const required = ["seed", "validation", "replay", "guard", "permuteRewards"] as const;

const optionsIn = (value: unknown, path: string): Readonly<Record<string, unknown>> => {
  const damaged = (why: string): StoreError => new StoreError(`${path} is damaged: ${why}.`);
  if (!isRecord(value)) throw damaged("it holds no options");
  for (const [name, option] of Object.entries(value)) {
    const isKind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (isKind === undefined) throw damaged(`${JSON.stringify(name)} is not an option of learn`);
    if (!isKind(option)) throw damaged(`${name} is ${JSON.stringify(option)}`);
  }
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) throw damaged(`it lacks ${missing}`);
  return value;
};

/** What only says where something was, or has been compared already. */
const places = ["model", "project", "projectSha256"];

/**
 * The first key in which what a run used, by its `config.json`, is not what its options ask for; undefined when there is
 * none. On another machine the machine's own keys may differ.
 */
export const keyThatDiffers = (
  recorded: Readonly<Record<string, unknown>>,
  now: Readonly<Record<string, unknown>>,
): string | undefined => {
  const text = (value: unknown): string | undefined => JSON.stringify(value);
  const sameMachine = text(recorded.machine) === text(now.machine);
  const madeHere = now.model === MICRO_PLANNER;
  const keys = new Set([...Object.keys(recorded), ...Object.keys(now)]);
  for (const key of places) keys.delete(key);
  if (!sameMachine) keys.delete("machine");
  // Weights that the run made for itself depend on the machine.
  if (!sameMachine && madeHere) keys.delete("weights");
  return [...keys].find((key) => text(recorded[key]) !== text(now[key]));
};
