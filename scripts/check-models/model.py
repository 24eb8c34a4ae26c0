"""A model of a Hugging Face folder or a GGUF file, as transformers has it, with dense weights of the type asked for."""

import os

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

logging.disable_progress_bar()


def _where(path):
    """The arguments with which transformers finds a model."""
    if os.path.isdir(path):
        return path, {}
    folder, name = os.path.split(os.path.abspath(path))
    return folder, {"gguf_file": name}


def load_model(path, dtype=torch.float32):
    place, options = _where(path)
    # Newer versions would leave the weights in their blocks where they have kernels for them.
    if options and hasattr(transformers, "GgufConfig"):
        options["quantization_config"] = transformers.GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(place, **options, dtype=dtype, attn_implementation="sdpa").eval()
    if options:
        # It is a plain model now; what trains it must not think otherwise.
        model.hf_quantizer, model.is_quantized, model.quantization_method = None, False, None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
    if any(p.dtype != dtype for p in model.parameters()):
        raise TypeError(f"transformers gave weights that are not {dtype}")
    return model


def load_tokenizer(path):
    place, options = _where(path)
    return AutoTokenizer.from_pretrained(place, **options)
