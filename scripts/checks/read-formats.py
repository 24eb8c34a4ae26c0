"""Reads exported trajectories with the readers of their formats. Called by scripts/check-formats.ts with a folder."""

import json
import sys
from pathlib import Path

from harbor.models.trajectories import Trajectory
from inspect_ai.log import read_eval_log

folder = Path(sys.argv[1])

documents = sorted((folder / "atif").iterdir())
steps = 0
for document in documents:
    text = document.read_text()
    trajectory = Trajectory.model_validate_json(text)
    steps += len(trajectory.steps)
    # What the models hold is all that is there: nothing was dropped.
    assert trajectory.to_json_dict() == json.loads(text), document
broken = json.loads(documents[0].read_text())
broken["steps"][0]["step_id"] = 2
try:
    Trajectory.model_validate(broken)
except ValueError:
    pass
else:
    raise SystemExit("the models accept a document that is broken")
print(f"ATIF: {len(documents)} documents with {steps} steps, each the same after Harbor's models have read it")

log = read_eval_log(str(folder / "inspect.json"))
assert log.status == "success" and log.results is not None and log.samples
messages = sum(len(sample.messages) for sample in log.samples)
calls = sum(len(m.tool_calls or []) for s in log.samples for m in s.messages if m.role == "assistant")
accuracy = log.results.scores[0].metrics["accuracy"].value
print(f"Inspect: {len(log.samples)} samples with {messages} messages and {calls} calls, accuracy {accuracy}")
