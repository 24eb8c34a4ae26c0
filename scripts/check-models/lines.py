"""A Python process that TypeScript drives line by line: one JSON object in, one JSON object out.

The first line that goes out is {"ready": …} or {"missing": [packages]}. A question {"do": name, …} is answered by what
its function returns, or by {"error": text}; the process ends with its input. Whatever libraries print goes to stderr.
"""

import importlib.util
import json
import os
import resource
import sys

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
_out = os.fdopen(os.dup(1), "w", encoding="utf-8")
os.dup2(2, 1)


def say(answer):
    _out.write(json.dumps(answer) + "\n")
    _out.flush()


def need(**packages):
    """Ends the process with the list of pip packages (by the module that each brings) that are not installed."""
    missing = [name for module, name in packages.items() if importlib.util.find_spec(module) is None]
    if missing:
        say({"missing": missing})
        sys.exit(0)


def peak_mb():
    """The most memory that this process has had so far."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 2**20 if sys.platform == "darwin" else peak / 2**10


def questions():
    for line in sys.stdin:
        if line.strip():
            yield json.loads(line)


def serve(about, functions):
    say({"ready": about})
    for question in questions():
        name = question.pop("do")
        try:
            say(functions[name](**question))
        except Exception as failure:  # the other side decides what a failure means
            say({"error": f"{type(failure).__name__}: {failure}"})
