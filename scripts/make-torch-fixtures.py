"""Writes test/fixtures/llama.json and llama-tensors.json: what PyTorch says about a tiny Llama, for the tests of the engine.

Opt-in: only this script needs PyTorch. Weights and optimiser gradients come from a formula over 32-bit integers that
the tests repeat, so the files hold results alone. Run: python3 scripts/make-torch-fixtures.py
"""

import base64
import json
import math
import pathlib

import numpy
import torch

CONFIG = dict(
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    head_dim=8,
    intermediate_size=48,
    vocab_size=40,
    max_position_embeddings=128,
    rms_norm_eps=1e-5,
    rope_theta=10000.0,
)
torch.set_num_threads(1)


def noise(seed, count):
    """Uniform in [-1, 1), exact in float32 and the same in every language: a murmur3 finaliser over a counter."""
    x = (numpy.arange(count, dtype=numpy.uint64) + numpy.uint64(seed * 1_000_003)) & numpy.uint64(0xFFFFFFFF)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35)):
        x = ((x ^ (x >> numpy.uint64(shift))) * numpy.uint64(factor)) & numpy.uint64(0xFFFFFFFF)
    x ^= x >> numpy.uint64(16)
    return ((x >> numpy.uint64(8)).astype(numpy.float64) / 2**23 - 1).astype(numpy.float32)


def shapes():
    c = CONFIG
    d, f, q, kv = (
        c["hidden_size"],
        c["intermediate_size"],
        c["num_attention_heads"] * c["head_dim"],
        c["num_key_value_heads"] * c["head_dim"],
    )
    out = {"model.embed_tokens.weight": (c["vocab_size"], d)}
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        out |= {
            layer + "input_layernorm.weight": (d,),
            layer + "self_attn.q_proj.weight": (q, d),
            layer + "self_attn.k_proj.weight": (kv, d),
            layer + "self_attn.v_proj.weight": (kv, d),
            layer + "self_attn.o_proj.weight": (d, q),
            layer + "post_attention_layernorm.weight": (d,),
            layer + "mlp.gate_proj.weight": (f, d),
            layer + "mlp.up_proj.weight": (f, d),
            layer + "mlp.down_proj.weight": (d, f),
        }
    out["model.norm.weight"] = (d,)
    return out


def initial(name, index, shape):
    values = torch.from_numpy(noise(index, math.prod(shape))).reshape(shape)
    return 1 + 0.25 * values if len(shape) == 1 else values * (0.5 if "embed" in name else 0.35)


def rotate(x, positions):
    """Half-split rotary embedding, x [H, T, d]."""
    half = CONFIG["head_dim"] // 2
    angle = positions[:, None] / CONFIG["rope_theta"] ** (torch.arange(half, dtype=torch.float64) / half)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    a, b = x[..., :half], x[..., half:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1)


def norm(x, weight):
    return x * (x.square().mean(-1, keepdim=True) + CONFIG["rms_norm_eps"]).rsqrt() * weight


def log_softmax(w, ids):
    """Log-probabilities of the next token at each position, [T, V]."""
    c = CONFIG
    count, size = len(ids), c["head_dim"]
    positions = torch.arange(count, dtype=torch.float64)
    mask = torch.full((count, count), float("-inf")).triu(1)
    x = w["model.embed_tokens.weight"][ids]
    for i in range(c["num_hidden_layers"]):
        layer = f"model.layers.{i}."
        a = norm(x, w[layer + "input_layernorm.weight"])
        heads = lambda name: (a @ w[layer + f"self_attn.{name}.weight"].T).reshape(count, -1, size).transpose(0, 1)
        group = c["num_attention_heads"] // c["num_key_value_heads"]
        q = rotate(heads("q_proj"), positions)
        k = rotate(heads("k_proj"), positions).repeat_interleave(group, 0)
        v = heads("v_proj").repeat_interleave(group, 0)
        p = (q @ k.transpose(1, 2) / math.sqrt(size) + mask).softmax(-1)
        x = x + (p @ v).transpose(0, 1).reshape(count, -1) @ w[layer + "self_attn.o_proj.weight"].T
        m = norm(x, w[layer + "post_attention_layernorm.weight"])
        gate, up = m @ w[layer + "mlp.gate_proj.weight"].T, m @ w[layer + "mlp.up_proj.weight"].T
        x = x + (torch.nn.functional.silu(gate) * up) @ w[layer + "mlp.down_proj.weight"].T
    return (norm(x, w["model.norm.weight"]) @ w["model.embed_tokens.weight"].T).log_softmax(-1)


def sequences():
    out = []
    for i, length in enumerate([5, 23, 17, 40, 9]):
        ids = [int((x + 1) * 20) % 40 for x in noise(500 + i, length).astype(float)]
        targets = [t for t in range(1, length) if (t * 7 + i) % 3 != 0]
        coefficients = [round(float(x), 4) for x in noise(600 + i, len(targets))]
        out.append(dict(ids=ids, targets=targets, coefficients=coefficients))
    return out


def objective_cases():
    """Per-token coefficients −∂L/∂logp of the clipped surrogate with a k3 KL term, from autograd."""
    out = []
    low, high, beta, k = 0.2, 0.28, 0.05, 1 / 24
    for advantage in (1.5, -0.75):
        for shift in (-0.5, -0.1, 0.0, 0.15, 0.6):
            for reference in (-0.4, 0.0, 0.3):
                for behaviour in (0.0, -0.2, 0.9):
                    logp = torch.tensor(-1.25, dtype=torch.float64, requires_grad=True)
                    old = -1.25 - shift
                    ratio = (logp - old).exp()
                    weight = min(math.exp(behaviour), 2.0)
                    surrogate = torch.minimum(ratio * advantage, ratio.clamp(1 - low, 1 + high) * advantage)
                    delta = (-1.25 + reference) - logp
                    kl = delta.exp() - delta - 1
                    loss = -k * (weight * surrogate - beta * kl)
                    loss.backward()
                    out.append(
                        dict(
                            advantage=advantage,
                            logProb=-1.25,
                            old=old,
                            reference=-1.25 + reference,
                            behaviour=old - behaviour,
                            coefficient=-logp.grad.item(),
                        )
                    )
    return dict(clipLow=low, clipHigh=high, beta=beta, scale=k, weightCap=2, cases=out)


def write_tensors(path, tensors):
    """Little-endian float32 in base64: text, and exact."""
    lines = []
    for name, tensor in sorted(tensors.items()):
        data = tensor.detach().to(torch.float32).contiguous().numpy().astype("<f4").tobytes()
        lines.append(json.dumps(name) + ":" + json.dumps(dict(shape=list(tensor.shape), data=base64.b64encode(data).decode())))
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def main():
    folder = pathlib.Path(__file__).parent.parent / "test" / "fixtures"
    folder.mkdir(parents=True, exist_ok=True)
    start = {name: initial(name, i, shape) for i, (name, shape) in enumerate(shapes().items())}

    # Log-probabilities, entropies and gradients of −Σ c·logp, in float64.
    w = {name: value.double().requires_grad_() for name, value in start.items()}
    given, loss = sequences(), 0
    for sequence in given:
        logs = log_softmax(w, torch.tensor(sequence["ids"]))
        at = [t - 1 for t in sequence["targets"]]
        picked = logs[at, [sequence["ids"][t] for t in sequence["targets"]]]
        sequence["logProbs"] = [round(x, 7) for x in picked.tolist()]
        sequence["entropies"] = [round(x, 7) for x in (-(logs.exp() * logs).sum(-1))[at].tolist()]
        loss = loss - (torch.tensor(sequence["coefficients"], dtype=torch.float64) * picked).sum()
    loss.backward()
    tensors = {"gradient." + name: value.grad for name, value in w.items()}

    # Three AdamW steps on given gradients: clipped, decay on matrices other than embeddings.
    w = {name: torch.nn.Parameter(value.clone()) for name, value in start.items()}
    options = dict(learningRate=0.01, beta1=0.9, beta2=0.95, epsilon=1e-8, weightDecay=0.1, gradientClip=1.0)
    decayed = [p for name, p in w.items() if p.dim() > 1 and "embed" not in name]
    others = [p for name, p in w.items() if p.dim() == 1 or "embed" in name]
    optimiser = torch.optim.AdamW(
        [dict(params=decayed, weight_decay=options["weightDecay"]), dict(params=others, weight_decay=0.0)],
        lr=options["learningRate"],
        betas=(options["beta1"], options["beta2"]),
        eps=options["epsilon"],
    )
    norms = []
    for step in range(3):
        for i, p in enumerate(w.values()):
            p.grad = torch.from_numpy(noise(1000 + 100 * step + i, p.numel())).reshape(p.shape) * (0.002, 0.02, 0.1)[step]
        norms.append(float(torch.nn.utils.clip_grad_norm_(w.values(), options["gradientClip"])))
        optimiser.step()
    tensors |= {"adamw." + name: value for name, value in w.items()}

    write_tensors(folder / "llama-tensors.json", tensors)
    text = json.dumps(
        dict(config=CONFIG, sequences=given, adamw=dict(options=options, norms=norms), objective=objective_cases()),
        separators=(",", ":"),
    )
    (folder / "llama.json").write_text(text + "\n")


main()
