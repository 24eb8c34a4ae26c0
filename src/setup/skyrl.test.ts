import { expect, test } from "vitest";
import { commandLine, skyrlCommands } from "./skyrl.ts";

const at = { model: "Qwen/Qwen2.5-7B-Instruct", folder: "/data/skyrl" };

test("commands for a CPU, one machine and several", () => {
  const [cpu, ...none] = skyrlCommands(at);
  expect(none).toEqual([]);
  expect(cpu && commandLine(cpu)).toBe(
    "JAX_PLATFORMS=cpu TOKENIZERS_PARALLELISM=false uv run --no-project --python 3.12 --with 'skyrl[tinker,jax]==0.4.0' --with aiohttp " +
      "-m skyrl.tinker.api --base-model Qwen/Qwen2.5-7B-Instruct --backend jax --host 127.0.0.1 --port 8000 " +
      "--checkpoints-base /data/skyrl/checkpoints --database-url sqlite:////data/skyrl/tinker.db " +
      `--backend-config '{"max_lora_adapters":4,"max_lora_rank":16,"train_micro_batch_size":8,"sample_max_num_sequences":8}'`,
  );
  expect(skyrlCommands({ ...at, gpus: 8 }).map(({ what }) => what)).toEqual([
    "install",
    "install, in its folder",
    "serve",
  ]);
  const several = skyrlCommands({ ...at, gpus: 8, nodes: 2, tensorParallel: 4 });
  expect(several.map(({ where }) => where)).toEqual([
    "on every machine",
    "on every machine",
    "on the first machine",
    "on each other machine",
    "on the first machine",
  ]);
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
});
