import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formulaAdapter, formulaTensors, smallModel } from "../../../../test/fixtures/adapter.ts";
import { floatsOf } from "../carriers/runtime.ts";
import { type ModelConfig, parameterShapes } from "../model-config.ts";
import { type ExportOptions, exportAdapter, verifyExport } from "./export.ts";
import { type Adapter, addLowRank } from "./merge.ts";
import type { ModelFiles } from "./model-files.ts";
import { openModelFiles } from "./open-model.ts";
import { roundTo } from "./safetensors-writer.ts";

let root: string;
let out: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "agentflow-export-"));
  out = join(root, "out");
});
afterEach(() => rm(root, { recursive: true }));

const gemma: ModelConfig = {
  ...smallModel,
  model_type: "gemma3_text",
  rms_norm_eps: 1e-6,
  rope_theta: 1_000_000,
  rope_local_theta: 10_000,
  qk_norm: true,
  sandwich_norms: true,
  hidden_act: "gelu_pytorch_tanh",
  embedding_scale: Math.sqrt(32),
  norm_offset: 1,
  sliding_window: 16,
  layer_types: ["sliding_attention", "full_attention"],
};

/** A base whose numbers are a formula. */
const baseOf = (config: ModelConfig): ModelFiles => {
  const { tensors } = formulaTensors(parameterShapes(config), 900);
  const read = async (name: string): Promise<Float32Array> => {
    const tensor = tensors.get(name);
    if (tensor === undefined) throw new Error(`no ${name}`);
    const offset = /norm\.weight$/.test(name) ? (config.norm_offset ?? 0) : 0;
    return floatsOf(tensor).map((value) => value + offset);
  };
  const vocab = Object.fromEntries(Array.from({ length: 64 }, (_, id) => [String.fromCharCode(48 + id), id]));
  return {
    name: "base.gguf",
    format: "gguf",
    config,
    tokenizer: { model: { type: "BPE", vocab, merges: [] }, added_tokens: [] },
    tokenizerConfig: { eos_token: "0" },
    chatTemplate: "{{ messages }}",
    endIds: [0],
    tensors: { names: new Set(tensors.keys()), read, close: async () => undefined },
  };
};

const optionsOf = (config: ModelConfig, options: Partial<ExportOptions> = {}): ExportOptions => {
  const { lora, weights } = formulaAdapter(config);
  const tensors = Object.fromEntries([...weights.tensors].map(([name, tensor]) => [name, floatsOf(tensor)]));
  const adapter = { lora, tensors };
  return {
    format: "merged",
    out,
    files: baseOf(config),
    adapter,
    baseName: "some/base",
    about: { seed: 7 },
    ...options,
  };
};

describe("addLowRank", () => {
  it("adds (alpha/rank)·B·A", () => {
    const weight = Float32Array.of(1, 2, 3, 4, 5, 6);
    // B [2, 2] · A [2, 3], by hand: rows (1·A0 + 2·A1) and (0·A0 − 1·A1).
    addLowRank(weight, { rank: 2, alpha: 4 }, Float32Array.of(1, 0, 2, 0, 3, 1), Float32Array.of(1, 2, 0, -1));
    expect([...weight]).toEqual([1 + 2, 2 + 12, 3 + 8, 4, 5 - 6, 6 - 2]);
  });
});

describe("an export", () => {
  it.each([
    ["llama", smallModel],
    ["gemma3_text", gemma],
    ["qwen2", { ...smallModel, model_type: "qwen2", qkv_bias: true, hidden_size: 64 } as ModelConfig],
  ])("merges an adapter into a base of %s", async (_, config) => {
    const options = optionsOf(config);
    const adapter = options.adapter as Adapter;
    await exportAdapter(options);
    const merged = await openModelFiles(out);
    expect(merged.config).toEqual(config);
    expect(merged.endIds).toEqual([0]);
    expect(merged.chatTemplate).toBe("{{ messages }}");
    const name = "model.layers.1.mlp.up_proj";
    const { lora, tensors } = adapter;
    const base = await options.files.tensors.read(`${name}.weight`);
    const [a, b] = [tensors[`${name}.lora_A.weight`], tensors[`${name}.lora_B.weight`]] as [Float32Array, Float32Array];
    addLowRank(base, lora, a, b);
    expect(await merged.tensors.read(`${name}.weight`)).toEqual(base);
    expect(await merged.tensors.read("model.norm.weight")).toEqual(
      // The offset goes and comes back: each time a rounding to float32.
      (await options.files.tensors.read("model.norm.weight")).map(
        (value) => Math.fround(value - (config.norm_offset ?? 0)) + (config.norm_offset ?? 0),
      ),
    );
    await merged.tensors.close();
    expect(await readdir(root)).toEqual(["out"]);
  });

  it("writes bfloat16, and files of a bounded size", async () => {
    const options = optionsOf(smallModel, { type: "bfloat16", maxFileBytes: 8_000 });
    await exportAdapter(options);
    const names = (await readdir(out)).filter((name) => name.endsWith(".safetensors"));
    expect(names.length).toBeGreaterThan(3);
    expect(JSON.parse(await readFile(join(out, "config.json"), "utf8"))).toMatchObject({ torch_dtype: "bfloat16" });
    const merged = await openModelFiles(out);
    const name = "model.layers.0.input_layernorm.weight";
    expect(await merged.tensors.read(name)).toEqual(roundTo("bfloat16", await options.files.tensors.read(name)));
    await merged.tensors.close();
  });

  it("rounds to the nearest bfloat16, ties to even", () => {
    const values = Float32Array.of(1, 1 + 2 ** -8, 1 + 3 * 2 ** -8, 1 + 2 ** -8 + 2 ** -20, -0.1);
    expect([...roundTo("bfloat16", values)]).toEqual([1, 1, 1 + 2 ** -6, 1 + 2 ** -7, -0.10009765625]);
  });

  it.each(["peft", "gguf"] as const)("writes an adapter as %s, once and again", async (format) => {
    const options = optionsOf(smallModel, { format });
    expect(await exportAdapter(options)).toEqual({ tensors: 28 });
    expect(await exportAdapter(options)).toEqual({ tensors: 28 });
    expect(await readdir(root)).toEqual(["out"]);
  });

  it.each(["peft", "gguf", "merged"] as const)("tells when %s does not give back what it should", async (format) => {
    const options = optionsOf(smallModel, { format });
    await exportAdapter(options);
    const [name = "", first] = Object.entries(options.adapter?.tensors ?? {})[0] ?? [];
    const changed = Float32Array.from(first ?? [], (value, i) => (i === 5 ? value + 1e-3 : value));
    const adapter = options.adapter && { ...options.adapter, tensors: { ...options.adapter.tensors, [name]: changed } };
    await expect(verifyExport({ ...options, adapter })).rejects.toThrow(/self_attn.q_proj.(lora_A.)?weight differs/);
  });

  it("refuses what is not ours and what is not an adapter", async () => {
    await mkdir(out);
    await writeFile(join(out, "thesis.txt"), "mine");
    for (const format of ["peft", "gguf", "merged"] as const)
      await expect(exportAdapter(optionsOf(smallModel, { format }))).rejects.toThrow(/not replaced/);
    expect(await readFile(join(out, "thesis.txt"), "utf8")).toBe("mine");
    const full = optionsOf(smallModel, { adapter: undefined, out: join(root, "full") });
    await expect(exportAdapter({ ...full, format: "peft" })).rejects.toThrow(/no adapter to write as peft/);
    await exportAdapter(full);
    expect((await readdir(root)).sort()).toEqual(["full", "out"]);
  });
});
