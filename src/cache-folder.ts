import { homedir } from "node:os";
import { join, resolve } from "node:path";
import type { EnvironmentVariables } from "./environment-variables.ts";
import { objectWith, required } from "./options.ts";

/**
 * Where models and sandboxes are kept: AGENTFLOW_CACHE, else `agentflow` in XDG_CACHE_HOME or ~/.cache.
 *
 * @example
 * ```ts
 * import { cacheFolder, listModels } from "agentflow/engines/onnx";
 *
 * for (const { repo, bytes } of await listModels(cacheFolder(process.env))) console.log(repo, bytes);
 * ```
 */
export const cacheFolder = (environment: EnvironmentVariables): string => {
  required(objectWith("an environment, such as process.env"))(environment, "cacheFolder: the environment");
  return resolve(
    environment.AGENTFLOW_CACHE || join(environment.XDG_CACHE_HOME || join(homedir(), ".cache"), "agentflow"),
  );
};
