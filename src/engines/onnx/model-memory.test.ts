import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { EngineError } from "../../errors.ts";
import { availableMemory } from "./available-memory.ts";
import { loraConfigOf } from "./lora.ts";
import type { ModelConfig } from "./model-config.ts";
import { estimateMemory, requireMemory } from "./model-memory.ts";

/** The shape of SmolLM2-135M. */
const config: ModelConfig = {
  hidden_size: 576,
  num_hidden_layers: 30,
  num_attention_heads: 9,
  num_key_value_heads: 3,
  head_dim: 64,
  intermediate_size: 1536,
  vocab_size: 49152,
  max_position_embeddings: 8192,
  rms_norm_eps: 1e-5,
  rope_theta: 100000,
};
const GB = 1e9;
const sample = { purpose: "sample", quantisation: "int8", slots: 15, contextLength: 1000 } as const;
const lora = { purpose: "lora", lora: loraConfigOf(config) } as const;

describe("the memory of a model", () => {
  it("is counted by what is done with it", () => {
    const { parts } = estimateMemory(config, sample);
    // 2 · 30 layers · 3 heads · 64 numbers of 4 bytes a position, and one row that takes what nobody keeps.
    expect(parts.cache).toBe(2 * 30 * 3 * 64 * 4 * 16 * 1000);
    const weights = (quantisation: "int8" | "int4" | "none"): number =>
      estimateMemory(config, { ...sample, quantisation }).parts.weights ?? 0;
    expect(weights("none")).toBe(134_515_008 * 4);
    expect(weights("int8")).toBeGreaterThan(134_515_008);
    expect(weights("int8")).toBeLessThan(0.4 * weights("none"));
    expect(weights("int4")).toBeLessThan(weights("int8"));
    const [adapter, full] = [estimateMemory(config, lora).bytes, estimateMemory(config, { purpose: "full" }).bytes];
    expect(adapter).toBeGreaterThan(134_515_008 * 4);
    expect(adapter).toBeLessThan(2 * GB);
    expect(full).toBeGreaterThan(6 * 134_515_008 * 4);
    for (const use of [sample, lora]) {
      const { bytes, parts: all } = estimateMemory(config, use);
      expect(Object.values(all).reduce((a, b) => a + b, 0)).toBe(bytes);
    }
  });

  it("is refused with both figures and a way out", () => {
    const refuse = (): void => requireMemory("smollm2", config, { ...sample, slots: 192, contextLength: 8192 }, 8 * GB);
    expect(refuse).toThrow(EngineError);
    expect(refuse).toThrow(
      /Sampling smollm2 takes about 7\d\.\d GB .*cache 7\d\.\d GB.*8\.0 GB are left\. Lower slots/,
    );
    expect(() => requireMemory("smollm2", config, { purpose: "full" }, GB)).toThrow(/Train an adapter instead/);
    requireMemory("smollm2", config, sample, 8 * GB);
  });
});

describe("available memory", () => {
  it("is what the kernel or the container leaves, whichever is less", async () => {
    const root = await mkdtemp(join(tmpdir(), "agentflow-memory-"));
    const put = async (path: string, text: string): Promise<void> => {
      await mkdir(join(root, path, ".."), { recursive: true });
      await writeFile(join(root, path), text);
    };
    try {
      await put("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    4000 kB\n");
      expect(availableMemory(root)).toBe(4000 * 1024);
      await put("proc/self/cgroup", "0::/outer/inner\n");
      await put("sys/fs/cgroup/outer/inner/memory.max", "max\n");
      await put("sys/fs/cgroup/outer/inner/memory.current", "100\n");
      expect(availableMemory(root)).toBe(4000 * 1024);
      // The outer group binds too; file pages that nobody uses are room.
      await put("sys/fs/cgroup/outer/memory.max", "1000000\n");
      await put("sys/fs/cgroup/outer/memory.current", "900000\n");
      await put("sys/fs/cgroup/outer/memory.stat", "anon 5\ninactive_file 50000\n");
      expect(availableMemory(root)).toBe(150_000);
      await put("proc/self/cgroup", "5:cpu:/x\n4:memory:/y\n");
      await put("sys/fs/cgroup/memory/y/memory.limit_in_bytes", "5000\n");
      await put("sys/fs/cgroup/memory/y/memory.usage_in_bytes", "2000\n");
      expect(availableMemory(root)).toBe(3000);
    } finally {
      await rm(root, { recursive: true });
    }
  });

  it("is known on any system", () => {
    expect(availableMemory()).toBeGreaterThan(0);
    expect(availableMemory(join(tmpdir(), "no such root"))).toBeGreaterThan(0);
  });
});
