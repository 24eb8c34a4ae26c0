/** What is kept on the disk: memory across tasks and replies of tools, for flows; runs of learning, to read and to query. */
export type { OpenSqlite, Sqlite, SqliteOptions, SqliteStatement, SqlValue } from "../sqlite.ts";
export { type ExperienceOptions, type FolderExperience, openExperience } from "./experience.ts";
export { type QueryRequest, queryWithin } from "./query-limits.ts";
export { openReplies, type Replies } from "./replies.ts";
export { listRuns, readRun, readTrajectories, type StoredRun } from "./stored-run.ts";
export {
  openTrajectoryIndex,
  type QueryLimits,
  type QueryResult,
  type TrajectoryIndex,
  type TrajectoryIndexOptions,
} from "./trajectory-index.ts";
