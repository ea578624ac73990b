#!/bin/sh
# Builds fedx's engine against the PyTorch of this machine, then proves and measures it on its GPU; fetches nothing.
# Needs: an NVIDIA GPU (or --rehearse), g++ 11 or newer, Python 3, and PyTorch 2.11 to 2.13 for CUDA (the one python3
# imports, or FEDX_PYTHON=python, or FEDX_LIBTORCH=folder). Options: docs/gpu.md.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
unpacked=$("$here/fedx" --unpack)
export DENO_DIR="$unpacked/cache" DENO_NO_UPDATE_CHECK=1
exec "$unpacked/fedx-runtime" run --quiet --no-prompt --no-config --no-lock --cached-only --no-remote --no-npm \
  --allow-all "$here/tools/gpu.js" "$@"
