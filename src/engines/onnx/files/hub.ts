import { rm, stat, statfs } from "node:fs/promises";
import { totalmem } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../../cache-folder.ts";
import type { EnvironmentVariables } from "../../../environment-variables.ts";
import { ConfigError, messageOf, StoreError } from "../../../errors.ts";
import { withLock } from "../../../files/file-lock.ts";
import { makeFolder } from "../../../files/make-folder.ts";
import {
  name as aName,
  abortSignal as aSignal,
  callback,
  checked,
  number,
  objectWith,
  type Rules,
  required,
} from "../../../options.ts";
import { elementsOf } from "../carriers/runtime.ts";
import { parameterShapes } from "../model-config.ts";
import { requireMemory } from "../model-memory.ts";
import { describeRepo, fileUrl, hubRequest, hubSettings, type RemoteFile } from "./hub-client.ts";
import { parseHubConfig } from "./hub-config.ts";
import { type DownloadOptions, downloadFile, isWhole, PART } from "./hub-download.ts";
import { baseName, chooseGguf, chooseShards, chooseSmall, fileNamed, INDEX, SINGLE } from "./hub-files.ts";
import { remoteGgufFacts } from "./hub-gguf.ts";
import { limitsOf, readJsonFile } from "./json-file.ts";
import { writeManifest } from "./manifest.ts";
import { type CachedModel, modelFolder, type PulledAbout, parseModelName, readCached } from "./model-cache.ts";

/** What a pull tells while it works; bytes are those on disk, of all files. */
export type PullEvent =
  | { readonly type: "pull-wait"; readonly pid: number | undefined }
  | {
      readonly type: "pull-start";
      readonly commit: string;
      readonly folder: string;
      readonly architecture: string;
      readonly files: number;
      readonly bytes: number;
      readonly total: number;
    }
  | { readonly type: "pull-bytes"; readonly file: string; readonly bytes: number; readonly total: number };

export interface PullOptions {
  /** The one GGUF file with this name or part of a name, instead of a model folder. */
  readonly gguf?: string;
  /** HF_ENDPOINT, HF_TOKEN, AGENTFLOW_CACHE, XDG_CACHE_HOME. @default process.env */
  readonly environment?: EnvironmentVariables;
  readonly abortSignal?: AbortSignal;
  readonly onEvent?: (event: PullEvent) => void;
  /** How patient the connection is. */
  readonly connection?: Pick<DownloadOptions, "stallMs" | "attempts" | "pauseMs">;
  /** Of this machine: a model that never fits into it is refused. @default all of it */
  readonly memoryBytes?: number;
  /** Free bytes where a folder is. @default the file system's */
  readonly freeBytes?: (folder: string) => Promise<number>;
}

/** The least that anyone does with a model; what cannot even do that has no use for it. */
const optionRules: Rules<PullOptions> = {
  gguf: aName,
  environment: objectWith("an environment"),
  abortSignal: aSignal,
  onEvent: callback,
  connection: objectWith("settings of a connection"),
  memoryBytes: number(),
  freeBytes: callback,
};

const LEAST = { purpose: "sample", quantisation: "int4", slots: 1, contextLength: 512 } as const;
/** Room that is left for others. */
const SPARE_BYTES = 100_000_000;

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

const freeBytesAt = async (folder: string): Promise<number> => {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
};

const sizeAt = (path: string): Promise<number> =>
  stat(path).then(
    ({ size }) => size,
    () => 0,
  );

/**
 * Brings a model of the hub (`owner/name[@revision]`) into the cache: what an engine needs of it and no more. Resumes
 * an earlier pull, and waits for one that is running. Every file is held against the hub's hash; the folder
 * counts as complete only when its manifest is written, last. Throws `ConfigError` (no such model, gated, not
 * supported), `EngineError` (no machine for it) and `StoreError` (network, disk, damage); an abort throws its reason.
 *
 * @example
 * ```ts
 * import { openEngine, pullModel } from "agentflow/engines/onnx";
 *
 * const { path } = await pullModel("HuggingFaceTB/SmolLM2-135M-Instruct", { onEvent: (event) => console.log(event.type) });
 * const engine = await openEngine(path);
 * ```
 */
export const pullModel = async (name: string, options: PullOptions = {}): Promise<CachedModel> => {
  required(aName)(name, "pullModel: the name");
  checked("pullModel", options, optionRules);
  const { environment = process.env, abortSignal, onEvent } = options;
  const asked = parseModelName(name);
  if (asked === undefined)
    throw new ConfigError(`"${name}" is not a model of the hub: accepted is owner/name, or owner/name@revision.`);
  const { repo, revision = "main" } = asked;
  const settings = hubSettings(environment);
  const remote = await describeRepo({ repo, revision }, settings, abortSignal);
  const gguf = chooseGguf(remote, options.gguf);
  const folder = modelFolder(cacheFolder(environment), repo, remote.commit, gguf?.path);
  const known = await readCached(folder);
  if (known.complete) return known;

  const request = hubRequest(settings, `The model ${repo}`, abortSignal);
  // A GGUF file may lie in a folder of its repository; here it has its own.
  const placeOf = ({ path }: RemoteFile): string => join(folder, baseName(path));
  const fetchFile = async (file: RemoteFile, onBytes?: (bytes: number) => void): Promise<void> => {
    const target = placeOf(file);
    if (await isWhole(target, file)) return onBytes?.(file.size);
    await downloadFile(file, {
      ...options.connection,
      request,
      url: fileUrl(settings, remote, file.path),
      target,
      ...(onBytes && { onBytes }),
      ...(abortSignal && { abortSignal }),
    });
  };
  const fetchJson = async (file: RemoteFile): Promise<unknown> => {
    await fetchFile(file);
    return readJsonFile(placeOf(file), limitsOf(file.path));
  };

  /** Whether the engine can run it is known before its weights come. */
  const look = async (): Promise<{ wanted: RemoteFile[]; facts: Pick<PulledAbout, "architecture" | "parameters"> }> => {
    if (gguf !== undefined)
      return { wanted: [gguf], facts: await remoteGgufFacts(fileUrl(settings, remote, gguf.path), request) };
    const small = chooseSmall(remote);
    const config = fileNamed(remote, "config.json", "it is not a model that can be opened");
    const model = parseHubConfig(await fetchJson(config), `${repo}, config.json`);
    fileNamed(remote, "tokenizer.json", "only models with a tokenizer in that form can be opened");
    const index = remote.files.find(({ path }) => path === INDEX);
    const weights = index
      ? [index, ...chooseShards(remote, await fetchJson(index))]
      : [fileNamed(remote, SINGLE, `accepted are ${SINGLE}, ${INDEX} with its files, or a GGUF file (--gguf)`)];
    requireMemory(repo, model, LEAST, options.memoryBytes ?? totalmem());
    const parameters = [...parameterShapes(model).values()].reduce((sum, shape) => sum + elementsOf(shape), 0);
    return { wanted: [...small, ...weights], facts: { architecture: model.model_type ?? "llama", parameters } };
  };

  const pull = async (): Promise<CachedModel> => {
    // Who waited may find it done.
    const other = await readCached(folder);
    if (other.complete) return other;
    const made = await makeFolder(folder);
    const { wanted, facts } = await look().catch(async (cause) => {
      // What cannot be had or run leaves no trace; what came before stays.
      if (made !== undefined) await rm(folder, { recursive: true, force: true });
      throw cause;
    });
    const total = wanted.reduce((sum, { size }) => sum + size, 0);
    const there = await Promise.all(
      wanted.map(async (file) =>
        Math.min(file.size, (await sizeAt(placeOf(file))) + (await sizeAt(placeOf(file) + PART))),
      ),
    );
    const bytes = there.reduce((sum, size) => sum + size, 0);
    const free = await (options.freeBytes ?? freeBytesAt)(folder);
    if (total - bytes + SPARE_BYTES > free)
      throw new StoreError(
        `${repo} needs ${megabytes(total - bytes)} more on disk, and ${folder} has ${megabytes(free)} free (${megabytes(SPARE_BYTES)} stay so): make room, or set AGENTFLOW_CACHE to a folder with more.`,
      );
    const { architecture } = facts;
    onEvent?.({ type: "pull-start", commit: remote.commit, folder, architecture, files: wanted.length, bytes, total });
    let done = 0;
    for (const file of wanted) {
      const before = done;
      await fetchFile(file, (size) => onEvent?.({ type: "pull-bytes", file: file.path, bytes: before + size, total }));
      done += file.size;
    }
    const about: PulledAbout = {
      source: "hub",
      repo,
      revision,
      commit: remote.commit,
      pulledAt: new Date().toISOString(),
      ...facts,
      ...(gguf && { gguf: baseName(gguf.path) }),
    };
    await writeManifest(folder, { ...about });
    return readCached(folder);
  };
  try {
    await makeFolder(join(folder, ".."));
    return await withLock(`${folder}.lock`, pull, {
      abortSignal,
      onWait: (pid) => onEvent?.({ type: "pull-wait", pid }),
    });
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === undefined || !["EACCES", "EPERM", "EROFS", "ENOSPC", "ENOTDIR"].includes(code)) throw cause;
    throw new StoreError(`Cannot write to the cache ${folder}: ${messageOf(cause)}. AGENTFLOW_CACHE names another.`, {
      cause,
    });
  }
};
