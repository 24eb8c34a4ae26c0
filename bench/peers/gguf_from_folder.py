"""A Hugging Face folder as a float32 GGUF without a vocabulary, for measuring llama.cpp: its text would be no use."""

import gguf
import numpy as np

from model import load_model

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "gemma3_text": gguf.MODEL_ARCH.GEMMA3,
}


def interleaved(weight, heads):
    """llama.cpp rotates neighbouring pairs in Llama models, transformers halves: rows of q and k change places."""
    rows = weight.reshape(heads, 2, -1, *weight.shape[1:])
    return rows.swapaxes(1, 2).reshape(weight.shape)


def gguf_from_folder(folder, out):
    model = load_model(folder)
    c = model.config
    if c.model_type not in ARCHITECTURES:
        raise ValueError(f"the model is a {c.model_type}: accepted are {', '.join(ARCHITECTURES)}")
    architecture = ARCHITECTURES[c.model_type]
    writer = gguf.GGUFWriter(out, gguf.MODEL_ARCH_NAMES[architecture])
    writer.add_vocab_size(c.vocab_size)
    writer.add_tokenizer_model("no_vocab")
    writer.add_context_length(c.max_position_embeddings)
    writer.add_embedding_length(c.hidden_size)
    writer.add_block_count(c.num_hidden_layers)
    writer.add_feed_forward_length(c.intermediate_size)
    writer.add_head_count(c.num_attention_heads)
    writer.add_head_count_kv(c.num_key_value_heads)
    size = getattr(c, "head_dim", None) or c.hidden_size // c.num_attention_heads
    writer.add_key_length(size)
    writer.add_value_length(size)
    writer.add_rope_dimension_count(size)
    writer.add_layer_norm_rms_eps(c.rms_norm_eps)
    rope = c.rope_parameters
    # Scaling of long contexts costs nothing at the lengths that are measured, and is left out.
    writer.add_rope_freq_base(rope.get("full_attention", rope)["rope_theta"])
    if c.model_type == "gemma3_text":
        writer.add_sliding_window(c.sliding_window)
    names = gguf.get_tensor_name_map(architecture, c.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and c.tie_word_embeddings:
            continue
        values = tensor.numpy().astype(np.float32)
        if c.model_type == "llama" and "q_proj" in name:
            values = interleaved(values, c.num_attention_heads)
        if c.model_type == "llama" and "k_proj" in name:
            values = interleaved(values, c.num_key_value_heads)
        if c.model_type == "gemma3_text" and "norm" in name:
            values = values + 1
        target = names.get_name(name, try_suffixes=(".weight", ".bias"))
        if target is None:
            raise ValueError(f"llama.cpp has no tensor for {name}")
        writer.add_tensor(target, np.ascontiguousarray(values))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return out
