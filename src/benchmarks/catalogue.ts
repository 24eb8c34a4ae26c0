import { address, count, listOf, name, number, required, ruleOf, text } from "../options.ts";
import type { TaskFormat } from "../tasks/index.ts";

/** Where a file comes from, and how it is known to be the right one. */
export interface BenchmarkSource {
  readonly url: string;
  /** Of the content. Absent where the host publishes none: then the size of the set alone is checked. */
  readonly sha256?: string;
}

/** How a result was published, so that ours can be compared with it. */
export interface Protocol {
  /** Tools of the published run, by our names. */
  readonly tools: readonly string[];
  /** Most planner turns. */
  readonly turns: number;
  /** Most seconds a question. */
  readonly seconds: number;
}

/** A benchmark that is known by name. */
export interface Benchmark {
  readonly name: string;
  readonly title: string;
  readonly format: TaskFormat;
  /** Number of tasks of its file. */
  readonly n: number;
  /** By what an answer is scored, for people. */
  readonly scorer: string;
  readonly licence: string;
  /** Absent where the licence or its authors do not allow to pass the file on. */
  readonly source?: BenchmarkSource;
  /** How to get the file, where it is not fetched. */
  readonly instructions?: string;
  readonly protocol: Protocol;
}

/** What a benchmark may be, of the catalogue or of a program. */
export const aBenchmark = required(
  ruleOf<Benchmark>({
    name: required(name),
    title: required(name),
    format: required(name),
    n: required(count),
    scorer: required(text),
    licence: required(text),
    source: ruleOf<BenchmarkSource>({ url: required(address), sha256: text }),
    instructions: text,
    protocol: required(
      ruleOf<Protocol>({ tools: required(listOf(text)), turns: required(count), seconds: required(number()) }),
    ),
  }),
);

/** AgentFlow's evaluation: ten sets, four tools, ten turns, five minutes a question. */
const published: Protocol = {
  tools: ["base_generator", "python", "web_search", "wikipedia_search"],
  turns: 10,
  seconds: 300,
};
/** Sets of the field that AgentFlow did not evaluate on: answered without tools in what is published on them. */
const closedBook: Protocol = { tools: ["base_generator", "python"], turns: 10, seconds: 300 };

/** The questions that AgentFlow was evaluated on, at one commit of its repository. */
const evaluated = (folder: string, sha256: string): BenchmarkSource => ({
  url: `https://raw.githubusercontent.com/lupantech/AgentFlow/b94006436b8712ab8682846fb0d886a5f174f2d4/test/${folder}/data/data.json`,
  sha256,
});

const WORDS = "exact match of words over all accepted answers, F1 beside it";
const NUMBERS = "equality of numbers and formulas";
const OPTION = "the option, by its letter or its whole text";

/** Benchmarks by name, as data: formats, licences, sources, sizes, and how each was published. */
export const benchmarks: readonly Benchmark[] = [
  {
    name: "bamboogle",
    title: "Bamboogle",
    format: "bamboogle",
    n: 125,
    scorer: WORDS,
    licence: "MIT",
    source: evaluated("bamboogle", "647c37dda2f27341e3f28e5b2a9625f6abcff44639f26a08dcbe1667d831d5e2"),
    protocol: published,
  },
  {
    name: "2wiki",
    title: "2WikiMultihopQA",
    format: "2wiki",
    n: 200,
    scorer: WORDS,
    licence: "Apache-2.0",
    source: evaluated("2wiki", "eb4b045ebf8e3441bb14a7420e5d84bafcaea58c776cfec75c3bb98ee1653122"),
    protocol: published,
  },
  {
    name: "hotpotqa",
    title: "HotpotQA",
    format: "hotpotqa",
    n: 100,
    scorer: WORDS,
    licence: "CC-BY-SA-4.0",
    source: evaluated("hotpotqa", "81f09495a18c6bc1cd1c48483babc6c59dfb9381e524850be53ffb62a9c28fd7"),
    protocol: published,
  },
  {
    name: "musique",
    title: "MuSiQue",
    format: "musique",
    n: 200,
    scorer: WORDS,
    licence: "CC-BY-4.0",
    source: evaluated("musique", "195b9e75a45c58a5a0398c753a1d8fb7a8adf87b4bfde3f12d20ce22517e4759"),
    protocol: published,
  },
  {
    name: "gaia",
    title: "GAIA (validation, text only)",
    format: "gaia",
    n: 127,
    scorer: "equality of numbers, lists and words",
    licence: "gated: its authors ask not to pass it on",
    instructions:
      "Accept its terms at https://huggingface.co/datasets/gaia-benchmark/GAIA, then download 2023/validation/metadata.jsonl. The published results are on the 127 of its 165 tasks that need no file.",
    protocol: published,
  },
  {
    name: "aime24",
    title: "AIME 2024",
    format: "aime",
    n: 30,
    scorer: NUMBERS,
    licence: "MIT (the file); the problems are the MAA's",
    source: evaluated("aime24", "9284356275e85963bc7508d41c42b73215faffc962abad02f248a650ca51feb2"),
    protocol: published,
  },
  {
    name: "amc23",
    title: "AMC 2023",
    format: "amc",
    n: 40,
    scorer: NUMBERS,
    licence: "MIT (the file); the problems are the MAA's",
    source: evaluated("amc23", "ad7c8d4930ac9399e01915632c92fa69f7988f6f097bd57ebc7067569aa63072"),
    protocol: published,
  },
  {
    name: "gameof24",
    title: "Game of 24",
    format: "game24",
    n: 300,
    scorer: "the expression, evaluated exactly, with each number once",
    licence: "MIT",
    source: evaluated("gameof24", "ffb0c95018ba400931f2940a2dabae666f1ed6d0383beadd969f0447869a14ff"),
    protocol: published,
  },
  {
    name: "gpqa",
    title: "GPQA",
    format: "gpqa",
    n: 300,
    scorer: OPTION,
    licence: "CC-BY-4.0, gated: its authors ask not to show its questions in public",
    instructions:
      "Accept its terms at https://huggingface.co/datasets/Idavidrein/gpqa, then download gpqa_diamond.csv (198 tasks) or gpqa_main.csv (448). The published results are on 300 tasks of their authors' choice.",
    protocol: published,
  },
  {
    name: "medqa",
    title: "MedQA (USMLE)",
    format: "medqa",
    n: 300,
    scorer: OPTION,
    licence: "questions of examinations, for research",
    instructions:
      "Download the archive that https://github.com/jind11/MedQA names, and take data_clean/questions/US/test.jsonl (1,273 tasks). The published results are on 300 of them.",
    protocol: published,
  },
  {
    name: "gsm8k",
    title: "GSM8K (test)",
    format: "gsm8k",
    n: 1319,
    scorer: NUMBERS,
    licence: "MIT",
    source: {
      url: "https://raw.githubusercontent.com/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/grade_school_math/data/test.jsonl",
      sha256: "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
    },
    protocol: closedBook,
  },
  {
    name: "math500",
    title: "MATH-500",
    format: "amc",
    n: 500,
    scorer: NUMBERS,
    licence: "MIT",
    source: {
      url: "https://huggingface.co/datasets/HuggingFaceH4/MATH-500/resolve/6e4ed1a2a79af7d8630a6b768ec859cb5af4d3be/test.jsonl",
      sha256: "35dc41080a3680858b27fa7e0533d2d547825316fc5dafe5d316f4ccc5a06132",
    },
    protocol: closedBook,
  },
  {
    name: "mmlu",
    title: "MMLU (test)",
    format: "plain",
    n: 14_042,
    scorer: OPTION,
    licence: "MIT",
    source: {
      url: "https://huggingface.co/datasets/cais/mmlu/resolve/c30699e8356da336a370243923dbaf21066bb9fe/all/test-00000-of-00001.parquet",
    },
    protocol: closedBook,
  },
  {
    name: "simpleqa",
    title: "SimpleQA",
    format: "plain",
    n: 4326,
    scorer: WORDS,
    licence: "MIT",
    source: { url: "https://openaipublic.blob.core.windows.net/simple-evals/simple_qa_test_set.csv" },
    protocol: { ...closedBook, tools: ["base_generator", "web_search", "wikipedia_search"] },
  },
];

/** Other ways in which people write the names. */
const spelt = (name: string): string => name.toLowerCase().replace(/[^a-z0-9]/g, "");
const others: Readonly<Record<string, string>> = {
  "2wikimultihopqa": "2wiki",
  aime2024: "aime24",
  amc2023: "amc23",
  game24: "gameof24",
};

/**
 * The benchmark of a name, however it is spelt (`MATH-500`, `math500`); undefined where there is none.
 *
 * @example
 * ```ts
 * import { findBenchmark } from "agentflow/benchmarks";
 *
 * console.log(findBenchmark("HotpotQA")?.n);
 * ```
 */
export const findBenchmark = (name: string): Benchmark | undefined => {
  required(text)(name, "findBenchmark: the name");
  const asked = others[spelt(name)] ?? spelt(name);
  return benchmarks.find((benchmark) => benchmark.name === asked);
};
