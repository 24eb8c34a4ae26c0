import { almanac } from "../almanac/environment.ts";
import type { OpenEngineOptions } from "../engines/onnx/index.ts";
import type { EnvironmentSource } from "../environment.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { ConfigError } from "../errors.ts";
import type { PlannerSource } from "../learn/planner-source.ts";
import { readStoredOptions } from "../learn/stored-options.ts";
import { configIn, hashOfConfig } from "./config-file.ts";
import { BUILT_IN_MODEL, localPlanner } from "./local-model.ts";
import { projectFile } from "./project-file.ts";
import { remotePlanner } from "./remote-planner.ts";

/** What a person who resumes or verifies a run names on this machine. */
export interface NamedAgain {
  readonly config?: string | undefined;
  readonly model?: string | undefined;
  /** Address of a server that trains. */
  readonly engine?: string | undefined;
  /** Continue even if the configuration has changed since the run started. */
  readonly acceptChangedConfig?: boolean | undefined;
}

/** The environment and the planner of a stored run, opened from what was named here. */
export interface OpenedAgain {
  readonly environment: EnvironmentSource;
  readonly planner: PlannerSource | undefined;
}

/**
 * What `resume` and `verify` need of a stored run. Nothing is run or opened because a run's folder names it: that may be
 * anybody's. Throws `ConfigError` when something is not named, or when the configuration is not that of the run.
 *
 * @example
 * ```ts
 * import { resume } from "agentflow/learn";
 * import { openedAgain } from "agentflow/setup";
 *
 * const folder = "runs/2026-11-29-1412-7f3a";
 * const { environment, planner } = await openedAgain(folder, { config: "agentflow.config.ts" }, process.env);
 * const { report } = resume(folder, { environment, planner });
 * ```
 */
export const openedAgain = async (
  folder: string,
  { config, model, engine, acceptChangedConfig = false }: NamedAgain,
  variables: EnvironmentVariables,
): Promise<OpenedAgain> => {
  const stored = await readStoredOptions(folder);
  const { context, quantisation } = stored.written as Pick<OpenEngineOptions, "quantisation"> & {
    readonly context?: number;
  };
  const hasProject = stored.environment !== undefined && stored.environment !== almanac().name;
  // Of a project, the one that is here: the hash of its configuration says whether it is the same.
  const here = hasProject ? (config ?? configIn(".")) : config;
  const file = namedHere(folder, "config", hasProject ? stored.environment : undefined, here);
  const name =
    stored.model === BUILT_IN_MODEL && model === undefined
      ? stored.model
      : namedHere(folder, "model", stored.model, model);
  if (file !== undefined && !acceptChangedConfig) await requireConfig(folder, file, stored.config.projectSha256);
  const written = stored.written as { readonly engine?: string };
  const server = namedHere(folder, "engine", written.engine, engine);
  const isDefault = name === undefined && context === undefined && quantisation === undefined;
  return {
    environment: file === undefined ? almanac() : await projectFile(file, variables),
    planner:
      server !== undefined
        ? remotePlanner(name ?? BUILT_IN_MODEL, { engine: server, context }, variables)
        : isDefault
          ? undefined
          : localPlanner(name ?? BUILT_IN_MODEL, { context, quantisation }),
  };
};

const namedHere = (
  folder: string,
  option: "config" | "model" | "engine",
  there: string | undefined,
  here: string | undefined,
): string | undefined => {
  if (there === undefined && here !== undefined)
    throw new ConfigError(`The run ${folder} was begun without --${option}: leave it out.`);
  if (there === undefined || here !== undefined) return here;
  throw new ConfigError(
    `The run ${folder} was begun with --${option} ${JSON.stringify(there)}. Nothing is ${option === "config" ? "run" : "opened"} because a run's folder names it: say --${option} <${{ config: "file", model: "model", engine: "url" }[option]}> again.`,
  );
};

const requireConfig = async (folder: string, file: string, expected: unknown): Promise<void> => {
  const found = await hashOfConfig(file);
  if (found !== expected)
    throw new ConfigError(
      `${file} has the SHA-256 ${found}, and the configuration that the run ${folder} began with had ${String(expected)}. Name that one, or accept the other: --accept-changed-config.`,
    );
};
