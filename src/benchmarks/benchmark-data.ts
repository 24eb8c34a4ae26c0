import { createHash } from "node:crypto";
import { readFile, rm } from "node:fs/promises";
import { extname, join } from "node:path";
import { parseJson } from "../bounded-json.ts";
import { ConfigError, StoreError, TaskError } from "../errors.ts";
import { makeFolder } from "../files/make-folder.ts";
import { abortSignal as aSignal, callback, checked, name, required } from "../options.ts";
import { writeDurably } from "../store/durable.ts";
import { readTaskFile } from "../tasks/index.ts";
import { type GuardedFetch, guardedFetch } from "../tools/index.ts";
import { aBenchmark, type Benchmark } from "./catalogue.ts";

/** The file of a benchmark on this machine. */
export interface BenchmarkFile {
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
}

export interface FetchBenchmarkOptions {
  /** Where benchmarks are kept, each in a folder of its own. */
  readonly folder: string;
  /** @default guardedFetch, with 64 MiB and five minutes */
  readonly get?: GuardedFetch;
  readonly abortSignal?: AbortSignal | undefined;
}

const MOST_BYTES = 64 * 2 ** 20;
const LONGEST_SECONDS = 300;

const sha256Of = (content: Uint8Array): string => createHash("sha256").update(content).digest("hex");

/** The file, and beside it what it was when it came: the second one is written last. */
const placesOf = (benchmark: Benchmark, folder: string): { readonly file: string; readonly record: string } => {
  const home = join(folder, benchmark.name);
  const ending = extname(new URL(benchmark.source?.url ?? "file:///tasks.json").pathname);
  return { file: join(home, `tasks${ending}`), record: join(home, "source.json") };
};

/**
 * The file of a benchmark that was fetched before, undefined where it was not. Throws `StoreError` for one that is not
 * what it was when it came.
 *
 * @example
 * ```ts
 * import { fetchedBenchmark, findBenchmark } from "agentflow/benchmarks";
 *
 * const benchmark = findBenchmark("bamboogle");
 * if (benchmark !== undefined) console.log((await fetchedBenchmark(benchmark, "data"))?.path);
 * ```
 */
export const fetchedBenchmark = async (benchmark: Benchmark, folder: string): Promise<BenchmarkFile | undefined> => {
  aBenchmark(benchmark, "fetchedBenchmark: the benchmark");
  required(name)(folder, "fetchedBenchmark: the folder");
  const { file, record } = placesOf(benchmark, folder);
  const [content, known] = await Promise.all([file, record].map((path) => readFile(path).catch(() => undefined)));
  if (content === undefined || known === undefined) return undefined;
  const { sha256 } = parseJson(known.toString("utf8")) as { readonly sha256?: unknown };
  const found = sha256Of(content);
  if (found !== sha256 || (benchmark.source?.sha256 ?? found) !== found)
    throw new StoreError(
      `${file} was changed since it was fetched. Fetch it again: agentflow data get ${benchmark.name}.`,
    );
  return { path: file, sha256: found, bytes: content.length };
};

/**
 * Fetches the file of a benchmark whose licence allows it, whole or not at all: it is kept only if its hash is that of the
 * catalogue, and if it holds as many tasks as it should. Throws `ConfigError` for a benchmark that is not passed on, with
 * how to get it, `ToolError` where it cannot be fetched, and `StoreError` for another file.
 *
 * @example
 * ```ts
 * import { fetchBenchmark, findBenchmark } from "agentflow/benchmarks";
 *
 * const benchmark = findBenchmark("gsm8k");
 * if (benchmark !== undefined) console.log((await fetchBenchmark(benchmark, { folder: "data" })).path);
 * ```
 */
export const fetchBenchmark = async (benchmark: Benchmark, options: FetchBenchmarkOptions): Promise<BenchmarkFile> => {
  aBenchmark(benchmark, "fetchBenchmark: the benchmark");
  const { folder, get, abortSignal } = checked("fetchBenchmark", options, {
    folder: required(name),
    get: callback,
    abortSignal: aSignal,
  });
  const { source, title } = benchmark;
  if (source === undefined) throw new ConfigError(`${title} is not fetched. ${howToGet(benchmark)}`);
  const fetchWhole = get ?? guardedFetch({ maxBytes: MOST_BYTES, timeoutSeconds: LONGEST_SECONDS });
  const { status, body } = await fetchWhole(source.url, {
    abortSignal: abortSignal ?? AbortSignal.timeout(LONGEST_SECONDS * 1000),
  });
  if (status !== 200)
    throw new StoreError(
      `${new URL(source.url).host} answers ${status} for ${title}: nothing was kept. Try again later.`,
    );
  const sha256 = sha256Of(body);
  if (source.sha256 !== undefined && sha256 !== source.sha256)
    throw new StoreError(
      `What came for ${title} (${body.length} bytes) has the SHA-256 ${sha256.slice(0, 12)}…, and not ${source.sha256.slice(0, 12)}…: nothing was kept.`,
    );
  const { file, record } = placesOf(benchmark, folder);
  await makeFolder(join(folder, benchmark.name));
  await rm(record, { force: true });
  await writeDurably(file, body);
  const count = await tasksIn(benchmark, file);
  if (count !== benchmark.n) {
    await rm(file, { force: true });
    throw new StoreError(`What came for ${title} holds ${count} tasks, and not ${benchmark.n}: nothing was kept.`);
  }
  const { licence } = benchmark;
  await writeDurably(
    record,
    `${JSON.stringify({ schemaVersion: 1, url: source.url, sha256, n: count, licence }, null, 1)}\n`,
  );
  return { path: file, sha256, bytes: body.length };
};

/** How many tasks a file holds; 0 for one that cannot be read. */
const tasksIn = async ({ format }: Benchmark, file: string): Promise<number> => {
  try {
    return (await readTaskFile(file, { format })).length;
  } catch (error) {
    if (error instanceof TaskError) return 0;
    throw error;
  }
};

/**
 * What a person does to get the file of a benchmark.
 *
 * @example
 * ```ts
 * import { findBenchmark, howToGet } from "agentflow/benchmarks";
 *
 * const gaia = findBenchmark("gaia");
 * if (gaia !== undefined) console.log(howToGet(gaia));
 * ```
 */
export const howToGet = (benchmark: Benchmark): string => {
  aBenchmark(benchmark, "howToGet: the benchmark");
  const { name: called, instructions = "", source } = benchmark;
  return source === undefined
    ? `${instructions} Then: agentflow eval ${called} --data <file>.`
    : `Fetch it once: agentflow data get ${called}.`;
};
