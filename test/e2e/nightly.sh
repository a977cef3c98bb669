#!/bin/sh
# Prompts of every length up to 300, in the emulation: nightly.sh [BUILD_DIR [MODEL...]]. MODEL is a folder of
# test/fixtures/models; without one, some that differ in what attention does. Takes minutes a model.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/dev}
[ $# -eq 0 ] || shift
[ $# -gt 0 ] || set -- qwen3-gqa2-tied mistral-window gemma2-softcaps gemma3-pattern phi3-partial olmo3-interval
plan=$(mktemp)
trap 'rm -f "$plan"' EXIT
for model in "$@"; do
  echo "$model"
  "$build/bin/cadenza-compile" "$root/test/fixtures/models/$model" -o "$plan" --target=host -q --prefill=16,128
  LD_LIBRARY_PATH="$build/lib/emulation" "$build/bin/prefill_lengths" "$plan" 300 cuda:0
done
