import { ConfigError } from "../errors.ts";
import { checked, count, name, number, type Rules, required } from "../options.ts";

export interface SkyrlOptions {
  /** A name of the hub, or a folder. */
  readonly model: string;
  /** GPUs of each machine; 0 is a server on the CPU. @default 0 */
  readonly gpus?: number | undefined;
  /** Machines. @default 1 */
  readonly nodes?: number | undefined;
  /** GPUs that sample one copy of a model together. @default 1 */
  readonly tensorParallel?: number | undefined;
  readonly port?: number | undefined;
  /** Folder of its checkpoints and its database, as a whole path. */
  readonly folder: string;
}

/** A command, where it belongs, and what it is for. */
export interface SkyrlCommand {
  readonly where: "here" | "on every machine" | "on the first machine" | "on each other machine";
  readonly what: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly argv: readonly string[];
}

const skyrlRules: Rules<SkyrlOptions> = {
  model: required(name),
  gpus: number({ most: 64, whole: true }),
  nodes: count,
  tensorParallel: count,
  port: number({ least: 1, most: 65_535, whole: true }),
  folder: required(name),
};

/** The version that these commands are for: the next one may want others. */
export const SKYRL_VERSION = "0.4.0";
/** Where `git clone` puts it. */
const CHECKOUT = "SkyRL";
const RAY_PORT = 6379;
const EXTRAS = ["--extra", "tinker", "--extra", "fsdp"];

/**
 * The commands that start SkyRL's server of the Tinker API, the last one the server itself. Those for a CPU were run with
 * version 0.4.0; those for GPUs are taken from its public documentation and scripts, and were not run. Throws `ConfigError`
 * for what cannot be started.
 *
 * @example
 * ```ts
 * import { skyrlCommands } from "agentflow/setup";
 *
 * const commands = skyrlCommands({ model: "Qwen/Qwen2.5-7B-Instruct", gpus: 8, folder: "/data/skyrl" });
 * for (const { where, argv } of commands) console.log(where, argv.join(" "));
 * ```
 */
export const skyrlCommands = (options: SkyrlOptions): readonly SkyrlCommand[] => {
  const { model, gpus = 0, nodes = 1, tensorParallel = 1, port = 8000, folder } = checked("skyrl", options, skyrlRules);
  if (gpus === 0 && nodes > 1)
    throw new ConfigError(`${nodes} machines without GPUs: a server on CPUs is one process. Say --gpus.`);
  if (gpus === 0 && tensorParallel > 1)
    throw new ConfigError(`--tensor-parallel ${tensorParallel} without GPUs: there is nothing to share. Say --gpus.`);
  if (gpus > 0 && gpus % tensorParallel !== 0)
    throw new ConfigError(
      `${gpus} GPUs cannot be shared by copies on ${tensorParallel} each: --tensor-parallel has to divide --gpus.`,
    );
  const place = [
    ...["--host", "127.0.0.1", "--port", String(port)],
    ...["--checkpoints-base", `${folder}/checkpoints`, "--database-url", `sqlite:///${folder}/tinker.db`],
  ];
  const command = (where: SkyrlCommand["where"], what: string, ...argv: readonly string[]): SkyrlCommand => ({
    where,
    what,
    variables: {},
    argv,
  });
  const several = nodes > 1;
  const first = several ? "on the first machine" : "here";
  const each = several ? "on every machine" : "here";
  const store = command(first, "make the folder of its checkpoints and its database", "mkdir", "-p", folder);
  if (gpus === 0) return [store, onCpu(model, place)];
  const cluster = ["uv", "run", ...EXTRAS, "ray", "start"];
  const members = [
    command(first, "begin a cluster, in its folder", ...cluster, "--head", `--port=${RAY_PORT}`, `--num-gpus=${gpus}`),
    command(
      "on each other machine",
      "join it, in its folder",
      ...cluster,
      `--address=<first machine>:${RAY_PORT}`,
      `--num-gpus=${gpus}`,
    ),
  ];
  return [
    command(each, "install", "git", "clone", "https://github.com/NovaSky-AI/SkyRL.git"),
    command(each, "go to its folder, for all commands below", "cd", CHECKOUT),
    command(each, "install, in its folder", "uv", "sync", ...EXTRAS),
    ...(several ? members : []),
    store,
    {
      where: first,
      what: "serve, in its folder",
      variables: several ? { RAY_ADDRESS: `127.0.0.1:${RAY_PORT}` } : {},
      argv: [
        ...["uv", "run", ...EXTRAS, "-m", "skyrl.tinker.api"],
        ...["--base-model", model, "--backend", "fsdp", ...place],
        ...["--backend-config", JSON.stringify(gpuConfig(gpus, nodes, tensorParallel))],
      ],
    },
  ];
};

const onCpu = (model: string, place: readonly string[]): SkyrlCommand => ({
  where: "here",
  what: "serve",
  variables: { JAX_PLATFORMS: "cpu", TOKENIZERS_PARALLELISM: "false" },
  argv: [
    ...["uv", "run", "--no-project", "--python", "3.12"],
    // It imports aiohttp and does not say so.
    ...["--with", `skyrl[tinker,jax]==${SKYRL_VERSION}`, "--with", "aiohttp"],
    ...["-m", "skyrl.tinker.api", "--base-model", model, "--backend", "jax", ...place],
    "--backend-config",
    JSON.stringify({
      max_lora_adapters: 4,
      max_lora_rank: 16,
      train_micro_batch_size: 8,
      sample_max_num_sequences: 8,
    }),
  ],
});

const gpuConfig = (gpus: number, nodes: number, tensorParallel: number): Readonly<Record<string, unknown>> => ({
  "trainer.placement.colocate_all": true,
  "trainer.placement.policy_num_gpus_per_node": gpus,
  "trainer.placement.policy_num_nodes": nodes,
  "trainer.micro_forward_batch_size_per_gpu": 8,
  "trainer.micro_train_batch_size_per_gpu": 8,
  "generator.inference_engine.num_engines": (gpus * nodes) / tensorParallel,
  "generator.inference_engine.tensor_parallel_size": tensorParallel,
  "generator.inference_engine.gpu_memory_utilization": 0.7,
});

/**
 * A command as a person types it. With a width it is broken into lines of at most n letters, as far as its words
 * allow, which a shell takes as one command.
 *
 * @example
 * ```ts
 * import { commandLine, skyrlCommands } from "agentflow/setup";
 *
 * const [command] = skyrlCommands({ model: "Qwen/Qwen2.5-7B-Instruct", folder: "/data/skyrl" });
 * if (command !== undefined) console.log(commandLine(command, 80));
 * ```
 */
export const commandLine = (
  { variables, argv }: Pick<SkyrlCommand, "variables" | "argv">,
  width = Number.POSITIVE_INFINITY,
): string => {
  const words = Object.entries(variables).map(([variable, value]) => `${variable}=${quoted(value)}`);
  for (const [i, word] of argv.entries()) {
    const written = quoted(word).length + 2 * INDENT.length > width ? quoted(spread(word)) : quoted(word);
    // An option and its value stay together.
    const value = i > 0 && argv[i - 1]?.startsWith("-") === true && !word.startsWith("-");
    words.push(value ? `${words.pop()} ${written}` : written);
  }
  const lines: string[] = [];
  for (const word of words) {
    const begun = lines.at(-1)?.split("\n").at(-1) ?? "";
    const [end = ""] = word.split("\n");
    const together = `${begun} ${end} \\`.length <= width;
    if (lines.length > 0 && together) lines.push(`${lines.pop()} ${word}`);
    else lines.push(lines.length === 0 ? word : `${INDENT}${word}`);
  }
  return lines.join(" \\\n");
};

const INDENT = "  ";

/** Settings in JSON with one a line, which are the same settings. */
const spread = (word: string): string =>
  word.startsWith("{") ? JSON.stringify(JSON.parse(word), null, 2).replaceAll("\n", `\n${INDENT}`) : word;

const quoted = (word: string): string => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`);
