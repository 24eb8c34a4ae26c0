"""What scripts/check-models.ts compares the engine with. Arguments: the model's path, threads.

Log-probabilities and greedy continuations come from transformers in float32. Token ids of a GGUF come from llama.cpp,
which goes by the file's own pre-tokenizer name (transformers' conversion knows only some of them), those of a folder
from transformers. Chat texts come from transformers' rendering of the template's text.
"""

import datetime
import os
import sys

from lines import need, serve

path, threads = sys.argv[1], int(sys.argv[2])
is_gguf = os.path.isfile(path)
need(
    torch="torch",
    transformers="transformers",
    jinja2="jinja2",
    **({"gguf": "gguf", "llama_cpp": "llama-cpp-python"} if is_gguf else {"safetensors": "safetensors"}),
)

import torch
import transformers
from transformers.utils.chat_template_utils import render_jinja_template

from model import load_model, load_tokenizer

torch.set_num_threads(threads)
model = load_model(path)


@torch.no_grad()
def score(ids):
    """Log-probability of each token after the first; of the last position also the likeliest five and the logsumexp."""
    logits = model(torch.tensor([ids]), use_cache=False).logits[0].float()
    logs = logits.log_softmax(-1)
    top = logits[-1].topk(5)
    return {
        "logProbs": logs[:-1].gather(1, torch.tensor(ids)[1:, None])[:, 0].tolist(),
        "top": [[i, x] for i, x in zip(top.indices.tolist(), top.values.tolist())],
        "logsumexp": logits[-1].logsumexp(-1).item(),
    }


@torch.no_grad()
def greedy(ids, count):
    """The likeliest continuation, the log-probability of each of its tokens, and its lead over the second likeliest."""
    out = {"ids": [], "logProbs": [], "leads": []}
    cache, fed = None, torch.tensor([ids])
    for _ in range(count):
        step = model(fed, past_key_values=cache, use_cache=True, logits_to_keep=1)
        cache = step.past_key_values
        top = step.logits[0, -1].float().log_softmax(-1).topk(2)
        out["ids"].append(top.indices[0].item())
        out["logProbs"].append(top.values[0].item())
        out["leads"].append((top.values[0] - top.values[1]).item())
        fed = top.indices[None, :1]
    return out


def _llama_cpp():
    import ctypes

    import llama_cpp

    quiet = llama_cpp.llama_log_callback(lambda *_: None)
    llama_cpp.llama_log_set(quiet, ctypes.c_void_p(0))
    llama_cpp.llama_backend_init()
    options = llama_cpp.llama_model_default_params()
    options.vocab_only = True
    vocabulary = llama_cpp.llama_model_get_vocab(llama_cpp.llama_model_load_from_file(path.encode(), options))

    def encode(text):
        given = text.encode()
        ids = (llama_cpp.llama_token * (len(given) + 8))()
        count = llama_cpp.llama_tokenize(vocabulary, given, len(given), ids, len(ids), False, True)
        if count < 0:
            raise ValueError(f"llama_tokenize answered {count}")
        return list(ids[:count])

    encode.kept = quiet  # a callback that Python collects crashes the library
    return encode, f"llama.cpp (llama-cpp-python {llama_cpp.__version__})"


if is_gguf:
    from gguf import GGUFReader

    encode, judge = _llama_cpp()
    fields = GGUFReader(path).fields
    content = lambda name: fields[name].contents() if name in fields else None
    template = content("tokenizer.chat_template")
    word = lambda kind: (lambda i: None if i is None else fields["tokenizer.ggml.tokens"].contents(int(i)))(
        content(f"tokenizer.ggml.{kind}_token_id")
    )
    special = {f"{kind}_token": word(kind) for kind in ("bos", "eos")}
else:
    tokenizer = load_tokenizer(path)
    encode = lambda text: tokenizer(text, add_special_tokens=False).input_ids
    judge = f"transformers {transformers.__version__}"
    template = tokenizer.chat_template
    special = {k: v for k, v in tokenizer.special_tokens_map.items() if isinstance(v, str)}


# What the engine tells every template, too: the same day each day, and no thinking.
told = {"strftime_now": datetime.datetime(2024, 7, 26).strftime, "enable_thinking": False}


def render(conversations):
    """Texts of conversations [{"messages": …, "prompt": bool}]; null for one that the template refuses."""
    out = []
    for each in conversations:
        try:
            texts, _ = render_jinja_template(
                [each["messages"]], chat_template=template, add_generation_prompt=each["prompt"], **special, **told
            )
            out.append(texts[0])
        except Exception:
            out.append(None)
    return {"texts": out}


serve(
    {
        "tokenizer": judge,
        "model": f"transformers {transformers.__version__}, torch {torch.__version__}",
        "parameters": sum(p.numel() for p in model.parameters()),
        "chat": template is not None,
    },
    {"score": score, "greedy": greedy, "encode": lambda texts: {"ids": [encode(t) for t in texts]}, "render": render},
)
