/** Tools. Each is made by a function; names and schemas are those of the Almanac's tools, where there is one like it. */
export { type AitoearnOptions, aitoearnTools } from "./aitoearn.ts";
export { baseGenerator } from "./base-generator.ts";
export { calculate } from "./calculate.ts";
export { dayNumber, weekdayOf } from "./calendar.ts";
export { type CorpusOptions, corpusSearch } from "./corpus-search.ts";
export type { FetchJson, JsonFetchOptions, JsonRequest } from "./fetch-json.ts";
export { type Fetched, type GuardedFetch, type GuardedFetchOptions, guardedFetch } from "./guarded-fetch.ts";
export { type McpAddress, type McpOptions, type McpProgram, type McpServer, type McpTools, mcpTools } from "./mcp.ts";
export { type PythonOptions, type PythonTool, pythonTool } from "./python.ts";
export { webPage } from "./web-page.ts";
export {
  braveSearch,
  geminiSearch,
  type SearchAnswer,
  type SearchEngine,
  type SearchHit,
  searxngSearch,
  serperSearch,
  tavilySearch,
  type WebSearchOptions,
  webSearch,
} from "./web-search.ts";
export { type WikipediaOptions, wikipediaSearch } from "./wikipedia-search.ts";
