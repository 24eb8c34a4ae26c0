import type { EnvironmentSource } from "../environment.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { project } from "../learn/project/project.ts";
import type { ProjectSealed } from "../learn/project/project-tasks.ts";
import { defined } from "../options.ts";
import { secretsOf } from "../secrets/secrets.ts";
import { loadConfig } from "./config-file.ts";

/**
 * The project of a configuration file as an environment: its tools, tasks and reward. What a tool says of a key in
 * `variables` is neither kept nor learnt. Throws `ConfigError` for a file that cannot be loaded.
 *
 * @example
 * ```ts
 * import { learn } from "agentflow/learn";
 * import { projectFile } from "agentflow/setup";
 *
 * const environment = await projectFile("agentflow.config.ts", process.env);
 * const run = learn({ environment, folder: "runs", seed: 7 });
 * ```
 */
export const projectFile = async (
  file: string,
  variables: EnvironmentVariables,
): Promise<EnvironmentSource<ProjectSealed>> => {
  const { config, hash } = await loadConfig(file);
  const { tools, tasks, reward, budget, instructions, analyst } = config;
  return project({
    ...(tools && { tools }),
    ...(tasks && { tasks }),
    ...(reward && { reward }),
    ...(budget && { budget }),
    ...defined({ instructions, analyst }),
    name: file,
    record: { projectSha256: hash },
    secrets: secretsOf(variables),
  });
};
