/** Readers of task files, and scorers. */
export { checkKeys, type KeyFault } from "./check-keys.ts";
export { readDate } from "./date.ts";
export { type ExactAnswer, exactMatch } from "./exact-match.ts";
export { solvesTwentyFour } from "./expression-24.ts";
export { finalAnswer } from "./final-answer.ts";
export { type KeyStyle, keyOf } from "./key.ts";
export { readNumber } from "./number.ts";
export { type AnswerKey, answerReward, type Score, scoreAnswer } from "./score.ts";
export { type FileSealed, type FileTask, readTaskFile, type TaskFileOptions, type TaskFormat } from "./task-file.ts";
export { normaliseText } from "./words.ts";
