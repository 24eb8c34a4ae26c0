#!/usr/bin/env bash
# SkyRL's server of the Tinker API on one NVIDIA GPU: the comparison, the figures and the run of `npm run check:skyrl`, within
# ten minutes once its packages are there. It prints tokens a second of sampling and of training. Without a GPU it says so and ends well.
#
#   scripts/check-gpu.sh         AGENTFLOW_PYTHON=<path of Python 3.12> where it is not on the path
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v nvidia-smi > /dev/null || ! nvidia-smi --list-gpus | grep --quiet '^GPU'; then
  echo "gpu: skipped, there is no NVIDIA GPU here"
  exit 0
fi
nvidia-smi --query-gpu=name,memory.total --format=csv,noheader
# Downloads are not part of the ten minutes.
npx tsx scripts/check-skyrl.ts --gpu --install
timeout 600 npx tsx scripts/check-skyrl.ts --gpu
