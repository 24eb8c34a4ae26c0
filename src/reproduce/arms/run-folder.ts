import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { StoreError } from "../../errors.ts";
import { exists } from "../../store/run-folder.ts";

/** The run of learning in an arm's folder, and whether it is to be begun, resumed or only read. */
export const stateOfRun = async (
  root: string,
): Promise<{ readonly state: "new" } | { readonly state: "begun" | "finished"; readonly folder: string }> => {
  const [id] = (await readdir(root).catch(() => [])).sort();
  if (id === undefined) return { state: "new" };
  const folder = join(root, id);
  if (await exists(join(folder, "report.json"))) return { state: "finished", folder };
  if (await exists(join(folder, "phases.json"))) return { state: "begun", folder };
  // Killed before there was anything to resume.
  await rm(root, { recursive: true, force: true });
  return { state: "new" };
};

/** The folder of the only run in an arm's folder. */
export const onlyRun = async (root: string): Promise<string> => {
  const run = await stateOfRun(root);
  if (run.state === "finished") return run.folder;
  throw new StoreError(`There is no finished run in ${root}: remove the arm's file, and it is run again.`);
};
