"""TRL's GRPOTrainer as a peer of bench/model.ts. Arguments: model, threads, f32 or bf16.

Its own training loop runs; a callback waits for a line before each optimiser step and answers behind it, so that the
step (sampling a group, scoring, backward, AdamW) takes turns with the other peers. The first question says the sizes.
"""

import os
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/check-models"))
from lines import need, peak_mb, questions, say

path, threads, kind = sys.argv[1], int(sys.argv[2]), sys.argv[3]
need(torch="torch", transformers="transformers", peft="peft", trl="trl", datasets="datasets", accelerate="accelerate")
import peft
import torch
import transformers
import trl
from datasets import Dataset

from model import load_model, load_tokenizer

torch.set_num_threads(threads)
before = peak_mb()
model, tokenizer = load_model(path), load_tokenizer(path)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token


def text_of(count):
    """A text of exactly `count` tokens."""
    text = "The"
    while len(tokenizer(text).input_ids) < count:
        text += " cat"
    if len(tokenizer(text).input_ids) != count:
        raise ValueError(f"no text of {count} tokens was found")
    return text


class Steps(transformers.TrainerCallback):
    def on_step_begin(self, *_, **__):
        for question in asked:
            if question["do"] != "peak":
                break
            say({"mb": peak_mb()})
        else:
            os._exit(0)  # the other side has all that it wanted
        self.start = time.perf_counter()

    def on_step_end(self, *_, **__):
        say({"seconds": time.perf_counter() - self.start, "tokens": sizes["group"] * sizes["new"]})


say({"ready": {"version": f"trl {trl.__version__}, torch {torch.__version__}", "before": before}})
asked = questions()
sizes = next(asked)
say({})
options = trl.GRPOConfig(
    output_dir=tempfile.mkdtemp(),
    use_cpu=True,
    bf16=kind == "bf16",
    per_device_train_batch_size=sizes["group"],
    num_generations=sizes["group"],
    max_completion_length=sizes["new"],
    generation_kwargs={"min_new_tokens": sizes["new"]},
    temperature=1.0,
    max_steps=10_000,
    learning_rate=1e-5,
    gradient_checkpointing=False,
    save_strategy="no",
    logging_strategy="no",
    report_to=[],
    disable_tqdm=True,
    seed=0,
)
linears = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
trl.GRPOTrainer(
    model=model,
    processing_class=tokenizer,
    args=options,
    train_dataset=Dataset.from_dict({"prompt": [text_of(sizes["prompt"])] * 64}),
    reward_funcs=lambda completions, **_: torch.rand(len(completions)).tolist(),
    peft_config=peft.LoraConfig(r=16, lora_alpha=32, lora_dropout=0.0, target_modules=linears),
    callbacks=[Steps()],
).train()
