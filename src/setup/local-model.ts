import { readFile, stat } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { isAdapterFolder, readAdapterBase } from "../engines/onnx/files/adapter-files.ts";
import { readManifest } from "../engines/onnx/files/manifest.ts";
import { parseModelName, resolveModel } from "../engines/onnx/files/model-cache.ts";
import { type OpenEngineOptions, openEngine } from "../engines/onnx/index.ts";
import { ConfigError } from "../errors.ts";
import type { PromptForm } from "../flow/model/prompt-form.ts";
import { FAMILIARITY_FILE } from "../learn/familiar-questions.ts";
import { trainableNames } from "../learn/modules.ts";
import { type PlannerSource, roomFor } from "../learn/planner-source.ts";
import { defined } from "../options.ts";
import { packageFolder } from "../package-folder.ts";

/** The planner that the package ships. */
export const BUILT_IN_MODEL = "agentflow-tiny";

/** The same after a run of learning on the Almanac, which its manifest names. */
export const TRAINED_MODEL = "agentflow-tiny-trained";

const isBuiltIn = (name: string): boolean => name === BUILT_IN_MODEL || name === TRAINED_MODEL;

const isThere = (path: string): Promise<boolean> =>
  stat(path).then(
    () => true,
    () => false,
  );

/** What tells a folder of a model or an adapter that was not written here. */
const SIGNS = ["adapter_config.json", "model.safetensors", "model.safetensors.index.json"];

/**
 * What to open for a name that a person typed: a model folder, a GGUF file, a run's folder, or the id of a run in
 * `runs/` (both stand for its weights), the built-in model, or a model that was pulled (`owner/name`). Throws
 * `ConfigError` when there is none.
 *
 * @example
 * ```ts
 * import { openEngine } from "agentflow/engines/onnx";
 * import { findModel } from "agentflow/setup";
 *
 * const engine = await openEngine(await findModel("agentflow-tiny"));
 * ```
 */
export const findModel = async (name: string): Promise<string> => {
  if (isBuiltIn(name)) return name;
  for (const folder of [name, join(name, "weights"), join("runs", name, "weights")])
    if (await isThere(join(folder, "manifest.json"))) return folder;
  for (const sign of SIGNS) if (await isThere(join(name, sign))) return name;
  if (/\.gguf$/i.test(name) && (await isThere(name))) return name;
  if (parseModelName(name) !== undefined && !(await isThere(name))) return resolveModel(name);
  for (const folder of [name, join("runs", name)])
    if (await isThere(join(folder, "weights", "tinker.json")))
      throw new ConfigError(
        `The weights of ${name} are at the server that trained them, as its weights/tinker.json says: they cannot be opened here. Accepted is a run that was trained here.`,
      );
  throw new ConfigError(
    `There is no planner "${name}": accepted are ${BUILT_IN_MODEL}, a run that has saved its weights (its folder, or its id in runs/), a model folder, a GGUF file, or a pulled model (owner/name).`,
  );
};

/**
 * The folder of a run, by its folder or by its id in `runs/`. Throws `ConfigError` when there is none.
 *
 * @example
 * ```ts
 * import { findRun } from "agentflow/setup";
 *
 * const { root, id } = await findRun("2026-11-29-1412-7f3a");
 * ```
 */
export const findRun = async (name: string): Promise<{ readonly root: string; readonly id: string }> => {
  for (const folder of [name, join("runs", name)])
    if (await isThere(join(folder, "config.json")))
      return { root: dirname(resolve(folder)), id: basename(resolve(folder)) };
  throw new ConfigError(`There is no run "${name}": give its folder, or its id in runs/ (agentflow runs list).`);
};

/** `findModel` as a path, the built-in model included. */
export const findModelPath = async (name: string): Promise<string> =>
  isBuiltIn(name) ? fileURLToPath(new URL(`models/${name}`, packageFolder)) : findModel(name);

/** A model, and the adapters on it that policies start from, by policy name. */
export interface Players {
  readonly model: string;
  readonly adapters?: Readonly<Record<string, string>>;
  /** Folder of the verifier that learnt beside a planner, where both have weights of their own. */
  readonly verifier?: string;
  /** How the prompts are written that it was trained on. */
  readonly prompt?: PromptForm;
  /** Whether it was trained on prompts with verdicts: without them it is not itself. */
  readonly verdicts?: boolean;
  /** Whether it was trained on prompts that say how many turns are left. */
  readonly turnsLeft?: boolean;
  /** Whether it was trained on prompts that mark the fields of the asked unit. */
  readonly marked?: boolean;
  /** How what it imitated refers to results. */
  readonly references?: "entries" | "things";
  /** Templates of the questions that it was trained on, where they are known. */
  readonly familiar?: readonly string[];
}

/**
 * `findModel` for a name that may stand for adapters: of a run that trained several modules, or of one.
 *
 * @example
 * ```ts
 * import { findPlayers } from "agentflow/setup";
 *
 * const { model, adapters } = await findPlayers("runs/2026-11-29-1412-7f3a");
 * console.log(model, Object.keys(adapters ?? {}));
 * ```
 */
export const findPlayers = async (name: string): Promise<Players> => ({
  ...(await findWeights(name)),
  ...defined({ familiar: await familiarTo(name) }),
});

/** What a run, or the planner that the package ships, was trained on. */
const familiarTo = async (name: string): Promise<readonly string[] | undefined> => {
  const shipped = name === TRAINED_MODEL ? [await findModelPath(name)] : [];
  for (const folder of [...shipped, name, join("runs", name)]) {
    const text = await readFile(join(folder, FAMILIARITY_FILE), "utf8").catch(() => undefined);
    if (text === undefined) continue;
    const templates: unknown = (parsed(text) as { readonly templates?: unknown } | undefined)?.templates;
    if (Array.isArray(templates) && templates.length > 0 && templates.every((one) => typeof one === "string"))
      return templates;
  }
  return undefined;
};

const parsed = (text: string): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    // Damaged: then nothing is known of what was trained.
    return undefined;
  }
};

const findWeights = async (name: string): Promise<Players> => {
  for (const weights of [join(name, "weights"), join("runs", name, "weights")]) {
    const adapters: Record<string, string> = {};
    for (const module of trainableNames)
      if (await isAdapterFolder(join(weights, module))) adapters[module] = join(weights, module);
    const [first] = Object.values(adapters);
    if (first !== undefined)
      return {
        model: await findModel(await readAdapterBase(first)),
        adapters,
        prompt: "chat",
        ...(await promptsKnownTo(adapters.planner ?? first)),
      };
    const [model, verifier] = [join(weights, "planner"), join(weights, "verifier")];
    if ((await isThere(join(model, "manifest.json"))) && (await isThere(join(verifier, "manifest.json"))))
      return { model, verifier, ...(await promptsKnownTo(model)) };
  }
  const found = await findModel(name);
  const known = await promptsKnownTo(await findModelPath(name));
  return (await isAdapterFolder(found))
    ? { model: await findModel(await readAdapterBase(found)), adapters: { planner: found }, prompt: "chat", ...known }
    : { model: found, ...known };
};

/** What prompts a planner was trained on, by its manifest. */
const promptsKnownTo = async (
  folder: string,
): Promise<Pick<Players, "prompt" | "verdicts" | "turnsLeft" | "marked" | "references">> => {
  if (!(await isThere(join(folder, "manifest.json")))) return {};
  const { prompt, verdicts, turnsLeft, marked, references } = (await readManifest(folder)).about;
  return {
    ...(prompt === "compact" && { prompt }),
    verdicts: verdicts === true,
    turnsLeft: turnsLeft !== false,
    marked: marked === true,
    ...((references === "things" || references === "entries") && { references }),
  };
};

/** How a person asked a model to be opened. */
export interface LocalModelOptions {
  readonly context?: number | undefined;
  readonly quantisation?: OpenEngineOptions["quantisation"] | undefined;
  readonly adapters?: OpenEngineOptions["adapters"] | undefined;
}

/** The same as options of `openEngine`. */
export const engineOptions = ({ context, quantisation, adapters }: LocalModelOptions): OpenEngineOptions => ({
  ...defined({ contextLength: context, quantisation, adapters }),
});

/**
 * A planner that learns, by the name that a person typed. Throws `ConfigError` when it is opened and there is none.
 *
 * @example
 * ```ts
 * import { almanac } from "agentflow/almanac";
 * import { learn } from "agentflow/learn";
 * import { localPlanner } from "agentflow/setup";
 *
 * const planner = localPlanner("HuggingFaceTB/SmolLM2-135M-Instruct");
 * const run = learn({ environment: almanac(), planner, folder: "runs", seed: 7 });
 * ```
 */
export const localPlanner = (
  name: string,
  { context, quantisation }: Pick<LocalModelOptions, "context" | "quantisation"> = {},
): PlannerSource => ({
  name,
  record: {
    ...defined({ context, quantisation }),
  },
  open: async ({ settings }) => {
    const { model, ...players } = await findPlayers(name);
    const engine = await openEngine(model, {
      ...engineOptions({ context, quantisation, adapters: players.adapters }),
      ...roomFor(settings),
    });
    return { engine, ...players };
  },
});
