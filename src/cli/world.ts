import type { ChatModel } from "../model.ts";
import { type AlmanacTasks, almanacTasks, almanacTools, loadAlmanac } from "../tasks/index.ts";
import type { Toolset } from "../tool.ts";
import { baseGenerator, calculate } from "../tools/index.ts";

/** The built-in world: pages, tasks of one seed, and tools whose `base_generator` asks the given model. */
export interface World {
  readonly hash: string;
  readonly tasks: AlmanacTasks;
  tools(model: ChatModel): Toolset;
}

/** Reads the Almanac and prepares its tasks. Throws TaskError when its data is damaged. */
export const openWorld = async (seed: number | string): Promise<World> => {
  const almanac = await loadAlmanac();
  // The indexes behind the tools are made once, whatever model guesses.
  const tools = almanacTools(almanac, { calculate });
  return {
    hash: almanac.hash,
    tasks: almanacTasks(almanac, seed),
    tools: (model) => ({ ...tools, base_generator: baseGenerator(model) }),
  };
};
