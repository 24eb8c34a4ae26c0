import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  formulaTensors,
  type GgufTensor,
  type GgufValue,
  ggufBlocks,
  ggufBytes,
  ggufMetadata,
  ggufTensors,
} from "../../../../test/fixtures/gguf.ts";
import { StoreError } from "../../../errors.ts";
import { ropePeriods } from "../graph/rope.ts";
import type { ModelConfig } from "../model-config.ts";
import type { ModelFiles } from "./model-files.ts";
import { openModelFiles } from "./open-model.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentflow-gguf-"));
});
afterAll(() => rm(folder, { recursive: true }));

const llama: ModelConfig = {
  model_type: "llama",
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 16,
  intermediate_size: 64,
  vocab_size: 300,
  max_position_embeddings: 128,
  rms_norm_eps: 2 ** -17,
  rope_theta: 10000,
  tie_word_embeddings: true,
};
const configs: Readonly<Record<string, ModelConfig>> = {
  llama,
  "llama with biases and a head of its own": {
    ...llama,
    tie_word_embeddings: false,
    qkv_bias: true,
    output_bias: true,
    mlp_bias: true,
  },
  qwen2: { ...llama, model_type: "qwen2", qkv_bias: true },
  qwen3: { ...llama, model_type: "qwen3", head_dim: 32, qk_norm: true },
  gemma3: {
    ...llama,
    model_type: "gemma3_text",
    rope_theta: 1_000_000,
    rope_local_theta: 10_000,
    qk_norm: true,
    sandwich_norms: true,
    hidden_act: "gelu_pytorch_tanh",
    embedding_scale: Math.sqrt(32),
    norm_offset: 1,
    sliding_window: 8,
    layer_types: ["sliding_attention", "sliding_attention"],
  },
};

interface Changes {
  readonly metadata?: Readonly<Record<string, GgufValue>>;
  readonly tensors?: (tensors: GgufTensor[]) => readonly GgufTensor[];
}
const bytesOf = (config: ModelConfig, { metadata = {}, tensors = (list) => list }: Changes = {}): Uint8Array =>
  ggufBytes({ ...ggufMetadata(config), ...metadata }, tensors(ggufTensors(config)));

let files = 0;
const open = async (bytes: Uint8Array): Promise<ModelFiles> => {
  files += 1;
  const path = join(folder, `${files}.gguf`);
  await writeFile(path, bytes);
  return openModelFiles(path);
};
const opened = async <T>(bytes: Uint8Array, use: (model: ModelFiles) => T | Promise<T>): Promise<T> => {
  const model = await open(bytes);
  try {
    return await use(model);
  } finally {
    await model.tensors.close();
  }
};

const floats = (values: readonly number[]): Uint8Array => new Uint8Array(Float32Array.from(values).buffer);

describe("a GGUF file", () => {
  it.each(Object.entries(configs))("of %s gives config and weights as Hugging Face has them", async (_, config) => {
    await opened(bytesOf(config), async (model) => {
      expect(model.config).toEqual(config);
      expect(model).toMatchObject({ format: "gguf", endIds: [2], chatTemplate: "{{ messages[0].content }}<|im_end|>" });
      const expected = formulaTensors(config);
      expect([...model.tensors.names]).toEqual([...expected.keys()]);
      for (const [name, values] of expected) expect([name, await model.tensors.read(name)]).toEqual([name, values]);
    });
  });

  it("dequantises tensor by tensor", async () => {
    const block = ggufBlocks.find(({ format }) => format === "Q8_0");
    // 2 rows of 32: as many blocks as the fixture's first two.
    const bytes = Buffer.concat(new Array(32).fill(Buffer.from(block?.bytes ?? "", "base64").subarray(0, 68)));
    const q8 = (tensors: GgufTensor[]): GgufTensor[] =>
      tensors.map((tensor) => (tensor.name === "blk.1.ffn_up.weight" ? { ...tensor, type: 8, bytes } : tensor));
    await opened(bytesOf(llama, { tensors: q8 }), async ({ tensors }) => {
      const expected = new Float32Array(new Uint8Array(Buffer.from(block?.floats ?? "", "base64")).buffer).subarray(
        0,
        64,
      );
      const values = await tensors.read("model.layers.1.mlp.up_proj.weight");
      for (let row = 0; row < 64; row += 2) expect(values.subarray(row * 32, (row + 2) * 32)).toEqual(expected);
    });
  });

  it("reads scalings from metadata and from Llama 3's factors", async () => {
    const linear = { "llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4 };
    await opened(bytesOf(llama, { metadata: linear }), ({ config }) =>
      expect(config.rope_scaling).toEqual({ rope_type: "linear", factor: 4 }),
    );
    const yarn = {
      "llama.rope.scaling.type": "yarn",
      "llama.rope.scaling.factor": 2.5,
      "llama.rope.scaling.original_context_length": 64,
    };
    await opened(bytesOf(llama, { metadata: yarn }), ({ config }) =>
      expect(config.rope_scaling).toEqual({ rope_type: "yarn", factor: 2.5, original_max_position_embeddings: 64 }),
    );
    const scaling = {
      rope_type: "llama3",
      factor: 8,
      low_freq_factor: 1,
      high_freq_factor: 4,
      original_max_position_embeddings: 8192,
    } as const;
    const config = { ...llama, rope_theta: 500000 };
    const plain = ropePeriods(config).periods;
    const scaled = ropePeriods({ ...config, rope_scaling: scaling }).periods;
    const factors = [...plain].map((period, i) => (scaled[i] ?? 0) / period);
    const add = (values: readonly number[]) => (tensors: GgufTensor[]) => [
      ...tensors,
      { name: "rope_freqs.weight", shape: [values.length], bytes: floats(values) },
    ];
    expect(new Set(factors).size).toBeGreaterThan(2);
    await opened(bytesOf(config, { tensors: add(factors) }), (model) =>
      expect(model.config.rope_scaling).toEqual(scaling),
    );
    await opened(bytesOf(config, { tensors: add(factors.map(() => 1)) }), (model) =>
      expect(model.config).toEqual(config),
    );
    await expect(open(bytesOf(config, { tensors: add([1, 2, 3, 4, 5, 6, 7, 8]) }))).rejects.toThrow(
      /rope_freqs.*Llama 3/,
    );
  });

  it("reads which layers of Gemma slide, by period or layer by layer", async () => {
    const gemma = configs.gemma3 as ModelConfig;
    const types = async (pattern: GgufValue): Promise<unknown> =>
      opened(
        bytesOf(gemma, { metadata: { "gemma3.attention.sliding_window_pattern": pattern } }),
        ({ config }) => config.layer_types,
      );
    expect(await types(2)).toEqual(["sliding_attention", "full_attention"]);
    expect(await types([false, true])).toEqual(["full_attention", "sliding_attention"]);
  });

  it.each<[string, Changes, RegExp]>([
    [
      "another architecture",
      { metadata: { "general.architecture": "mamba" } },
      /"mamba" is not supported; supported are llama, qwen2, qwen3, gemma3/,
    ],
    [
      "a window of nobody knows which layers",
      { metadata: { "llama.attention.sliding_window": 16 } },
      /sliding_window is 16/,
    ],
    ["a part of a model", { metadata: { "split.count": 3 } }, /one of 3 parts/],
    ["experts", { metadata: { "llama.expert_count": 8 } }, /expert_count is 8/],
    ["capped scores", { metadata: { "llama.final_logit_softcapping": 30 } }, /final_logit_softcapping is 30/],
    [
      "another scaling",
      { metadata: { "llama.rope.scaling.type": "longrope" } },
      /"longrope"; supported are none, linear, yarn/,
    ],
    ["partly turned heads", { metadata: { "llama.rope.dimension_count": 8 } }, /rope.dimension_count is 8/],
    [
      "heads of an odd size",
      { metadata: { "llama.attention.key_length": 24, "llama.attention.value_length": 24 } },
      /multiples of 16/,
    ],
    ["another tokenizer", { metadata: { "tokenizer.ggml.model": "bert" } }, /"bert"; supported are gpt2/],
    ["another way to cut text", { metadata: { "tokenizer.ggml.pre": "viking" } }, /"viking".*smollm, .*qwen2/],
    [
      "a missing number",
      { metadata: { "llama.block_count": "two" } },
      /block_count must be a positive whole number, found "two"/,
    ],
    [
      "a missing tensor",
      { tensors: (list) => list.filter(({ name }) => name !== "blk.1.ffn_up.weight") },
      /blk.1.ffn_up.weight .* is missing/,
    ],
    [
      "an unknown tensor",
      { tensors: (list) => [...list, { name: "blk.0.attn_sinks.weight", shape: [2], bytes: floats([1, 2]) }] },
      /unknown tensors blk.0.attn_sinks.weight/,
    ],
    [
      "another shape",
      { metadata: { "llama.feed_forward_length": 32 } },
      /has shape \[64,32\], its metadata asks for \[32,32\]/,
    ],
    [
      "a quantisation that is not read",
      { tensors: (list) => list.map((t) => (t.name === "blk.0.ffn_up.weight" ? { ...t, type: 10 } : t)) },
      /blk.0.ffn_up.weight is quantised as Q2_K.*supported are F32, F16/,
    ],
    ["two tensors of one name", { tensors: (list) => [...list, list[0] as GgufTensor] }, /token_embd.weight twice/],
  ])("refuses %s by name", async (_, changes, message) => {
    const refused = open(bytesOf(llama, changes));
    await expect(refused).rejects.toBeInstanceOf(StoreError);
    await expect(refused).rejects.toThrow(message);
  });

  it("refuses numbers that are not finite", async () => {
    const broken = (tensors: GgufTensor[]): GgufTensor[] =>
      tensors.map((t) =>
        t.name === "output_norm.weight" ? { ...t, bytes: floats(new Array(32).fill(Number.NaN)) } : t,
      );
    await opened(bytesOf(llama, { tensors: broken }), async ({ tensors }) => {
      await expect(tensors.read("model.norm.weight")).rejects.toThrow(/not finite/);
      await expect(tensors.read("model.norm.bias")).rejects.toThrow(/no tensor model.norm.bias/);
    });
  });
});

describe("a damaged GGUF file", () => {
  const whole = bytesOf(llama);
  const setU64 = (at: number, value: bigint): Uint8Array => {
    const bytes = whole.slice();
    new DataView(bytes.buffer).setBigUint64(at, value, true);
    return bytes;
  };

  it.each<[string, () => Uint8Array, RegExp]>([
    [
      "no GGUF",
      () => new TextEncoder().encode("version https://git-lfs.github.com/spec/v1"),
      /does not begin with GGUF/,
    ],
    ["nothing", () => new Uint8Array(0), /does not begin with GGUF/],
    ["another version", () => whole.slice().fill(9, 4, 5), /version 9; readable are 2 and 3/],
    ["more tensors than bytes", () => setU64(8, 2n ** 60n), /claims 1152921504606846976 tensors/],
    ["more entries than bytes", () => setU64(16, 2n ** 40n), /claims 1099511627776 metadata entries/],
    ["a name longer than the file", () => setU64(24, 2n ** 50n), /claims 1125899906842624 bytes of text/],
    ["a cut in the header", () => whole.subarray(0, 2000), /cut short/],
    ["a cut in the numbers", () => whole.subarray(0, whole.length - 32), /cut short/],
  ])("is refused: %s", async (_, bytes, message) => {
    const refused = open(bytes());
    await expect(refused).rejects.toBeInstanceOf(StoreError);
    await expect(refused).rejects.toThrow(message);
  });

  it("is refused when a tensor lies outside the file, over another, or has an impossible side", async () => {
    const name = Buffer.from("blk.1.ffn_up.weight");
    const at = Buffer.from(whole).indexOf(name) + name.length + 4;
    await expect(open(setU64(at + 20, 2n ** 40n))).rejects.toThrow(/ffn_up.weight ends at byte \d+ of \d+/);
    await expect(open(setU64(at + 20, 2n ** 63n))).rejects.toThrow(/impossible byte/);
    await expect(open(setU64(at + 20, 0n))).rejects.toThrow(/overlaps/);
    await expect(open(setU64(at, 2n ** 50n))).rejects.toThrow(/ffn_up.weight/);
    await expect(open(setU64(at, 0n))).rejects.toThrow(/impossible side 0/);
  });

  it("is read to the end or refused by StoreError, and nothing else", async () => {
    const changes = fc.array(fc.tuple(fc.nat(20000), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 6 });
    await fc.assert(
      fc.asyncProperty(changes, async (list) => {
        const bytes = whole.slice();
        for (const [at, value] of list) bytes[at % bytes.length] = value;
        try {
          await opened(bytes, ({ tensors }) => tensors.read("model.norm.weight"));
        } catch (error) {
          expect(error).toBeInstanceOf(StoreError);
        }
      }),
      { numRuns: 150 },
    );
  });
});
