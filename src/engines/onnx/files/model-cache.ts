import { readdir, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { cacheFolder } from "../../../cache-folder.ts";
import type { EnvironmentVariables } from "../../../environment-variables.ts";
import { ConfigError } from "../../../errors.ts";
import { name as aName, defined, required } from "../../../options.ts";
import { readManifest } from "./manifest.ts";

/** A model of the hub on this machine. */
export interface CachedModel {
  /** `owner/name`. */
  readonly repo: string;
  readonly commit: string;
  readonly folder: string;
  /** What an engine opens: the folder, or the GGUF file in it. */
  readonly path: string;
  /** Everything is there and was checked; otherwise pulling it again resumes. */
  readonly complete: boolean;
  readonly bytes: number;
  readonly about: PulledAbout | undefined;
}

/** What the manifest of a pulled model says of it. */
export interface PulledAbout {
  readonly source: "hub";
  readonly repo: string;
  /** The branch, tag or commit that was asked for. */
  readonly revision: string;
  readonly commit: string;
  readonly pulledAt: string;
  /** model_type of a folder, general.architecture of a GGUF file. */
  readonly architecture: string;
  readonly parameters?: number;
  /** The GGUF file's name. */
  readonly gguf?: string;
}

/** Parts of `owner/name[@revision]`; undefined when a text is nothing like it. */
export const parseModelName = (text: string): { readonly repo: string; readonly revision?: string } | undefined => {
  const found = /^([A-Za-z0-9][\w.-]*\/[A-Za-z0-9][\w.-]*)(?:@([\w.][\w./-]*))?$/.exec(text);
  const [, repo, revision] = found ?? [];
  if (repo === undefined || repo.includes("--") || repo.includes("..") || revision?.includes("..")) return undefined;
  return { repo, ...defined({ revision }) };
};

/** Where a commit of a model lies. A GGUF file has a folder of its own, for there are many in a repository. */
export const modelFolder = (cache: string, repo: string, commit: string, gguf?: string): string =>
  join(
    cache,
    "models",
    repo.replace("/", "--"),
    gguf === undefined ? commit : `${commit}--${gguf.slice(gguf.lastIndexOf("/") + 1).replace(/\.gguf$/i, "")}`,
  );

const folders = async (folder: string): Promise<string[]> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .sort();
};

const bytesIn = async (folder: string): Promise<number> => {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  // A pull may be at work: a part becomes a file between two looks.
  const sizes = await Promise.all(
    files.map((path) =>
      stat(path).then(
        ({ size }) => size,
        () => 0,
      ),
    ),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
};

/** What there is of a model in its folder. */
export const readCached = async (folder: string): Promise<CachedModel> => {
  const about = await readManifest(folder).then(
    (manifest) => manifest.about as unknown as PulledAbout,
    () => undefined,
  );
  return {
    repo: about?.repo ?? basename(dirname(folder)).replace("--", "/"),
    commit: about?.commit ?? basename(folder).slice(0, 40),
    folder,
    path: about?.gguf === undefined ? folder : join(folder, about.gguf),
    complete: about !== undefined,
    bytes: await bytesIn(folder),
    about,
  };
};

/**
 * The models in a cache, complete or begun, by name.
 *
 * @example
 * ```ts
 * import { cacheFolder, listModels } from "agentflow/engines/onnx";
 *
 * const models = await listModels(cacheFolder(process.env));
 * console.log(models.filter(({ complete }) => complete).map(({ repo }) => repo));
 * ```
 */
export const listModels = async (cache: string): Promise<CachedModel[]> => {
  required(aName)(cache, "The folder of models");
  const root = join(cache, "models");
  const found: CachedModel[] = [];
  for (const named of await folders(root))
    for (const variant of await folders(join(root, named))) found.push(await readCached(join(root, named, variant)));
  return found;
};

/**
 * The path of a model that a person named: a file or folder as it is, or `owner/name[@revision]` from the cache, of
 * several the one pulled last. Throws `ConfigError` that says what to run.
 *
 * @example
 * ```ts
 * import { openEngine, resolveModel } from "agentflow/engines/onnx";
 *
 * const engine = await openEngine(await resolveModel("HuggingFaceTB/SmolLM2-135M-Instruct"));
 * ```
 */
export const resolveModel = async (name: string, environment: EnvironmentVariables = process.env): Promise<string> => {
  required(aName)(name, "resolveModel: the name");
  if (await stat(name).catch(() => undefined)) return name;
  const asked = parseModelName(name);
  if (asked === undefined)
    throw new ConfigError(
      `There is no model "${name}": accepted are a model folder, a GGUF file, or the name of a pulled model (owner/name).`,
    );
  const { repo, revision } = asked;
  const ofRepo = (await listModels(cacheFolder(environment))).filter((model) => model.repo === repo);
  const fits = ({ commit, about }: CachedModel): boolean =>
    revision === undefined || about?.revision === revision || (revision.length >= 7 && commit.startsWith(revision));
  const [newest] = ofRepo
    .filter((model) => model.complete && fits(model))
    .sort((a, b) => (b.about?.pulledAt ?? "").localeCompare(a.about?.pulledAt ?? ""));
  if (newest !== undefined) return newest.path;
  const begun = ofRepo.some((model) => !model.complete);
  throw new ConfigError(
    `The model ${name} is ${begun ? "only partly" : "not"} on this machine. Run: agentflow model pull ${name}`,
  );
};

/** `owner/name` of a path in a cache; any other path as it is. For files that others read. */
export const hubNameOf = async (path: string): Promise<string> => {
  const folder = /\.gguf$/i.test(path) ? dirname(path) : path;
  const about = (await readCached(folder)).about;
  return about?.source === "hub" ? about.repo : path;
};

/**
 * Removes all that is there of a model, complete or begun; gives the bytes back. Throws `ConfigError` when there is nothing.
 *
 * @example
 * ```ts
 * import { cacheFolder, removeModel } from "agentflow/engines/onnx";
 *
 * const bytes = await removeModel("HuggingFaceTB/SmolLM2-135M-Instruct", cacheFolder(process.env));
 * ```
 */
export const removeModel = async (name: string, cache: string): Promise<number> => {
  const models = (await listModels(cache)).filter((model) => model.repo === name);
  if (models.length === 0) throw new ConfigError(`There is no model ${name} in ${cache}. See: agentflow model list`);
  // The manifest first: half a removal is not a complete model.
  for (const { folder } of models) await rm(join(folder, "manifest.json"), { force: true });
  await rm(join(cache, "models", name.replace("/", "--")), { recursive: true });
  return models.reduce((sum, { bytes }) => sum + bytes, 0);
};
