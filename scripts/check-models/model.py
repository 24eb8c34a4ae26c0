"""A model of a Hugging Face folder or a GGUF file, as transformers has it: weights dequantised to what was asked for."""

import os

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()


def _where(path):
    """The arguments with which transformers finds a model."""
    if os.path.isdir(path):
        return (path,), {}
    folder, name = os.path.split(os.path.abspath(path))
    return (folder,), {"gguf_file": name}


def load_model(path, dtype=torch.float32):
    args, options = _where(path)
    return AutoModelForCausalLM.from_pretrained(*args, **options, dtype=dtype, attn_implementation="sdpa").eval()


def load_tokenizer(path):
    args, options = _where(path)
    return AutoTokenizer.from_pretrained(*args, **options)
