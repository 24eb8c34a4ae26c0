import { mkdir, mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { architectureFixture } from "../../../../test/fixtures/architectures.ts";
import { formulaTensors, ggufTokenizers } from "../../../../test/fixtures/gguf.ts";
import { StoreError } from "../../../errors.ts";
import { type ModelConfig, parameterShapes } from "../model-config.ts";
import { writeModelFolder } from "./checkpoint.ts";
import { parseHubConfig } from "./hub-config.ts";
import { openModelFiles } from "./open-model.ts";
import { encodeSafetensors, type Tensor } from "./safetensors.ts";

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "agentflow-model-"));
});
afterEach(() => rm(folder, { recursive: true }));

const configJson = {
  model_type: "llama",
  hidden_size: 32,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  intermediate_size: 48,
  vocab_size: 300,
  tie_word_embeddings: true,
  eos_token_id: 2,
};
const config = parseHubConfig(configJson, "config.json");
const values = formulaTensors(config);
const tensorsOf = (given: ModelConfig, names = (name: string) => name): Record<string, Tensor> =>
  Object.fromEntries(
    [...formulaTensors(given)].map(([name, data]) => [
      names(name),
      { shape: parameterShapes(given).get(name) ?? [], data },
    ]),
  );

const vocab = Object.fromEntries(ggufTokenizers.gpt2.tokens.slice(0, 300).map((token, id) => [token, id]));
const tokenizer = {
  added_tokens: [
    { id: 1, content: "<|im_start|>", special: true },
    { id: 2, content: "<|im_end|>", special: true },
    { id: 300, content: "<image>", special: true },
  ],
  normalizer: null,
  pre_tokenizer: { type: "ByteLevel", add_prefix_space: false },
  post_processor: null,
  decoder: { type: "ByteLevel" },
  model: { type: "BPE", vocab, merges: [] },
};

const put = (name: string, content: unknown): Promise<void> =>
  writeFile(
    join(folder, name),
    content instanceof Uint8Array || typeof content === "string" ? content : JSON.stringify(content),
  );
const putModel = async (tensors: Readonly<Record<string, Tensor>> = tensorsOf(config), json: object = configJson) => {
  await put("config.json", json);
  await put("tokenizer.json", tokenizer);
  await put("model.safetensors", encodeSafetensors(tensors));
};
/** What a folder holds, by tensor. */
const contents = async (): Promise<ReadonlyMap<string, Float32Array>> => {
  const { tensors } = await openModelFiles(folder);
  try {
    const found = new Map<string, Float32Array>();
    for (const name of tensors.names) found.set(name, await tensors.read(name));
    return found;
  } finally {
    await tensors.close();
  }
};
const refused = async (message: RegExp): Promise<void> => {
  const opening = openModelFiles(folder);
  await expect(opening).rejects.toBeInstanceOf(StoreError);
  await expect(opening).rejects.toThrow(message);
};

describe("a model folder", () => {
  it("is opened with config, tokenizer, template and the ids that end a reply", async () => {
    await putModel();
    await put("tokenizer_config.json", { eos_token: { content: "<|im_start|>" }, chat_template: "{{ x }}<|im_end|>" });
    const model = await openModelFiles(folder);
    expect(model).toMatchObject({ name: folder, format: "folder", config, chatTemplate: "{{ x }}<|im_end|>" });
    expect(model.endIds).toEqual([2, 1]);
    // The model has no row for an image.
    expect(model.tokenizer.added_tokens.map(({ id }) => id)).toEqual([1, 2]);
    await model.tensors.close();
    expect(await contents()).toEqual(values);
  });

  it("takes the template of a file of its own before others, and one of several by its name", async () => {
    await putModel();
    const template = async (): Promise<string | undefined> => {
      const { chatTemplate, tensors } = await openModelFiles(folder);
      await tensors.close();
      return chatTemplate;
    };
    expect(await template()).toBeUndefined();
    const named = [
      { name: "tools", template: "t" },
      { name: "default", template: "d" },
    ];
    await put("tokenizer_config.json", { chat_template: named });
    expect(await template()).toBe("d");
    await put("chat_template.jinja", "own");
    expect(await template()).toBe("own");
  });

  it("names end ids by generation_config.json, and drops what the model cannot say", async () => {
    await putModel();
    await put("generation_config.json", { eos_token_id: [7, 2, 9000, -1, null] });
    const { endIds, tensors } = await openModelFiles(folder);
    await tensors.close();
    expect(endIds).toEqual([7, 2]);
  });

  it("is read from shards, and under the names that wrap a decoder", async () => {
    const wrapped = tensorsOf(config, (name) => `language_model.${name}`);
    const entries = Object.entries(wrapped);
    await put("config.json", configJson);
    await put("tokenizer.json", tokenizer);
    await put("model-00001-of-00002.safetensors", encodeSafetensors(Object.fromEntries(entries.slice(0, 5))));
    await put(
      "model-00002-of-00002.safetensors",
      encodeSafetensors({
        ...Object.fromEntries(entries.slice(5)),
        "vision_tower.x": { shape: [1], data: Float32Array.of(1) },
      }),
    );
    const weight_map = Object.fromEntries(
      entries.map(([name], i) => [name, `model-0000${i < 5 ? 1 : 2}-of-00002.safetensors`]),
    );
    await put("model.safetensors.index.json", { weight_map });
    expect(await contents()).toEqual(values);
    await rm(join(folder, "model-00002-of-00002.safetensors"));
    await refused(/not complete: model-00002-of-00002.safetensors/);
    await put("model.safetensors.index.json", { weight_map: { a: "../elsewhere.safetensors" } });
    await refused(/"..\/elsewhere.safetensors"; accepted are \*.safetensors beside it/);
  });

  it("may carry a head that its embeddings stand for, but nothing unknown", async () => {
    const head = { shape: [300, 32], data: new Float32Array(9600) };
    await putModel({ ...tensorsOf(config), "lm_head.weight": head });
    expect(await contents()).toEqual(values);
    await putModel({
      ...tensorsOf(config),
      "model.layers.0.self_attn.q_proj.bias": { shape: [32], data: new Float32Array(32) },
    });
    await refused(/unknown tensors model.layers.0.self_attn.q_proj.bias/);
  });

  it("is refused when a tensor is missing, has another shape or is not finite", async () => {
    await putModel(tensorsOf(config), { ...configJson, tie_word_embeddings: false });
    await refused(/tensor lm_head.weight is missing/);
    await putModel(tensorsOf(config), { ...configJson, intermediate_size: 64 });
    await refused(/mlp.gate_proj.weight has shape \[48,32\], the config asks for \[64,32\]/);
    const broken = tensorsOf(config);
    broken["model.norm.weight"] = { shape: [32], data: new Float32Array(32).fill(Number.POSITIVE_INFINITY) };
    await putModel(broken);
    await expect(contents()).rejects.toThrow(/model.norm.weight holds numbers that are not finite/);
  });

  it("is refused while it is not complete", async () => {
    await put("config.json", configJson);
    await refused(/tokenizer.json is missing/);
    await putModel();
    await truncate(join(folder, "model.safetensors"), 5000);
    await refused(/model.safetensors.*cut short/);
    await putModel();
    await put("model.safetensors.incomplete", "");
    await refused(/model.safetensors.incomplete says that it is still being written/);
    await rm(join(folder, "model.safetensors.incomplete"));
    await mkdir(join(folder, ".cache/huggingface/download"), { recursive: true });
    await put(".cache/huggingface/download/abc.incomplete", "");
    await refused(/still being written/);
    await expect(openModelFiles(join(folder, "model.safetensors.tmp-12"))).rejects.toThrow(/no model at/);
    await put("x.gguf.part", "GGUF");
    await expect(openModelFiles(join(folder, "x.gguf.part"))).rejects.toThrow(
      /x.gguf.part says that it is still being/,
    );
    await rm(join(folder, "x.gguf.part"));
    await rm(join(folder, ".cache"), { recursive: true });
    await rm(join(folder, "model.safetensors"));
    await put("pytorch_model.bin", "x");
    await refused(/neither model.safetensors nor .* \(it has pytorch_model.bin\)/);
  });

  it("is refused with JSON that is none, or with a tokenizer of another kind", async () => {
    await putModel();
    await put("tokenizer_config.json", "{");
    await refused(/Cannot read .*tokenizer_config.json/);
    await put("tokenizer_config.json", {});
    await put("tokenizer.json", { ...tokenizer, model: { type: "Unigram", vocab: [["a", 0]] } });
    await refused(/tokenizer.json is not a tokenizer that is supported/);
  });

  it("is refused where there is nothing", async () => {
    await expect(openModelFiles(join(folder, "nowhere"))).rejects.toThrow(
      /no model at .*nowhere.*Accepted are a folder/,
    );
  });

  it.each(architectureFixture.architectures.map(({ name, model }) => [name, model] as const))(
    "of %s is written so that it is read as it was, norms and all",
    async (_, model) => {
      const given = formulaTensors(model);
      // Norm weights lie near what they are stored as: a difference of 1 must not cost their last bits.
      for (const [name, numbers] of given)
        if (name.endsWith("norm.weight"))
          numbers.forEach((x, i) => {
            numbers[i] = Math.fround(Math.fround(x + 1));
          });
      const tensors = new Map(
        [...parameterShapes(model)].map(([name, shape]) => {
          const data = given.get(name) ?? new Float32Array();
          return [name, { memory: { dtype: "float32", data }, shape, offset: 0 }] as const;
        }),
      );
      const place = join(folder, "written");
      await writeModelFolder(place, {
        config: model,
        tokenizer: tokenizer as never,
        tokenizerConfig: { eos_token: "<|im_end|>" },
        chatTemplate: "{{ x }}",
        endIds: [2],
        weights: { memory: { dtype: "float32", data: new Float32Array() }, floats: new Float32Array(), tensors },
        about: {},
      });
      const back = await openModelFiles(place);
      expect(back).toMatchObject({ config: model, endIds: [2], chatTemplate: "{{ x }}" });
      for (const name of back.tensors.names)
        expect([name, await back.tensors.read(name)]).toEqual([name, given.get(name)]);
      await back.tensors.close();
      await writeFile(join(place, "config.json"), "{}");
      await expect(openModelFiles(place)).rejects.toThrow(/config.json is damaged/);
    },
  );
});
