"""transformers, and torch with PEFT, as peers of bench/model.ts. Arguments: model, threads, and f32, bf16 or bf16-base.

In bf16, sampling has bf16 weights; training has float32 weights under autocast, as is usual, or with bf16-base a frozen
base in bf16 as well. `sample` and `prefill` time what they say, without the prompt; `train` and `rl` time forward,
backward and AdamW. Answers seconds and tokens.
"""

import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/check-models"))
from lines import need, peak_mb, serve

path, threads, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
need(
    torch="torch",
    transformers="transformers",
    peft="peft",
    **({"gguf": "gguf"} if os.path.isfile(path) else {"safetensors": "safetensors"}),
)
import peft
import torch
import transformers
from transformers import DynamicCache

from model import load_model

torch.set_num_threads(threads)
torch.manual_seed(0)
before = peak_mb()
state = {}


def sampling_model():
    if "sampling" not in state:
        state["sampling"] = load_model(path, torch.float32 if kind == "f32" else torch.bfloat16)
    return state["sampling"]


def training_model():
    if "training" not in state:
        lora = peft.LoraConfig(
            r=16,
            lora_alpha=32,
            lora_dropout=0.0,
            target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
        )
        base = load_model(path, torch.bfloat16 if kind == "bf16-base" else torch.float32)
        model = peft.get_peft_model(base, lora).train()
        state["training"] = model
        state["adamw"] = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-5)
    return state["training"]


def autocast():
    return contextlib.nullcontext() if kind == "f32" else torch.autocast("cpu", torch.bfloat16)


def draw(model, rows, count):
    return torch.randint(0, model.config.vocab_size, (rows, count))


@torch.no_grad()
def sample(batch, context_tokens, new):
    model = sampling_model()
    cache = DynamicCache(config=model.config)
    model(draw(model, 1, context_tokens), past_key_values=cache, use_cache=True, logits_to_keep=1)
    cache.batch_repeat_interleave(batch)
    fed = draw(model, batch, 1)
    start = time.perf_counter()
    for _ in range(new):
        logits = model(fed, past_key_values=cache, use_cache=True, logits_to_keep=1).logits[:, -1]
        fed = torch.multinomial(logits.float().softmax(-1), 1)
    return {"seconds": time.perf_counter() - start, "tokens": batch * new}


@torch.no_grad()
def prefill(tokens):
    model = sampling_model()
    ids = draw(model, 1, tokens)
    start = time.perf_counter()
    model(ids, use_cache=True, logits_to_keep=1)
    return {"seconds": time.perf_counter() - start, "tokens": tokens}


def finish():
    state["adamw"].step()
    state["adamw"].zero_grad(set_to_none=True)


def log_probs(model, ids, answer):
    """Of the last `answer` tokens of each row; the head is computed on them alone."""
    with autocast():
        logits = model(ids, use_cache=False, logits_to_keep=answer + 1).logits[:, :-1]
    return logits.float().log_softmax(-1).gather(2, ids[:, -answer:, None])[..., 0]


def train(length):
    """One sequence, every token a target."""
    model = training_model()
    ids = draw(model, 1, length)
    start = time.perf_counter()
    (-log_probs(model, ids, length - 1).mean()).backward()
    finish()
    return {"seconds": time.perf_counter() - start, "tokens": length}


def rl(rollouts, prompt, answer, rows):
    """A policy-gradient step on rollouts of one prompt, `rows` of them at a time."""
    model = training_model()
    ids = torch.cat([draw(model, 1, prompt).expand(rollouts, -1), draw(model, rollouts, answer)], 1)
    coefficients = torch.randn(rollouts, answer) / (rollouts * answer)
    start = time.perf_counter()
    for at in range(0, rollouts, rows):
        part = slice(at, at + rows)
        (-(coefficients[part] * log_probs(model, ids[part], answer)).sum()).backward()
    finish()
    return {"seconds": time.perf_counter() - start, "tokens": rollouts * (prompt + answer)}


serve(
    {
        "version": f"torch {torch.__version__}, transformers {transformers.__version__}, peft {peft.__version__}",
        "before": before,
    },
    {"sample": sample, "prefill": prefill, "train": train, "rl": rl, "peak": lambda: {"mb": peak_mb()}},
)
