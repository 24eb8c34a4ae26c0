"""Writes test/fixtures/architectures.json: what transformers and PEFT say about small models of each architecture.

Opt-in: only this script needs PyTorch, transformers and PEFT. Weights come from a formula over 32-bit integers that the
tests repeat, so the file holds configurations and results alone: log-probabilities, and of each gradient some entries
and projections. Run: python3 scripts/make-architecture-fixtures.py
"""

import json
import math
import pathlib
import tempfile

import numpy
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM, Gemma3TextConfig, LlamaConfig, Qwen2Config, Qwen3Config

torch.set_num_threads(1)
SHAPE = dict(
    hidden_size=48,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=16,
    intermediate_size=80,
    vocab_size=56,
    max_position_embeddings=128,
    rms_norm_eps=1e-6,
)
LLAMA3 = dict(
    rope_type="llama3",
    factor=8.0,
    low_freq_factor=1.0,
    high_freq_factor=4.0,
    original_max_position_embeddings=64,
)
YARN = dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]


def llama(scaling=None, theta=10000.0, **changes):
    rope = dict(scaling or dict(rope_type="default"), rope_theta=theta)
    return LlamaConfig(**(SHAPE | dict(tie_word_embeddings=False) | changes), rope_parameters=rope)


def model(theta=10000.0, **changes):
    return SHAPE | dict(model_type="llama", rope_theta=theta, tie_word_embeddings=False) | changes


def old_spelling(config, rename=None):
    """config.json as transformers 4 wrote it: rope_theta and rope_scaling beside each other."""
    out = json.loads(config.to_json_string(use_diff=False))
    rope = dict(out.pop("rope_parameters"))
    out["rope_theta"] = rope.pop("rope_theta")
    kind = rope.pop("rope_type")
    out["rope_scaling"] = None if kind == "default" else {rename or "rope_type": kind, **rope}
    return out


def architectures():
    """Name, configuration, what the engine makes of it, other spellings of config.json, targets of the adapter."""
    yield "llama", llama(num_key_value_heads=1), model(num_key_value_heads=1), [old_spelling], ALL
    yield (
        "llama-biases",
        llama(attention_bias=True, mlp_bias=True, num_key_value_heads=4, tie_word_embeddings=True),
        model(
            qkv_bias=True,
            output_bias=True,
            mlp_bias=True,
            num_key_value_heads=4,
            tie_word_embeddings=True,
        ),
        [old_spelling],
        ALL,
    )
    yield (
        "llama-llama3-scaling",
        llama(LLAMA3, 500000.0),
        model(500000.0, rope_scaling=LLAMA3),
        [old_spelling],
        ["q_proj", "v_proj"],
    )
    linear = dict(rope_type="linear", factor=4.0)
    yield (
        "llama-linear-scaling",
        llama(linear),
        model(rope_scaling=linear),
        [old_spelling, lambda config: old_spelling(config, "type")],
        ["q_proj", "k_proj"],
    )
    yield "llama-yarn-scaling", llama(YARN), model(rope_scaling=YARN), [old_spelling], ["q_proj", "k_proj"]
    for tied in (True, False):
        rope = dict(rope_type="default", rope_theta=1000000.0)
        # Qwen2 has no head_dim: it is hidden_size / heads.
        given = SHAPE | dict(num_attention_heads=3, num_key_value_heads=1, head_dim=16)
        config = Qwen2Config(
            **{key: value for key, value in given.items() if key != "head_dim"},
            rope_parameters=rope,
            tie_word_embeddings=tied,
        )
        yield (
            "qwen2" if tied else "qwen2-untied",
            config,
            given | dict(model_type="qwen2", rope_theta=1000000.0, tie_word_embeddings=tied, qkv_bias=True),
            [old_spelling],
            ALL if tied else ["q_proj", "k_proj", "v_proj"],
        )
    yield (
        "qwen3",
        Qwen3Config(
            **(SHAPE | dict(head_dim=32)),
            rope_parameters=dict(rope_type="default", rope_theta=1000000.0),
            tie_word_embeddings=True,
        ),
        SHAPE
        | dict(head_dim=32, model_type="qwen3", rope_theta=1000000.0, tie_word_embeddings=True, qk_norm=True),
        [old_spelling],
        ALL,
    )
    kinds = ["sliding_attention", "sliding_attention", "full_attention", "sliding_attention"]
    gemma = SHAPE | dict(num_hidden_layers=4)
    rope = dict(
        full_attention=dict(rope_type="linear", factor=8.0, rope_theta=1000000.0),
        sliding_attention=dict(rope_type="default", rope_theta=10000.0),
    )

    def old_gemma(config):
        out = json.loads(config.to_json_string(use_diff=False))
        out.pop("rope_parameters")
        out |= dict(rope_theta=1000000.0, rope_local_base_freq=10000.0)
        out["rope_scaling"] = dict(rope_type="linear", factor=8.0)
        return out

    yield (
        "gemma3",
        Gemma3TextConfig(
            **gemma,
            sliding_window=7,
            layer_types=kinds,
            query_pre_attn_scalar=24,
            rope_parameters=rope,
            tie_word_embeddings=True,
        ),
        gemma
        | dict(
            model_type="gemma3_text",
            rope_theta=1000000.0,
            rope_scaling=dict(rope_type="linear", factor=8.0),
            rope_local_theta=10000.0,
            tie_word_embeddings=True,
            qk_norm=True,
            sandwich_norms=True,
            hidden_act="gelu_pytorch_tanh",
            embedding_scale=math.sqrt(gemma["hidden_size"]),
            attention_scale=24**-0.5,
            norm_offset=1,
            sliding_window=7,
            layer_types=kinds,
        ),
        [old_gemma],
        ALL,
    )


def noise(seed, count):
    """Uniform in [-1, 1), exact in float32 and the same in every language: a murmur3 finaliser over a counter."""
    x = (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(seed * 1_000_003)) & numpy.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> numpy.uint64(shift))) * numpy.uint64(factor)) & numpy.uint64(0xFFFFFFFF)
    x ^= x >> numpy.uint64(16)
    return ((x >> numpy.uint64(8)).astype(numpy.float64) / 2**23 - 1).astype(numpy.float32)


def initial(name, seed, shape):
    """Weights as a graph multiplies by them; seeds go by the order of the names."""
    values = torch.from_numpy(noise(seed, math.prod(shape))).reshape(shape)
    if "lora_" in name:
        return 0.3 * values
    if name.endswith(".bias"):
        return 0.25 * values
    if len(shape) == 1:
        return 1 + 0.25 * values
    return values * (0.5 if "embed" in name or "lm_head" in name else 0.25)


def fill(tensors, first_seed, offset=0.0):
    with torch.no_grad():
        for index, name in enumerate(sorted(tensors)):
            value = initial(name, first_seed + index, tuple(tensors[name].shape))
            norm = name.endswith("norm.weight")
            tensors[name].copy_(value - offset if norm else value)


def sequences():
    out = []
    for i, length in enumerate([11, 37, 29]):
        ids = [int((x + 1) * 28) % 56 for x in noise(500 + i, length).astype(float)]
        if i == 2:
            ids[:17] = out[1]["ids"][:17]
        targets = [t for t in range(1, length) if (t * 7 + i) % 3 != 0]
        coefficients = [round(float(x), 4) for x in noise(600 + i, len(targets))]
        out.append(dict(ids=ids, targets=targets, coefficients=coefficients))
    return out


def log_probs(model, sequence):
    ids = torch.tensor(sequence["ids"])
    logs = model(input_ids=ids[None]).logits[0].float().log_softmax(-1)
    at = [t - 1 for t in sequence["targets"]]
    return logs[at, ids[sequence["targets"]]]


def numbers(values, digits=8):
    return [float(f"{x:.{digits}g}") for x in values]


def sketch(gradient):
    """The largest entry, sixteen entries at even distances, and two projections on noise."""
    flat = gradient.reshape(-1).double()
    count = flat.numel()
    entries = [flat[(i * count) // 16].item() for i in range(16)]
    projections = [(flat * torch.from_numpy(noise(900 + i, count)).double()).sum().item() for i in range(2)]
    return numbers([flat.abs().max().item(), *entries, *projections], 7)


def main():
    out = dict(sequences=sequences(), architectures=[])
    for name, config, expected, spellings, targets in architectures():
        base = AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
        tensors = dict(base.named_parameters())
        fill(tensors, 0, expected.get("norm_offset", 0))
        with torch.no_grad():
            plain = [log_probs(base, sequence).tolist() for sequence in out["sequences"]]
        written = [json.loads(config.to_json_string(use_diff=False)), *(spell(config) for spell in spellings)]
        for spelling in written[1:]:
            with tempfile.TemporaryDirectory() as folder:
                (pathlib.Path(folder) / "config.json").write_text(json.dumps(spelling))
                loaded = AutoModelForCausalLM.from_config(
                    AutoConfig.from_pretrained(folder), attn_implementation="eager"
                ).eval()
                loaded.load_state_dict(base.state_dict())
                with torch.no_grad():
                    again = [log_probs(loaded, sequence).tolist() for sequence in out["sequences"]]
                assert numpy.allclose(sum(again, []), sum(plain, []), atol=1e-6), f"{name}: spellings differ"
        lora = dict(rank=4, alpha=8, targets=targets)
        adapted = get_peft_model(base, LoraConfig(r=4, lora_alpha=8, target_modules=targets)).eval()
        adapter = {
            key.removeprefix("base_model.model.").replace(".default", ""): value
            for key, value in adapted.named_parameters()
            if "lora_" in key
        }
        fill(adapter, 1000)
        loss, logs = 0, []
        for sequence in out["sequences"]:
            picked = log_probs(adapted, sequence)
            logs.append(numbers(picked.tolist()))
            loss = loss - (torch.tensor(sequence["coefficients"]) * picked).sum()
        loss.backward()
        out["architectures"].append(
            dict(
                name=name,
                configs=written,
                model=expected,
                logProbs=[numbers(values) for values in plain],
                lora=lora,
                adapted=dict(
                    logProbs=logs,
                    gradients={key: sketch(value.grad) for key, value in sorted(adapter.items())},
                ),
            )
        )
    path = pathlib.Path(__file__).parent.parent / "test" / "fixtures" / "architectures.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")


main()
