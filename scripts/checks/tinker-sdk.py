"""The protocol's official client, unchanged, through every call that training needs. Prints one line a call; exits 1 after a failure."""
import os
import sys
import tinker
from tinker import types

TOKENS = [1, 10, 20, 30, 40, 50, 60, 70, 80]
failures = 0


def wait(value):
    return value.result() if hasattr(value, "result") else value


def call(name, work):
    global failures
    try:
        result = wait(work())
        print(f"ok      {name}")
        return result
    except Exception as error:
        failures += 1
        print(f"failed  {name}: {type(error).__name__}: {str(error)[:300]}")
        return None


def datum(**inputs):
    length = len(TOKENS) - 1
    tensors = {"target_tokens": types.TensorData(data=TOKENS[1:], dtype="int64", shape=[length])}
    for key, values in inputs.items():
        tensors[key] = types.TensorData(data=[float(v) for v in values], dtype="float32", shape=[length])
    return types.Datum(model_input=types.ModelInput.from_ints(TOKENS[:-1]), loss_fn_inputs=tensors)


mask = [0, 0, 0, 0, 1, 1, 1, 1]
service = tinker.ServiceClient()
call("capabilities", service.get_server_capabilities)
training = call("a model", lambda: service.create_lora_training_client(base_model=os.environ["MODEL"], rank=8, seed=1))
if training is None:
    sys.exit(1)
step = lambda: training.optim_step(types.AdamParams(learning_rate=1e-3))
scored = call("forward", lambda: training.forward([datum(weights=mask)], "cross_entropy"))
drawn = list(scored.loss_fn_outputs[0]["logprobs"].data)
call("cross entropy", lambda: training.forward_backward([datum(weights=mask)], "cross_entropy"))
call("a step", step)
for loss in ("importance_sampling", "ppo", "cispo"):
    call(loss, lambda: training.forward_backward([datum(logprobs=drawn, advantages=mask)], loss))
call("another step", step)
call("a state", lambda: training.save_state("sdk"))
named = call("weights to sample", lambda: training.save_weights_for_sampler("sdk"))
sampler = call("a sampler", training.save_weights_and_get_sampling_client)
prompt = types.ModelInput.from_ints(TOKENS)
settings = types.SamplingParams(max_tokens=4, temperature=1.0, seed=7, stop=[2])
call("samples", lambda: sampler.sample(prompt, 2, settings, include_prompt_logprobs=True))
call("log-probabilities", lambda: sampler.compute_logprobs(prompt))
other = call("a sampler by its path", lambda: service.create_sampling_client(model_path=named.path))
call("its sample", lambda: other.sample(prompt, 1, types.SamplingParams(max_tokens=4)))
path = "tinker://%s/weights/sdk" % training.model_id
call("a model from a state", lambda: service.create_training_client_from_state_with_optimizer(path))
rest = service.create_rest_client()
call("its checkpoints", lambda: rest.list_checkpoints(training.model_id))
call("training runs", rest.list_training_runs)
try:
    import torch
except ImportError:
    print("skipped a custom loss: PyTorch is not installed")
else:
    slope = torch.linspace(-1, 1, len(mask))
    loss = lambda data, logprobs: (sum((one * slope).sum() for one in logprobs), {"m": 1.0})
    call("a custom loss", lambda: training.forward_backward_custom([datum(weights=mask)], loss))
    call("its step", step)
sys.exit(1 if failures else 0)
