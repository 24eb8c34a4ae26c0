"""Writes test/fixtures/gguf-blocks.json: a few blocks of each quantisation of GGUF, as bytes, with the numbers that the
Python package `gguf` makes of them; and test/fixtures/gguf-tokenizers.json: two small vocabularies, with the ids that
llama.cpp gives to awkward lines by each pre-tokenizer.

Opt-in: python -m pip install gguf tokenizers llama-cpp-python, then python scripts/make-gguf-fixtures.py.

Blocks of Q*_0 and Q*_1 are quantised from formula-made numbers; for the K formats, which the package only reads, the
bytes themselves come from the formula (with scales that are finite halves).
"""

import base64
import json
import tempfile
from pathlib import Path

import numpy as np
from gguf import GGUFWriter
from gguf import GGMLQuantizationType as Type
from gguf import GGML_QUANT_SIZES
from gguf.quants import dequantize, quantize
from llama_cpp import Llama
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

BLOCKS = {"F16": 64, "BF16": 64, "Q4_0": 3, "Q4_1": 3, "Q5_0": 3, "Q5_1": 3, "Q8_0": 3, "Q4_K": 2, "Q5_K": 2, "Q6_K": 2}
HALVES = {"Q4_K": (0, 2), "Q5_K": (0, 2), "Q6_K": (208,)}


def noise(seed: int, count: int) -> np.ndarray:
    """Uniform in [-1, 1): the formula of test/fixtures/llama.ts."""
    x = (np.arange(count, dtype=np.uint64) + seed * 1_000_003) & 0xFFFFFFFF
    x = ((x ^ (x >> np.uint64(16))) * np.uint64(0x85EBCA6B)) & np.uint64(0xFFFFFFFF)
    x = ((x ^ (x >> np.uint64(13))) * np.uint64(0xC2B2AE35)) & np.uint64(0xFFFFFFFF)
    x = x ^ (x >> np.uint64(16))
    return ((x >> np.uint64(8)).astype(np.float64) / 2**23 - 1).astype(np.float32)


def blocks_of(name: str, seed: int) -> np.ndarray:
    kind = Type[name]
    length, size = GGML_QUANT_SIZES[kind]
    count = BLOCKS[name]
    if name not in HALVES:
        return np.ascontiguousarray(quantize(noise(seed, count * length), kind)).view(np.uint8).reshape(-1)
    data = ((noise(seed, count * size).astype(np.float64) + 1) * 128).astype(np.uint8).reshape(count, size)
    for i, at in enumerate(HALVES[name]):
        scale = (noise(seed + 50 + i, count) / 64).astype(np.float16)
        data[:, at : at + 2] = scale.view(np.uint8).reshape(count, 2)
    return data.reshape(-1)


fixtures = []
for index, name in enumerate(BLOCKS):
    kind = Type[name]
    data = blocks_of(name, 100 + index)
    values = np.ascontiguousarray(dequantize(data, kind).astype("<f4").reshape(-1))
    fixtures.append(
        {
            "format": name,
            "type": int(kind),
            "bytes": base64.b64encode(data.tobytes()).decode(),
            "floats": base64.b64encode(values.tobytes()).decode(),
        }
    )

FOLDER = Path(__file__).parent.parent / "test" / "fixtures"


def write(name: str, value: object) -> None:
    path = FOLDER / name
    path.write_text(json.dumps(value, ensure_ascii=True) + "\n")
    print(path.name, path.stat().st_size, "bytes")


write("gguf-blocks.json", fixtures)

LINES = [
    "",
    " ",
    "   ",
    "\n",
    " \n\n  x",
    "\t\tif (a[i] != b) {\r\n",
    "The quick brown fox's dog, isn't it? IT'S THEY'LL I'm",
    "the the  the   the    the",
    "1234567 3.14 2025-01-31 0x1F a1b2 5th",
    "\u00bd cup, 3\u00bd, x\u00b2, \u2163 \u2460\u2461 \u0663\u0664 \u0967\u0968 \uff11\uff12 \U0001d7d8",
    "na\u00efve c\u0153ur e\u0301te\u0301 \u017ad\u017ab\u0142o stra\u00dfe",
    "\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440, \u4f60\u597d\u4e16\u754c\u3002 \u0645\u0631\u062d\u0628\u0627",
    "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35 \u0928\u092e\u0938\u094d\u0924\u0947 \uc548\ub155",
    "\U0001f642\U0001f44d\U0001f3fd \U0001f469\u200d\U0001f467 \u2764\ufe0f",
    "a\u00a0b\u2003c\u3000d\u200be\u0085f\u2028g\ufeffh",
    "$5 + \u20ac9.99 = <b>&amp;</b> ~~x~~ ^2 `code` __init__ ...!?",
    "<|im_start|>user\nhello<|im_end|> and <|im_end|>",
    "  <|im_start|>  the end",
    "aaaaaaaaaaaaaaaaaaaaaa hahahahahahahaha ==========",
    "\u2581the \u2581\u2581 end",
]
CONTROL = ["<|unknown|>", "<|im_start|>", "<|im_end|>"]
PRE = ["default", "gpt-2", "smollm", "llama-bpe", "qwen2"]


def trained(size: int, special: list[str], pre: object, alphabet: list[str]) -> tuple[list[str], list[list[str]]]:
    """Tokens by id and merges of a BPE over the lines; merges cross what pre-tokenizers cut, so that cuts matter."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=alphabet, show_progress=False, min_frequency=1
    )
    tokenizer.train_from_iterator([line for line in LINES if "<|" not in line] * 2, trainer)
    model = json.loads(tokenizer.to_str())["model"]
    return [token for token, _ in sorted(model["vocab"].items(), key=lambda item: item[1])], model["merges"]


def ids_of(name: str, tokens: list[str], fill: object) -> list[list[int]]:
    """What llama.cpp makes of the lines, with a vocabulary that `fill` describes to the writer."""
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / f"{name}.gguf")
        writer = GGUFWriter(path, "llama")
        writer.add_block_count(0)
        writer.add_context_length(128)
        writer.add_embedding_length(16)
        writer.add_feed_forward_length(16)
        writer.add_head_count(1)
        writer.add_layer_norm_rms_eps(1e-5)
        writer.add_vocab_size(len(tokens))
        writer.add_token_list(tokens)
        writer.add_bos_token_id(1)
        writer.add_eos_token_id(2)
        writer.add_unk_token_id(0)
        fill(writer)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.close()
        model = Llama(path, vocab_only=True, verbose=False)
        return [model.tokenize(line.encode(), add_bos=False, special=True) for line in LINES]


def gpt2_fixture() -> dict:
    byte_level = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokens, merges = trained(640, CONTROL, byte_level, pre_tokenizers.ByteLevel.alphabet())
    joined = [" ".join(pair) for pair in merges]
    types = [3] * len(CONTROL) + [1] * (len(tokens) - len(CONTROL))

    def fill(pre: str):
        def with_writer(writer: GGUFWriter) -> None:
            writer.add_tokenizer_model("gpt2")
            writer.add_tokenizer_pre(pre)
            writer.add_token_types(types)
            writer.add_token_merges(joined)

        return with_writer

    return {"tokens": tokens, "types": types, "merges": joined, "ids": {pre: ids_of(pre, tokens, fill(pre)) for pre in PRE}}


def sentencepiece_fixture() -> dict:
    """Scores as SentencePiece gives them: minus the order of learning. Runs of spaces are tokens of the user's, as in Gemma."""
    learnt, _ = trained(330, [], pre_tokenizers.Metaspace(prepend_scheme="never", split=False), [])
    letters = [token for token in learnt if len(token) == 1]
    pieces = [token for token in learnt if len(token) > 1 and set(token) != {"\u2581"}]
    user = ["\n", "  ", "   ", "    "]
    letters = [token for token in letters if token != "\n" and ord(token) < 0x10000]
    tokens = [*CONTROL, *user, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces, *letters]
    types = [2, 3, 3, *[4] * len(user), *[6] * 256, *[1] * (len(pieces) + len(letters))]
    start = len(CONTROL) + len(user) + 256
    scores = [0.0] * start + [-float(i) for i in range(len(pieces) + len(letters))]

    def fill(prefix: bool):
        def with_writer(writer: GGUFWriter) -> None:
            writer.add_tokenizer_model("llama")
            writer.add_token_types(types)
            writer.add_token_scores(scores)
            writer.add_add_space_prefix(prefix)

        return with_writer

    ids = {str(prefix).lower(): ids_of(f"prefix-{prefix}", tokens, fill(prefix)) for prefix in (True, False)}
    return {"tokens": tokens, "types": types, "scores": scores, "ids": ids}


write("gguf-tokenizers.json", {"lines": LINES, "gpt2": gpt2_fixture(), "sentencePiece": sentencepiece_fixture()})
