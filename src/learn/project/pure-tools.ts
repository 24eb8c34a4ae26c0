import type { Toolset } from "../../tool.ts";

/** Results of a tool that are kept. */
const MOST_RESULTS = 10_000;

/**
 * Tools of which those that say they are pure are asked once for each input: a run of learning makes the same calls again
 * and again. What a call threw is not kept.
 */
export const rememberingPure = (tools: Toolset): Toolset =>
  Object.fromEntries(
    Object.entries(tools).map(([name, tool]) => [name, tool.metadata?.pure === true ? remembering(tool) : tool]),
  );

const remembering = (tool: Toolset[string]): Toolset[string] => {
  const results = new Map<string, unknown>();
  return {
    ...tool,
    execute: async (input, context) => {
      const key = JSON.stringify(input);
      if (results.has(key)) return results.get(key);
      const result: unknown = await tool.execute(input, context);
      const [oldest] = results.keys();
      if (results.size >= MOST_RESULTS && oldest !== undefined) results.delete(oldest);
      results.set(key, result);
      return result;
    },
  };
};
