import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gguf } from "@huggingface/gguf";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formulaAdapter, smallModel } from "../../../../test/fixtures/adapter.ts";
import { floatsOf } from "../carriers/runtime.ts";
import type { ModelConfig } from "../model-config.ts";
import { permuteHeads, readGgufAdapter, writeGgufAdapter } from "./gguf-adapter.ts";

let root: string;
let path: string;
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "agentflow-gguf-"));
  path = join(root, "adapter.gguf");
});
afterEach(() => rm(root, { recursive: true }));

const { lora, weights } = formulaAdapter();
const tensors = Object.fromEntries([...weights.tensors].map(([name, tensor]) => [name, floatsOf(tensor)]));
const write = (config: ModelConfig = smallModel): Promise<void> =>
  writeGgufAdapter(path, { config, lora, tensors, about: { seed: 7 }, baseName: "some/base" });

describe("an adapter as a GGUF file", () => {
  it("gives back what was written", async () => {
    await write();
    expect(await readGgufAdapter(path, smallModel)).toEqual({ lora, tensors });
    await write();
    expect(await readdir(root)).toEqual(["adapter.gguf"]);
  });

  it("is what llama.cpp asks for", async () => {
    await write();
    const { metadata, tensorInfos } = await gguf(path, { allowLocalFile: true });
    expect(metadata).toMatchObject({
      "general.architecture": "llama",
      "general.type": "adapter",
      "adapter.type": "lora",
      "adapter.lora.alpha": 6,
    });
    const shapes = Object.fromEntries(tensorInfos.map(({ name, shape }) => [name, shape.map(Number)]));
    expect(tensorInfos).toHaveLength(2 * 7 * 2);
    // The innermost side first: A is [rank, in], B is [out, rank].
    expect(shapes["blk.1.attn_k.weight.lora_a"]).toEqual([32, 4]);
    expect(shapes["blk.1.attn_k.weight.lora_b"]).toEqual([4, 32]);
    expect(shapes["blk.0.ffn_down.weight.lora_a"]).toEqual([48, 4]);
    expect(shapes["blk.0.attn_output.weight.lora_b"]).toEqual([4, 32]);
  });

  it("reorders the rows of q and k for Llama alone", async () => {
    // One head of four rows: halves (0, 1 | 2, 3) become neighbours (0, 2, 1, 3).
    expect([...permuteHeads(Float32Array.of(0, 1, 2, 3), { heads: 1, columns: 1 })]).toEqual([0, 2, 1, 3]);
    expect([...permuteHeads(Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7), { heads: 2, columns: 1 })]).toEqual([
      0, 2, 1, 3, 4, 6, 5, 7,
    ]);
    const qwen: ModelConfig = { ...smallModel, model_type: "qwen3", qk_norm: true };
    await write();
    const asQwen = await readGgufAdapter(path, qwen);
    for (const [name, numbers] of Object.entries(tensors)) {
      const moved = /self_attn\.[qk]_proj\.lora_B/.test(name);
      expect(asQwen.tensors[name]?.join() === numbers.join(), name).toBe(!moved);
    }
    await write(qwen);
    expect((await readGgufAdapter(path, qwen)).tensors).toEqual(tensors);
    expect((await gguf(path, { allowLocalFile: true })).metadata).toMatchObject({ "general.architecture": "qwen3" });
  });

  it("replaces nothing that is not ours", async () => {
    await writeFile(path, "mine");
    await expect(write()).rejects.toThrow(/not an adapter that was written here/);
    await expect(
      writeGgufAdapter(root, { config: smallModel, lora, tensors, about: {}, baseName: "" }),
    ).rejects.toThrow(/is not replaced/);
  });
});
