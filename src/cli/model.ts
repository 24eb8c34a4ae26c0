import { access } from "node:fs/promises";
import { join } from "node:path";
import { ConfigError } from "../errors.ts";

/** The planner that the package ships. */
export const BUILT_IN_MODEL = "agentflow-tiny";

const isModelFolder = (folder: string): Promise<boolean> =>
  access(join(folder, "manifest.json")).then(
    () => true,
    () => false,
  );

/**
 * What to open for a name that a person typed: a model folder, a run's folder, or the id of a run in `runs/` (both
 * stand for its weights), or the built-in model. Throws `ConfigError` when there is none.
 */
export const findModel = async (name: string): Promise<string> => {
  if (name === BUILT_IN_MODEL) return name;
  for (const folder of [name, join(name, "weights"), join("runs", name, "weights")])
    if (await isModelFolder(folder)) return folder;
  throw new ConfigError(
    `There is no planner "${name}": accepted are ${BUILT_IN_MODEL}, a run that has saved its weights (its folder, or its id in runs/), or a model folder.`,
  );
};
