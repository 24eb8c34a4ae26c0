/** Readers of task files, and scorers. */
export { type ExactAnswer, exactMatch, finalAnswer, normaliseText, readDate, readNumber } from "./exact-match.ts";
export { solvesTwentyFour } from "./expression-24.ts";
export { type AnswerKey, answerReward, type Score, scoreAnswer } from "./score.ts";
export { type FileSealed, type FileTask, readTaskFile, type TaskFileOptions, type TaskFormat } from "./task-file.ts";
