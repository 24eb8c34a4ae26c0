import type { Command } from "commander";
import {
  type Benchmark,
  benchmarks,
  fetchBenchmark,
  fetchedBenchmark,
  findBenchmark,
  howToGet,
} from "../benchmarks/index.ts";
import { ConfigError } from "../errors.ts";
import { jsonOption } from "./command-options.ts";
import { dataFolder } from "./eval-source.ts";
import { listenToInterrupts } from "./interrupt.ts";
import { openScreen, writeJson } from "./terminal.ts";
import { hanging } from "./text-width.ts";
import { bytes, columns } from "./words.ts";

interface DataOptions {
  readonly json: boolean;
}

/** `agentflow data list`: all benchmarks, and which of them are on this machine. */
const listData = async ({ json }: DataOptions): Promise<number> => {
  const folder = dataFolder();
  const all = await Promise.all(benchmarks.map(async (one) => ({ one, file: await stateOf(one, folder) })));
  if (json) {
    writeJson({
      schemaVersion: 1,
      folder,
      benchmarks: all.map(({ one, file }) => ({ ...one, file: file ?? null, howToGet: howToGet(one) })),
    });
    return 0;
  }
  const screen = openScreen();
  const table = columns([
    ["name", "tasks", "here"],
    ...all.map(({ one: { name, n, source }, file }) => [
      name,
      String(n),
      file === "changed" ? file : file !== undefined ? bytes(file.bytes) : source === undefined ? "--data" : "no",
    ]),
  ]);
  for (const [i, line] of table.entries()) {
    const about = all[i - 1]?.one;
    if (about === undefined) screen.line(screen.dim(line));
    else
      for (const part of hanging(`${line}  ${about.title}: ${about.licence}`, screen.width, line.length + 2))
        screen.line(part);
  }
  return 0;
};

/** The file of a benchmark; `changed` for one that is not what it was when it came. */
const stateOf = (benchmark: Benchmark, folder: string) =>
  fetchedBenchmark(benchmark, folder).catch(() => "changed" as const);

/** `agentflow data get <name>`: fetches a benchmark, or says how to get it. */
const getData = async (name: string, { json }: DataOptions): Promise<number> => {
  const benchmark = findBenchmark(name);
  if (benchmark === undefined)
    throw new ConfigError(
      `There is no benchmark ${JSON.stringify(name)}: accepted are ${benchmarks.map((one) => one.name).join(", ")}.`,
    );
  const screen = openScreen({ json });
  const interrupts = listenToInterrupts(() => undefined);
  try {
    const { abortSignal } = interrupts;
    const file = await fetchBenchmark(benchmark, { folder: dataFolder(), abortSignal });
    const { title, n, licence, source } = benchmark;
    screen.line(screen.good("ready"), `  ${title}: ${n} tasks, ${bytes(file.bytes)}, ${licence}`);
    screen.line(screen.dim(`       ${file.path}`));
    if (source?.sha256 === undefined) screen.line(`       SHA-256 ${file.sha256}: its source publishes none`);
    if (json) writeJson({ schemaVersion: 1, name: benchmark.name, n, licence, ...file });
    return 0;
  } finally {
    interrupts.close();
  }
};

/** `agentflow data`. */
export const addData = (program: Command): void => {
  const data = program.command("data").description("list benchmarks and fetch their files");
  data
    .command("list")
    .description("list all benchmarks: tasks, licence, and whether the file is here")
    .option(...jsonOption)
    .action(async (options) => {
      process.exitCode = await listData(options);
    });
  data
    .command("get")
    .description("fetch a benchmark whose licence allows it, and check its hash; for any other, say how to get it")
    .argument("<name>")
    .option(...jsonOption)
    .action(async (name, options) => {
      process.exitCode = await getData(name, options);
    });
};
