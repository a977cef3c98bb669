#!/bin/sh
# What takes too long for every run, in the emulation: nightly.sh [BUILD_DIR [MODEL...]]. MODEL is a folder of
# test/fixtures/models; without one, some that differ in what attention does. Takes minutes a model.
#   - prompts of every length up to 300
#   - sequences of 160 tokens, step by step, in the schedules launch and persistent: equal bits, with and without clusters
# and, without a MODEL, the tests that need the feature `nightly` (lit.local.cfg).
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
build=${1:-$root/build/dev}
[ $# -eq 0 ] || shift
if [ $# -eq 0 ]; then
  (cd "$build/test" && CADENZA_NIGHTLY=1 /usr/lib/llvm-22/bin/lit -sv . --filter 'e2e/persistent/.*-no-clusters')
fi
[ $# -gt 0 ] || set -- qwen3-gqa2-tied mistral-window gemma2-softcaps gemma3-pattern phi3-partial olmo3-interval
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export PATH="$build/bin:$PATH"
for model in "$@"; do
  echo "$model"
  cadenza-compile "$root/test/fixtures/models/$model" -o "$folder/model.plan" --target=host -q --prefill=16,128
  LD_LIBRARY_PATH="$build/lib/emulation" prefill_lengths "$folder/model.plan" 300 cuda:0
  for clusters in "" --no-clusters; do
    CADENZA_WHOLE_SEQUENCES=1 sh "$root/test/e2e/check-persistent.sh" "$build/lib/emulation" \
      "$root/test/fixtures/models/$model" 4 "$folder/persistent" "$clusters" "160"
  done
done
