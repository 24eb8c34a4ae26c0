"""The training step of bench/engine.ts in PyTorch, and a matrix product; bench/engine.ts starts it where it can.

Right-padded batches as the engine's, the head on target rows alone, scaled_dot_product_attention, eager float32.
Argument: threads. Input: one line {"config": …, "sequences": [{"ids": […], "targets": […]}, …]}, then lines `train` or
`product`, each answered by the seconds that it took. The first line is answered by the version.
"""

import json
import sys
import time

import torch
import torch.nn.functional as F

torch.set_num_threads(int(sys.argv[1]))
given = json.loads(sys.stdin.readline())
c, sequences = given["config"], given["sequences"]
d, f, size = c["hidden_size"], c["intermediate_size"], c["head_dim"]
heads, key_heads = c["num_attention_heads"], c["num_key_value_heads"]
torch.manual_seed(0)
parameter = lambda *shape: torch.nn.Parameter(torch.randn(*shape) * 0.05)
embedding, last = parameter(c["vocab_size"], d), torch.nn.Parameter(torch.ones(d))
layers = [
    dict(
        n1=torch.nn.Parameter(torch.ones(d)),
        q=parameter(heads * size, d),
        k=parameter(key_heads * size, d),
        v=parameter(key_heads * size, d),
        o=parameter(d, heads * size),
        n2=torch.nn.Parameter(torch.ones(d)),
        gate=parameter(f, d),
        up=parameter(f, d),
        down=parameter(d, f),
    )
    for _ in range(c["num_hidden_layers"])
]
angle = torch.arange(c["max_position_embeddings"])[:, None] / c["rope_theta"] ** (torch.arange(size // 2) / (size // 2))
cos, sin = angle.cos(), angle.sin()


def rotate(x):
    a, b = x.chunk(2, -1)
    n = x.shape[-2]
    return torch.cat([a * cos[:n] - b * sin[:n], b * cos[:n] + a * sin[:n]], -1)


def step(tokens=1024):
    order = sorted(sequences, key=lambda s: -len(s["ids"]))
    while order:
        length = len(order[0]["ids"])
        batch, order = order[: max(1, tokens // length)], order[max(1, tokens // length) :]
        ids = torch.tensor([s["ids"] + [0] * (length - len(s["ids"])) for s in batch])
        rows = torch.tensor([i * length + t - 1 for i, s in enumerate(batch) for t in s["targets"]])
        targets = torch.tensor([s["ids"][t] for s in batch for t in s["targets"]])
        x = embedding[ids]
        split = lambda y: y.reshape(len(batch), length, -1, size).transpose(1, 2)
        for w in layers:
            a = F.rms_norm(x, (d,), w["n1"], c["rms_norm_eps"])
            q, k, v = rotate(split(a @ w["q"].T)), rotate(split(a @ w["k"].T)), split(a @ w["v"].T)
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
            x = x + y.transpose(1, 2).reshape(len(batch), length, -1) @ w["o"].T
            m = F.rms_norm(x, (d,), w["n2"], c["rms_norm_eps"])
            x = x + (F.silu(m @ w["gate"].T) * (m @ w["up"].T)) @ w["down"].T
        hidden = F.rms_norm(x.reshape(-1, d)[rows], (d,), last, c["rms_norm_eps"])
        logs = (hidden @ embedding.T).log_softmax(-1)
        (-0.01 * logs.gather(1, targets[:, None]).sum()).backward()


a, b = torch.randn(1024, 1024), torch.randn(1024, 1024)


def product():
    for _ in range(8):
        a @ b.T


print(torch.__version__, flush=True)
for line in sys.stdin:
    start = time.perf_counter()
    {"train": step, "product": product}[line.strip()]()
    print(time.perf_counter() - start, flush=True)
