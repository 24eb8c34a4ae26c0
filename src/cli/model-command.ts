import { cacheFolder } from "../cache-folder.ts";
import { type PullEvent, pullModel } from "../engines/onnx/files/hub.ts";
import { type CachedModel, listModels, removeModel } from "../engines/onnx/files/model-cache.ts";
import { defined } from "../options.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { pullProgress } from "./pull-progress.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { bytes, columns, count } from "./words.ts";

export interface PullCommandOptions {
  readonly gguf?: string;
  readonly json: boolean;
  readonly quiet: boolean;
}

/** A cached model as one JSON object. */
const jsonOf = ({ repo, commit, folder, path, complete, bytes: size, about }: CachedModel): object => ({
  name: repo,
  revision: about?.revision ?? null,
  commit,
  complete,
  architecture: about?.architecture ?? null,
  parameters: about?.parameters ?? null,
  bytes: size,
  folder,
  path,
});

/** `agentflow model pull <owner/name>[@revision]`: brings a model into the cache. Returns the exit code. */
export const pull = async (name: string, { gguf, json, quiet }: PullCommandOptions): Promise<number> => {
  const screen = openScreen({ json, quiet });
  const interrupts = listenToInterrupts(() => undefined);
  const progress = pullProgress(screen, name);
  try {
    const model = await pullModel(name, {
      ...defined({ gguf }),
      abortSignal: interrupts.abortSignal,
      onEvent: (event: PullEvent) => progress.on(event, performance.now() / 1000),
    });
    progress.end();
    const { about } = model;
    const size = about?.parameters === undefined ? "" : `${count(about.parameters)} parameters, `;
    screen.line(screen.good("ready"), `  ${name}: ${about?.architecture}, ${size}${bytes(model.bytes)}`);
    screen.line(screen.dim(`       ${model.path}`));
    if (json) writeJson({ schemaVersion: 1, ...jsonOf(model) });
    return 0;
  } catch (error) {
    screen.clear();
    if (interrupts.abortSignal.aborted)
      screen.line("stopped: the part that arrived is kept, and the same command resumes it");
    throw error;
  } finally {
    interrupts.close();
  }
};

/** `agentflow model list`: what lies in the cache. */
export const list = async ({ json }: { readonly json: boolean }): Promise<number> => {
  const cache = cacheFolder(process.env);
  const models = await listModels(cache);
  if (json) {
    writeJson({ schemaVersion: 1, cache, models: models.map(jsonOf) });
    return 0;
  }
  const screen = openScreen();
  if (models.length === 0) {
    screen.line(`There are no models in ${cache}. To get one: agentflow model pull <owner/name>`);
    return 0;
  }
  const rows = models.map(({ repo, commit, complete, bytes: size, about }) => [
    repo,
    about?.architecture ?? "",
    about?.parameters === undefined ? "" : count(about.parameters),
    bytes(size),
    complete ? "complete" : "partial",
    commit.slice(0, 8),
  ]);
  const table = columns([["model", "architecture", "parameters", "size", "state", "commit"], ...rows]);
  for (const [index, line] of table.entries()) {
    screen.line(index === 0 ? screen.dim(line) : line);
    const path = models[index - 1]?.path;
    if (path !== undefined) screen.line(screen.dim(`  ${path}`));
  }
  return 0;
};

/** `agentflow model remove <owner/name>`: takes a model out of the cache, complete or begun. */
export const remove = async (name: string): Promise<number> => {
  const freed = await removeModel(name, cacheFolder(process.env));
  openScreen().line(`removed ${name}: ${bytes(freed)}`);
  return 0;
};
