import type { BaselineName } from "../benchmarks/index.ts";
import type { Budget } from "../budget.ts";
import type { SetUpOptions } from "../setup/set-up.ts";
import type { TaskFormat } from "../tasks/index.ts";

/** What `agentflow eval` is asked for. */
export interface EvalOptions extends SetUpOptions {
  /** Of the file; told from its fields when absent. */
  readonly format?: TaskFormat | undefined;
  /** The file of a benchmark that is named. */
  readonly data?: string | undefined;
  readonly limit?: number | undefined;
  readonly concurrency: number;
  /** Instead of the planner that would play. */
  readonly baseline?: BaselineName | undefined;
  /** Folder of what solved earlier tasks, for the baseline of that name. */
  readonly experience?: string | undefined;
  /** A model that judges answers beside the rules. */
  readonly judge?: string | undefined;
  /** Limits of all tasks together. */
  readonly total?: Budget | undefined;
  /** Folder of results that are used again where nothing that they depend on has changed. */
  readonly cache?: string | undefined;
  /** Where the report goes; beside it `<report>.partial.jsonl`, what is done of it, from which it is resumed. */
  readonly out?: string | undefined;
  readonly markdown?: string | undefined;
  readonly html?: string | undefined;
  /** An earlier report of the same tasks, to compare with. */
  readonly against?: string | undefined;
  /** Points of accuracy, in [0, 1], by which it may fall. */
  readonly maxDrop?: number | undefined;
  /** Resume an interrupted evaluation. */
  readonly resume: boolean;
  readonly json: boolean;
  readonly quiet: boolean;
}
