"""llama.cpp as a peer of bench/model.ts, through the low-level batch API of llama-cpp-python: decoding without sampling.

Arguments: GGUF file, threads. Each sequence has a cache of its own (as llama-batched-bench has by default); the context
is sized for the case and made anew, untimed, as is the prompt that `sample` starts from. Answers seconds and tokens.
"""

import ctypes
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/check-models"))
from lines import need, peak_mb, serve

need(llama_cpp="llama-cpp-python")
import llama_cpp as L

path, threads = sys.argv[1], int(sys.argv[2])
quiet = L.llama_log_callback(lambda *_: None)
L.llama_log_set(quiet, ctypes.c_void_p(0))
L.llama_backend_init()
before = peak_mb()
model = L.llama_model_load_from_file(path.encode(), L.llama_model_default_params())
size = L.llama_vocab_n_tokens(L.llama_model_get_vocab(model))


def context(sequences, length, flash):
    options = L.llama_context_default_params()
    options.n_ctx = sequences * length
    options.n_batch = max(options.n_batch, sequences)
    options.n_seq_max = sequences
    options.n_threads = options.n_threads_batch = threads
    options.flash_attn_type = 1 if flash else 0
    options.kv_unified = sequences == 1
    made = L.llama_init_from_model(model, options)
    if not made:
        raise RuntimeError("llama_init_from_model gave no context")
    return made


def batch_of(rows):
    """A batch of (token, position, sequence, wants logits)."""
    batch = L.llama_batch_init(len(rows), 0, 1)
    batch.n_tokens = len(rows)
    for i, (token, position, sequence, logits) in enumerate(rows):
        batch.token[i], batch.pos[i], batch.n_seq_id[i] = token, position, 1
        batch.seq_id[i][0], batch.logits[i] = sequence, logits
    return batch


def decode(ctx, rows):
    batch = batch_of(rows)
    status = L.llama_decode(ctx, batch)
    L.llama_synchronize(ctx)
    L.llama_batch_free(batch)
    if status != 0:
        raise RuntimeError(f"llama_decode answered {status}")


token = lambda i: (i * 7919 + 13) % size


def sample(batch, context_tokens, new, flash):
    """`new` steps of `batch` rows behind a prompt of `context_tokens` each."""
    ctx = context(batch, -(-(context_tokens + new) // 64) * 64, flash)
    for s in range(batch):
        decode(ctx, [(token(s + i), i, s, i == context_tokens - 1) for i in range(context_tokens)])
    batches = [
        batch_of([(token(s + t), context_tokens + t, s, True) for s in range(batch)]) for t in range(new)
    ]
    start = time.perf_counter()
    for step in batches:
        if L.llama_decode(ctx, step) != 0:
            raise RuntimeError("llama_decode failed")
        L.llama_get_logits(ctx)
    L.llama_synchronize(ctx)
    seconds = time.perf_counter() - start
    for step in batches:
        L.llama_batch_free(step)
    L.llama_free(ctx)
    return {"seconds": seconds, "tokens": batch * new}


def prefill(tokens, flash):
    ctx = context(1, tokens, flash)
    rows = [(token(i), i, 0, i == tokens - 1) for i in range(tokens)]
    start = time.perf_counter()
    decode(ctx, rows)
    seconds = time.perf_counter() - start
    L.llama_free(ctx)
    return {"seconds": seconds, "tokens": tokens}


serve(
    {
        "version": f"llama.cpp (llama-cpp-python {L.__version__})",
        "features": L.llama_print_system_info().decode().strip(),
        "before": before,
    },
    {"sample": sample, "prefill": prefill, "peak": lambda: {"mb": peak_mb()}},
)
