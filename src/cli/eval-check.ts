import { TaskError } from "../errors.ts";
import { checkKeys } from "../tasks/index.ts";
import type { EvalOptions } from "./eval-options.ts";
import { keyedTasks } from "./eval-source.ts";
import { openScreen, writeJson } from "./terminal.ts";

/**
 * `agentflow eval --check`: whether each key of a set, given back as an answer, is right, and whether each key of a
 * multiple choice names exactly one option. Calls no model. Returns the exit code: 1 where a key cannot be met.
 */
export const checkCommand = async (
  set: string | undefined,
  options: Pick<EvalOptions, "seed" | "format" | "data" | "json" | "quiet">,
): Promise<number> => {
  const screen = openScreen(options);
  // Of a project its own reward judges: learn --check tries it.
  const { name, tasks } = await keyedTasks(set, options).catch((error: unknown) => {
    // What cannot even be read is a fault of the file, too: programs get it as one.
    if (options.json && error instanceof TaskError)
      writeJson({ schemaVersion: 1, set, faults: [{ id: null, key: null, problem: error.message }] });
    throw error;
  });
  const faults = checkKeys(tasks);
  const keys = tasks.reduce((sum, { sealed }) => sum + sealed.answers.length, 0);
  const kinds: Record<string, number> = {};
  for (const { sealed } of tasks) kinds[sealed.kind] = (kinds[sealed.kind] ?? 0) + 1;
  for (const { id, key, problem } of faults) screen.line(`wrong       ${id}: ${JSON.stringify(key)}: ${problem}`);
  const counts = Object.entries(kinds).map(([kind, n]) => `${n} ${kind}`);
  screen.line(`keys        ${keys} of ${tasks.length} tasks (${counts.join(", ")}), ${faults.length} faults`);
  if (options.json) writeJson({ schemaVersion: 1, set: name, n: tasks.length, keys, kinds, faults });
  return faults.length === 0 ? 0 : 1;
};
