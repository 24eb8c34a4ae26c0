import { openAlmanac } from "../almanac/environment.ts";
import type { AgentFlowConfig } from "../config.ts";
import type { EnvironmentVariables } from "../environment-variables.ts";
import { ConfigError } from "../errors.ts";
import { silentModel } from "../learn/silent-model.ts";
import type { ChatModel } from "../model.ts";
import { type Toolset, toolsetOf } from "../tool.ts";
import { baseGenerator, calculate, pythonTool, webPage, webSearch, wikipediaSearch } from "../tools/index.ts";

/** Tools, and what ends the processes behind them. */
export interface OpenTools {
  readonly tools: Toolset;
  close(): Promise<void>;
}

interface Asked {
  readonly seed: number;
  readonly live?: boolean | undefined;
}

/** The project's tools; without a project live ones where they are asked for, else those of the Almanac. */
export const openTools = async (
  config: AgentFlowConfig | undefined,
  { seed, live = false }: Asked,
  model: ChatModel | undefined,
  variables: EnvironmentVariables,
): Promise<OpenTools> => {
  const close = async (): Promise<void> => undefined;
  if (config?.tools !== undefined) return { tools: toolsetOf(config.tools), close };
  if (live) return liveTools(model ?? silentModel, variables);
  return { tools: (await openAlmanac(seed)).tools(model ?? silentModel), close };
};

const SEARCH_KEYS = ["GEMINI_API_KEY", "SERPER_API_KEY", "BRAVE_API_KEY", "TAVILY_API_KEY", "SEARXNG_URL"];

/** The tools that the Almanac's stand for, over the web itself; a web search only where an engine is set up. */
const liveTools = (model: ChatModel, variables: EnvironmentVariables): OpenTools => {
  const python = pythonTool();
  const hasEngine = SEARCH_KEYS.some((name) => (variables[name] ?? "") !== "");
  return {
    tools: {
      base_generator: baseGenerator(model),
      python,
      calculate,
      ...(hasEngine ? { web_search: webSearch({ environment: variables }) } : {}),
      wikipedia_search: wikipediaSearch(),
      web_page: webPage(),
    },
    close: () => python.close(),
  };
};

/** The tools of these names. Throws `ConfigError` where there is none of a name. */
export const pickTools = (tools: Toolset, names: readonly string[] | undefined): Toolset => {
  if (names === undefined) return tools;
  const missing = names.find((name) => !Object.hasOwn(tools, name));
  if (missing !== undefined)
    throw new ConfigError(`There is no tool "${missing}": accepted are ${Object.keys(tools).join(", ")}.`);
  return Object.fromEntries(names.flatMap((name) => (tools[name] === undefined ? [] : [[name, tools[name]]])));
};
