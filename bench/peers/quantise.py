"""Makes the file that llama.cpp is measured with: quantise.py <model> <out.gguf> <Q8_0|Q4_0>. Prints nothing on success.

llama.cpp's own quantise function does the work; a Hugging Face folder first becomes a float32 GGUF without a vocabulary
(decoding needs none) beside the result. The result appears under its name only when it is complete.
"""

import ctypes
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../scripts/check-models"))
from lines import need, say

source, out, kind = sys.argv[1:4]
need(llama_cpp="llama-cpp-python", gguf="gguf", **({"safetensors": "safetensors"} if os.path.isdir(source) else {}))
import llama_cpp as L

quiet = L.llama_log_callback(lambda *_: None)
L.llama_log_set(quiet, ctypes.c_void_p(0))
L.llama_backend_init()
made = None
if os.path.isdir(source):
    from gguf_from_folder import gguf_from_folder

    source, made = (gguf_from_folder(source, out + ".f32"),) * 2
options = L.llama_model_quantize_default_params()
options.ftype = {"Q8_0": L.LLAMA_FTYPE_MOSTLY_Q8_0, "Q4_0": L.LLAMA_FTYPE_MOSTLY_Q4_0}[kind]
options.allow_requantize = True
options.nthread = 2
status = L.llama_model_quantize(source.encode(), (out + ".part").encode(), ctypes.byref(options))
if made:
    os.remove(made)
if status != 0:
    say({"error": f"llama_model_quantize answered {status} for {source}"})
    sys.exit(1)
os.replace(out + ".part", out)
say({"ready": {"file": out}})
