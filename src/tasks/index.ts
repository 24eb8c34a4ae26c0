export type { Answer } from "../almanac/answer.ts";
export { type Split, splitOf } from "../almanac/chains.ts";
export { type Almanac, loadAlmanac } from "../almanac/data.ts";
export {
  type AlmanacSealed,
  type AlmanacTask,
  type Paraphrase,
  type TaskSource,
  taskSource,
} from "../almanac/generate.ts";
export { type Asked, type Cell, grid, type Operation } from "../almanac/grid.ts";
export { type Hint, hintOf } from "../almanac/hints.ts";
export type { Page } from "../almanac/page.ts";
export type { PathName } from "../almanac/paths.ts";
export {
  type AlmanacTasks,
  almanacTasks,
  type EvaluationSets,
  type GenerateOptions,
  generateTasks,
  type SetSizes,
  trainedCells,
} from "../almanac/sets.ts";
export { almanacTools, type OtherTools } from "../almanac/tools.ts";
export { type ExactAnswer, exactMatch, finalAnswer, normaliseText, readDate, readNumber } from "./exact-match.ts";
export { solvesTwentyFour } from "./expression-24.ts";
export { type AnswerKey, answerReward, type Score, scoreAnswer } from "./score.ts";
export { type FileSealed, type FileTask, readTaskFile, type TaskFileOptions, type TaskFormat } from "./task-file.ts";
