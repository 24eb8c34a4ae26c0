/** Benchmarks by name: their files, baselines to compare with, a judge beside the rules, and reports. */
export {
  type BaselineName,
  baselineNames,
  baselines,
  modelAlone,
  react,
  toolOrder,
  withExperience,
} from "./baselines.ts";
export {
  type BenchmarkFile,
  type FetchBenchmarkOptions,
  fetchBenchmark,
  fetchedBenchmark,
  howToGet,
} from "./benchmark-data.ts";
export { type Calibration, calibrate, type JudgedAnswer } from "./calibration.ts";
export { type Benchmark, type BenchmarkSource, benchmarks, findBenchmark, type Protocol } from "./catalogue.ts";
export {
  compareOutcomes,
  type EvalComparison,
  type EvalItem,
  type EvalJudge,
  type EvalReport,
} from "./eval-report.ts";
export {
  type AnswerToJudge,
  type Judgements,
  type JudgeOptions,
  type JudgeVerdict,
  judgeAnswers,
  type KnownReplies,
} from "./judge.ts";
export { reportHtml } from "./report-html.ts";
export { reportMarkdown } from "./report-markdown.ts";
