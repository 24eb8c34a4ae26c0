import { describe, expect, it } from "vitest";
import { architectureFixture } from "../../../../test/fixtures/architectures.ts";
import { StoreError } from "../../../errors.ts";
import { parameterShapes } from "../model-config.ts";
import { parseHubConfig } from "./hub-config.ts";
import { writeHubConfig } from "./write-hub-config.ts";

const parse = (json: unknown) => parseHubConfig(json, "config.json");
const small = {
  hidden_size: 64,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  intermediate_size: 128,
  vocab_size: 300,
};

describe("config.json", () => {
  it.each(architectureFixture.architectures.map((one) => [one.name, one] as const))(
    "of %s is read in every spelling that transformers has written, and written back",
    (_, { configs, model }) => {
      for (const json of configs) expect(parse(json)).toEqual(model);
      expect(parse(JSON.parse(JSON.stringify(writeHubConfig(model))))).toEqual(model);
    },
  );

  it("takes the defaults of transformers where it is silent", () => {
    expect(parse({ model_type: "llama", ...small })).toEqual({
      model_type: "llama",
      ...small,
      num_key_value_heads: 4,
      head_dim: 16,
      max_position_embeddings: 2048,
      rms_norm_eps: 1e-6,
      rope_theta: 10000,
      tie_word_embeddings: false,
    });
    expect(parse({ model_type: "qwen3", ...small, num_key_value_heads: 2 })).toMatchObject({
      head_dim: 128,
      qk_norm: true,
    });
    expect(parse({ model_type: "qwen2", ...small, num_key_value_heads: 2 })).toMatchObject({
      head_dim: 16,
      qkv_bias: true,
    });
  });

  it("reads the sparse file of a Gemma 3 with eyes", () => {
    // What google/gemma-3-4b-it ships.
    const json = {
      architectures: ["Gemma3ForConditionalGeneration"],
      model_type: "gemma3",
      eos_token_id: [1, 106],
      text_config: {
        hidden_size: 2560,
        intermediate_size: 10240,
        model_type: "gemma3_text",
        num_hidden_layers: 34,
        rope_scaling: { factor: 8.0, rope_type: "linear" },
        sliding_window: 1024,
      },
      vision_config: { hidden_size: 1152 },
    };
    const config = parse(json);
    expect(config).toMatchObject({
      model_type: "gemma3_text",
      vocab_size: 262208,
      num_attention_heads: 8,
      num_key_value_heads: 4,
      head_dim: 256,
      rope_theta: 1_000_000,
      rope_scaling: { rope_type: "linear", factor: 8 },
      rope_local_theta: 10_000,
      sliding_window: 1024,
      tie_word_embeddings: true,
      embedding_scale: Math.sqrt(2560),
    });
    expect(config.attention_scale).toBeUndefined();
    expect(config.layer_types?.filter((type) => type === "full_attention")).toHaveLength(5);
    expect(config.layer_types?.[5]).toBe("full_attention");
    expect(parse({ ...json, text_config: { ...json.text_config, query_pre_attn_scalar: 168 } }).attention_scale).toBe(
      168 ** -0.5,
    );
    expect(parameterShapes(config).get("model.layers.0.post_feedforward_layernorm.weight")).toEqual([2560]);
  });

  it("reads the window of Qwen", () => {
    const json = { model_type: "qwen2", ...small, num_key_value_heads: 2, sliding_window: 32, max_window_layers: 3 };
    expect(parse(json).layer_types).toBeUndefined();
    const sliding = { ...json, use_sliding_window: true };
    const [full, window] = ["full_attention", "sliding_attention"];
    expect(parse(sliding)).toMatchObject({ sliding_window: 32, layer_types: [full, full, full, window] });
    expect(parse({ ...sliding, max_window_layers: 0 }).layer_types).toEqual([window, window, window, window]);
    expect(parse({ ...sliding, max_window_layers: 4 }).layer_types).toBeUndefined();
    const listed = parse({ ...sliding, layer_types: [window, full, full, full] });
    expect(listed.layer_types).toEqual([window, full, full, full]);
    expect(parse(writeHubConfig(listed))).toEqual(listed);
  });

  it("reads YaRN's spellings", () => {
    const rope = (rope_scaling: object) => parse({ model_type: "llama", ...small, rope_scaling }).rope_scaling;
    expect(rope({ type: "yarn", factor: 4 })).toEqual({
      rope_type: "yarn",
      factor: 4,
      original_max_position_embeddings: 2048,
    });
    expect(rope({ rope_type: "yarn", original_max_position_embeddings: 512, beta_fast: 16 })).toEqual({
      rope_type: "yarn",
      factor: 4,
      original_max_position_embeddings: 512,
      beta_fast: 16,
    });
    const scaled = rope({
      type: "yarn",
      factor: 40,
      mscale: 1,
      mscale_all_dim: 0.5,
      original_max_position_embeddings: 64,
    });
    expect(scaled).toMatchObject({ attention_factor: (0.1 * Math.log(40) + 1) / (0.05 * Math.log(40) + 1) });
  });

  it.each<[string, object, RegExp]>([
    ["another model type", { model_type: "mamba" }, /"mamba"; supported are llama, qwen2, qwen3, gemma3_text, gemma3/],
    ["a method of the object's prototype", { model_type: "toString" }, /model_type is "toString"/],
    [
      "capped logits",
      { model_type: "gemma3_text", final_logit_softcapping: 30 },
      /final_logit_softcapping is 30.*null or 0/,
    ],
    [
      "capped scores",
      { model_type: "gemma3", text_config: { attn_logit_softcapping: 50 } },
      /attn_logit_softcapping is 50/,
    ],
    [
      "quantised weights",
      { model_type: "llama", quantization_config: { quant_method: "gptq" } },
      /quantization_config.*gptq/,
    ],
    ["part of a turn", { model_type: "llama", partial_rotary_factor: 0.5 }, /partial_rotary_factor is 0.5/],
    [
      "both directions",
      { model_type: "gemma3_text", use_bidirectional_attention: true },
      /use_bidirectional_attention/,
    ],
    ["another activation", { model_type: "llama", hidden_act: "relu" }, /"relu"; supported are silu/],
    [
      "another rope",
      { model_type: "llama", rope_scaling: { type: "dynamic", factor: 2 } },
      /"dynamic" is not supported; supported are default, linear, llama3, yarn/,
    ],
    [
      "a scaled window",
      {
        model_type: "gemma3_text",
        rope_parameters: { full_attention: {}, sliding_attention: { rope_type: "linear", factor: 2 } },
      },
      /sliding layers cannot be scaled/,
    ],
    [
      "flat angles of Gemma",
      { model_type: "gemma3_text", rope_parameters: { rope_theta: 1e6 } },
      /one entry a layer type/,
    ],
    [
      "another layer type",
      { model_type: "gemma3_text", num_hidden_layers: 1, layer_types: ["chunked_attention"] },
      /"chunked_attention"/,
    ],
    ["too few layer types", { model_type: "gemma3_text", layer_types: ["full_attention"] }, /1 entries for 26 layers/],
    [
      "heads of an odd size",
      { model_type: "llama", ...small, head_dim: 24 },
      /head_dim is 24; supported are multiples of 16/,
    ],
    ["heads that do not divide", { model_type: "llama", ...small, num_key_value_heads: 3 }, /4 heads cannot share 3/],
    [
      "a size of nothing",
      { model_type: "llama", vocab_size: 0 },
      /vocab_size must be a positive whole number, found 0/,
    ],
    [
      "a size as text",
      { model_type: "llama", hidden_size: "64" },
      /hidden_size must be a positive whole number, found "64"/,
    ],
  ])("refuses %s by name", (_, json, message) => {
    expect(() => parse(json)).toThrow(StoreError);
    expect(() => parse(json)).toThrow(message);
  });

  it("refuses what is not an object", () => {
    for (const json of [null, [], "llama", 3]) expect(() => parse(json)).toThrow(/expected an object/);
  });

  it("refuses to write a decoder that no model type describes", () => {
    const llama = parse({ model_type: "llama", ...small });
    expect(() => writeHubConfig({ ...llama, qk_norm: true })).toThrow(/no llama is like it/);
    expect(() => writeHubConfig({ ...llama, embedding_scale: 2 })).toThrow(StoreError);
  });
});
