/** The built-in environment: facts of the Almanac, questions over them, and tools that look them up without a network. */
export type { Answer } from "./answer.ts";
export { type Split, splitOf } from "./chains.ts";
export { type Almanac, loadAlmanac } from "./data.ts";
export { almanac, openAlmanac } from "./environment.ts";
export {
  type AlmanacSealed,
  type AlmanacTask,
  type Paraphrase,
  type TaskSource,
  taskSource,
} from "./generate.ts";
export { type Asked, type Cell, grid, type Operation } from "./grid.ts";
export { type Hint, hintOf } from "./hints.ts";
export type { Page } from "./page.ts";
export type { PathName } from "./paths.ts";
export {
  type AlmanacTasks,
  almanacTasks,
  type EvaluationSets,
  type GenerateOptions,
  generateTasks,
  type SetSizes,
  trainedCells,
} from "./sets.ts";
export { almanacTools, type OtherTools } from "./tools.ts";
