#!/bin/sh
# Rebuilds fedx's engine against the PyTorch of this machine and packs ./fedx anew; fetches nothing.
# Needs: g++ 11 or newer, and PyTorch 2.11 to 2.13 (the one python3 imports, or FEDX_LIBTORCH=folder).
# For a GPU also CUDA 13's headers: those in CUDA_HOME, of nvcc, in /usr/local/cuda, or beside PyTorch.
set -eu
cd "$(dirname "$0")"
unpacked=$(./fedx --unpack)
export DENO_DIR="$unpacked/cache" DENO_NO_UPDATE_CHECK=1
exec "$unpacked/fedx-runtime" run --quiet --no-prompt --no-config --no-lock --cached-only --no-remote --no-npm \
  --allow-read --allow-write --allow-env --allow-run=g++,python3 tools/rebuild.js "$unpacked"
