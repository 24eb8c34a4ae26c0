import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError, messageOf, StoreError } from "../errors.ts";
import { hashOfConfig } from "../setup/config-file.ts";
import { BUILT_IN_MODEL } from "../setup/local-model.ts";
import { moduleNames, trainableNames } from "./cast.ts";
import { MICRO_PLANNER } from "./micro-planner.ts";
import type { LearnOptions } from "./options.ts";

/** What a run folder says that `learn` was asked for. It is read with suspicion: the folder may be anybody's. */
export interface StoredOptions {
  readonly options: LearnOptions;
  /** `config.json`: everything that was used. */
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * What the person who resumes or verifies a run names on this machine. Nothing that is run or opened is taken from
 * the run's folder: it may be anybody's.
 */
export interface NamedHere {
  readonly config?: string | undefined;
  readonly model?: string | undefined;
  /** Go on though the configuration is another one than the run began with. */
  readonly acceptChangedConfig?: boolean | undefined;
}

export const readJson = async (path: string): Promise<Record<string, unknown> | undefined> => {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw new StoreError(`Cannot read ${path}: ${error.message}`, { cause: error });
  });
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new StoreError(`${path} is damaged: ${messageOf(error)}`, { cause: error });
  }
  if (isRecord(value)) return value;
  throw new StoreError(`${path} is damaged: it holds no object.`);
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** Of `options.json` since `config.json` names every option of Flow-GRPO, of which the samples decide about π_old. */
export const OPTIONS_VERSION = 3;

/** Reads the options and the configuration of a run. Throws `ConfigError` for one that is no run of learn, and `StoreError`. */
export const readStoredOptions = async (folder: string, id: string): Promise<StoredOptions> => {
  const path = join(folder, "options.json");
  const [stored, written] = [await readJson(path), (await readJson(join(folder, "config.json")))?.config];
  if (stored === undefined)
    throw new ConfigError(`The run ${id} cannot be gone on with: it died before it began, or is no run of learn.`);
  const { schemaVersion } = stored;
  if (schemaVersion !== OPTIONS_VERSION) {
    const message = `${path} has schemaVersion ${JSON.stringify(schemaVersion)}; this version resumes and verifies runs with ${OPTIONS_VERSION}. Use the version that began the run, or begin a new one; runs show, query and solve --policy read it as it is.`;
    // An earlier version is no damage.
    throw Number(schemaVersion) < OPTIONS_VERSION ? new ConfigError(message) : new StoreError(message);
  }
  if (!isRecord(written)) throw new StoreError(`${join(folder, "config.json")} is damaged: it holds no config.`);
  return { options: optionsIn(stored.options, path), config: written };
};

const isText = (value: unknown): boolean => typeof value === "string" && value.length <= 4096;
const isFlag = (value: unknown): boolean => typeof value === "boolean";
const isCount = (value: unknown): boolean => Number.isInteger(value) && Number(value) >= 0 && Number(value) <= 2 ** 31;
const isPositive = (value: unknown): boolean => typeof value === "number" && value > 0 && value <= 1_000_000;
const isListOf =
  (names: readonly string[]) =>
  (value: unknown): boolean =>
    Array.isArray(value) && value.every((name) => names.includes(name as string));

const kinds: Readonly<Record<keyof LearnOptions, (value: unknown) => boolean>> = {
  seed: isCount,
  steps: isCount,
  out: isText,
  model: isText,
  config: isText,
  coldStart: isCount,
  check: isFlag,
  concurrency: isPositive,
  evalTasks: isPositive,
  json: isFlag,
  quiet: isFlag,
  validation: isFlag,
  replay: isFlag,
  modules: isListOf(moduleNames),
  train: isListOf(trainableNames),
  rank: isPositive,
  context: isPositive,
  quantisation: (value) => ["int8", "int4", "none"].includes(value as string),
  learningRate: isPositive,
  maxStaleness: isCount,
  checkpointEvery: isPositive,
  guard: isFlag,
  patience: isPositive,
  minutes: isPositive,
  verdicts: isFlag,
  permuteRewards: isFlag,
};

const required = ["seed", "out", "json", "quiet", "validation", "replay", "guard", "permuteRewards"] as const;

const optionsIn = (value: unknown, path: string): LearnOptions => {
  const damaged = (why: string): StoreError => new StoreError(`${path} is damaged: ${why}.`);
  if (!isRecord(value)) throw damaged("it holds no options");
  for (const [name, option] of Object.entries(value)) {
    if (!Object.hasOwn(kinds, name)) throw damaged(`${JSON.stringify(name)} is no option of learn`);
    if (!kinds[name as keyof LearnOptions](option)) throw damaged(`${name} is ${JSON.stringify(option)}`);
  }
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) throw damaged(`it lacks ${missing}`);
  return value as Partial<LearnOptions> as LearnOptions;
};

/**
 * The options with the configuration and the model that a person names here, where the run had any. Throws `ConfigError`
 * when one is not named, or when the configuration is not that of the run.
 */
export const optionsHere = async (
  id: string,
  { options, config: recorded }: StoredOptions,
  { config, model, acceptChangedConfig = false }: NamedHere,
): Promise<LearnOptions> => {
  const place = async (option: "config" | "model", here: string | undefined): Promise<string | undefined> => {
    const there = options[option];
    if (there === undefined && here !== undefined)
      throw new ConfigError(`The run ${id} was begun without --${option}: leave it out.`);
    if (there === undefined || (option === "model" && there === BUILT_IN_MODEL)) return there;
    if (here !== undefined) return here;
    throw new ConfigError(
      `The run ${id} was begun with --${option} ${JSON.stringify(there)}. Nothing is ${option === "config" ? "run" : "opened"} because a run's folder names it: say --${option} <${option === "config" ? "file" : "model"}> again.`,
    );
  };
  const named = { config: await place("config", config), model: await place("model", model) };
  if (named.config !== undefined && !acceptChangedConfig) {
    const [found, expected] = [await hashOfConfig(named.config), recorded.projectSha256];
    if (found !== expected)
      throw new ConfigError(
        `${named.config} has the SHA-256 ${found}, and the configuration that the run ${id} began with had ${String(expected)}. Name that one, or accept the other: --accept-changed-config.`,
      );
  }
  return { ...options, ...named };
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
  const madeHere = now.project !== undefined && now.model === MICRO_PLANNER;
  const keys = new Set([...Object.keys(recorded), ...Object.keys(now)]);
  for (const key of places) keys.delete(key);
  if (!sameMachine) keys.delete("machine");
  // Weights that the run made for itself depend on the machine.
  if (!sameMachine && madeHere) keys.delete("weights");
  return [...keys].find((key) => text(recorded[key]) !== text(now[key]));
};
