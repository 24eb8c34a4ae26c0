import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formulaAdapter, smallModel } from "../../../../test/fixtures/adapter.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { readAdapter, writeAdapter } from "./adapter-files.ts";
import { decodeSafetensors, encodeSafetensors, type Tensor } from "./safetensors.ts";

let root: string;
let folder: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "agentflow-adapter-"));
  folder = join(root, "adapter");
});
afterEach(() => rm(root, { recursive: true }));

const adapter = formulaAdapter();
const write = (options: Partial<Parameters<typeof writeAdapter>[1]> = {}): Promise<void> =>
  writeAdapter(folder, { config: smallModel, ...adapter, about: { seed: 7 }, baseName: "some/base", ...options });

/** Rewrites the folder as another tool would: without a manifest. */
const edit = async (
  config: Readonly<Record<string, unknown>>,
  change: (tensors: Record<string, Tensor>) => void = () => undefined,
): Promise<void> => {
  await rm(join(folder, "manifest.json"));
  const configFile = join(folder, "adapter_config.json");
  await writeFile(configFile, JSON.stringify({ ...JSON.parse(await readFile(configFile, "utf8")), ...config }));
  const file = join(folder, "adapter_model.safetensors");
  const tensors = decodeSafetensors(await readFile(file), file);
  change(tensors);
  await writeFile(file, encodeSafetensors(tensors));
};

describe("an adapter folder", () => {
  it("gives back what was written, in the words of PEFT", async () => {
    await write();
    const read = await readAdapter(folder, smallModel);
    expect(read.lora).toEqual(adapter.lora);
    expect(read.baseName).toBe("some/base");
    expect(read.about).toEqual({ kind: "adapter", base: "some/base", seed: 7 });
    expect(Object.keys(read.tensors)).toHaveLength(2 * 7 * 2);
    for (const [name, tensor] of adapter.weights.tensors) expect(read.tensors[name]).toEqual(floatsOf(tensor));

    const json = JSON.parse(await readFile(join(folder, "adapter_config.json"), "utf8"));
    expect(json).toMatchObject({ peft_type: "LORA", r: 4, lora_alpha: 6, bias: "none", task_type: "CAUSAL_LM" });
    expect(json.target_modules).toEqual(["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]);
    const bytes = await readFile(join(folder, "adapter_model.safetensors"));
    expect(Object.keys(decodeSafetensors(bytes, "adapter"))).toContain(
      "base_model.model.model.layers.1.mlp.down_proj.lora_B.weight",
    );
    expect(await readdir(root)).toEqual(["adapter"]);
  });

  it("replaces one of ours and nothing else", async () => {
    await write();
    const other = formulaAdapter(smallModel, { rank: 2, targets: ["v_proj"] });
    await write(other);
    expect((await readAdapter(folder, smallModel)).lora).toEqual(other.lora);
    await writeFile(join(folder, "notes.txt"), "mine");
    await expect(write()).rejects.toThrow(/notes\.txt was added to it/);
    await rm(join(folder, "notes.txt"));
    await rm(join(folder, "manifest.json"));
    await expect(write()).rejects.toThrow(/has something in it and is not replaced/);
    expect(await readdir(root)).toEqual(["adapter"]);
  });

  it("folds rsLoRA into alpha and reads a pattern of targets", async () => {
    await write();
    await edit({ use_rslora: true, target_modules: ".*_proj" });
    const { lora } = await readAdapter(folder, smallModel);
    expect(lora).toEqual({ ...adapter.lora, alpha: 12 });
  });

  it.each([
    [{ use_dora: true }, /use_dora is true, which is not supported/],
    [{ bias: "all" }, /bias is "all"/],
    [{ modules_to_save: ["lm_head"] }, /modules_to_save is \["lm_head"\]/],
    [{ rank_pattern: { q_proj: 8 } }, /rank_pattern/],
    [{ layers_to_transform: [0] }, /layers_to_transform/],
    [{ peft_type: "IA3" }, /peft_type is "IA3"/],
    [{ r: 0 }, /r is 0; accepted is a whole number from 1/],
    [{ r: 8 }, /has the shape \[4, 32\]; this model and r = 8 ask for \[8, 32\]/],
    [{ lora_alpha: null }, /lora_alpha is null/],
    [{ target_modules: ["q_proj", "lm_head"] }, /no tensors for lm_head/],
  ])("refuses %j", async (config, message) => {
    await write();
    await edit(config);
    await expect(readAdapter(folder, smallModel)).rejects.toThrow(message);
  });

  it("refuses tensors that do not fit, are not finite or are missing", async () => {
    const name = "base_model.model.model.layers.1.mlp.up_proj.lora_A.weight";
    await write();
    await edit({}, (tensors) => tensors[name]?.data.fill(Number.NaN, 3, 4));
    await expect(readAdapter(folder, smallModel)).rejects.toThrow(`${name} holds numbers that are not finite`);
    await rm(folder, { recursive: true });
    await write();
    await edit({}, (tensors) => delete tensors[name]);
    await expect(readAdapter(folder, smallModel)).rejects.toThrow(`${name} is missing`);
    await rm(folder, { recursive: true });
    await write();
    await edit({}, (tensors) => {
      tensors["base_model.model.lm_head.lora_A.weight"] = { shape: [1], data: new Float32Array(1) };
    });
    await expect(readAdapter(folder, smallModel)).rejects.toThrow(/lm_head.lora_A.weight belongs to nothing/);
    await expect(readAdapter(folder, { ...smallModel, num_hidden_layers: 1 })).rejects.toThrow(/belongs to nothing/);
  });

  it("refuses a damaged or missing folder", async () => {
    await expect(readAdapter(folder, smallModel)).rejects.toThrow(/holds no adapter that can be read/);
    await write();
    const file = join(folder, "adapter_model.safetensors");
    const bytes = await readFile(file);
    bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
    await writeFile(file, bytes);
    await expect(readAdapter(folder, smallModel)).rejects.toThrow(/is damaged: its SHA-256/);
  });
});
