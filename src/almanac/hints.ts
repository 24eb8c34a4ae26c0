import type { AlmanacTask } from "./generate.ts";
import type { Operation } from "./grid.ts";
import { type Path, paths } from "./paths.ts";

/** What scripted baselines may know of a question; never given to a module that is measured. */
export interface Hint {
  readonly operation: Operation;
  /** The field wanted of each entity. */
  readonly fields: readonly string[];
  /** Fields that lead from page to page, in order. */
  readonly follow: readonly string[];
}

/**
 * The hint of a task, read from its sealed part.
 *
 * @example
 * ```ts
 * import { generateTasks, hintOf, loadAlmanac, trainedCells } from "agentflow/almanac";
 *
 * const almanac = await loadAlmanac();
 * const [task] = generateTasks({ almanac, split: "train", cells: trainedCells, count: 1, seed: 7 });
 * if (task !== undefined) console.log(hintOf(task).follow);
 * ```
 */
export const hintOf = ({ sealed: { asked, operation } }: AlmanacTask): Hint => ({
  operation,
  fields: asked.map(({ field }) => field),
  follow: asked.flatMap(({ path }) => (paths[path] as Path).hops),
});
