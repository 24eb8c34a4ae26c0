import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { commandLine, skyrlCommands } from "./skyrl.ts";

const quote = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;
const at = { model: "Qwen/Qwen2.5-7B-Instruct", folder: "/data/skyrl" };

test("commands for a CPU, one machine and several", () => {
  const [store, cpu, ...none] = skyrlCommands(at);
  expect(none).toEqual([]);
  expect(store && commandLine(store)).toBe("mkdir -p /data/skyrl");
  expect(cpu && commandLine(cpu)).toBe(
    "JAX_PLATFORMS=cpu TOKENIZERS_PARALLELISM=false uv run --no-project --python 3.12 --with 'skyrl[tinker,jax]==0.4.0' --with aiohttp " +
      "-m skyrl.tinker.api --base-model Qwen/Qwen2.5-7B-Instruct --backend jax --host 127.0.0.1 --port 8000 " +
      "--checkpoints-base /data/skyrl/checkpoints --database-url sqlite:////data/skyrl/tinker.db " +
      `--backend-config '{"max_lora_adapters":4,"max_lora_rank":16,"train_micro_batch_size":8,"sample_max_num_sequences":8}'`,
  );
  expect(skyrlCommands({ ...at, gpus: 8 }).map(({ what, argv }) => [what, argv[0]])).toEqual([
    ["install", "git"],
    ["go to its folder, for all commands below", "cd"],
    ["install, in its folder", "uv"],
    ["make the folder of its checkpoints and its database", "mkdir"],
    ["serve, in its folder", "uv"],
  ]);
  const several = skyrlCommands({ ...at, gpus: 8, nodes: 2, tensorParallel: 4 });
  expect(several.map(({ where }) => where)).toEqual([
    "on every machine",
    "on every machine",
    "on every machine",
    "on the first machine",
    "on each other machine",
    "on the first machine",
    "on the first machine",
  ]);
  const clusters = several.filter(({ argv }) => argv.includes("ray"));
  expect(clusters.map(({ what }) => what)).toEqual(["begin a cluster, in its folder", "join it, in its folder"]);
  const config = JSON.parse(several.at(-1)?.argv.at(-1) ?? "{}") as Record<string, unknown>;
  expect(config).toMatchObject({
    "trainer.placement.policy_num_nodes": 2,
    "generator.inference_engine.num_engines": 4,
    "generator.inference_engine.tensor_parallel_size": 4,
  });
});

test("what cannot be started is refused", () => {
  expect(() => skyrlCommands({ ...at, nodes: 2 })).toThrow(/Say --gpus/);
  expect(() => skyrlCommands({ ...at, gpus: 8, tensorParallel: 3 })).toThrow(/has to divide --gpus/);
  expect(() => skyrlCommands({ ...at, tensorParallel: 4 })).toThrow(
    "--tensor-parallel 4 without GPUs: there is nothing to share. Say --gpus.",
  );
});

test("a command in lines that a terminal has room for is the same command for a shell", () => {
  for (const options of [at, { ...at, gpus: 8, nodes: 2, tensorParallel: 4 }])
    for (const command of skyrlCommands(options)) {
      const text = commandLine(command, 80);
      expect(Math.max(...text.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
      const { variables, argv } = command;
      const print = ["sh", "-c", 'printf "%s\\0" "$RAY_ADDRESS" "$JAX_PLATFORMS" "$@"', "sh"].map(quote).join(" ");
      // A program in the place of the first word says what it is given.
      const [first = ""] = argv;
      const script = `function ${first} { ${print} "$@"; }; ${text}`;
      const printed = execFileSync("bash", ["-c", script], { encoding: "utf8" }).split("\0").slice(0, -1);
      const { RAY_ADDRESS = "", JAX_PLATFORMS = "" } = variables;
      const plain = (word: string): unknown => (word.startsWith("{") ? JSON.parse(word) : word);
      expect(printed.map(plain)).toEqual([RAY_ADDRESS, JAX_PLATFORMS, ...argv.slice(1)].map(plain));
    }
});
