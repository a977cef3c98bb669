#!/bin/sh
# The numerical test of one model:
#   check-model.sh EMULATION_DIR PYTHON MODEL FOLDER [options of cadenza-compile]
# Compiles a folder of test/fixtures/models for the host, runs it teacher-forced over its tokens with the CPU executor and
# on the emulated GPU under two schedules, and compares with what transformers computed (compare_logits.py). The two
# schedules must give the same bits. Phase by phase, the GPU must compute what the CPU executor does (--compare).
set -eu
emulation=$1 python=$2 model=$3 folder=$4
shift 4
here=$(dirname "$0")
rm -rf "$folder"
mkdir -p "$folder"
tokens=$(tr -d '[] \n' <"$model/tokens.json")
cadenza-compile "$model" -o "$folder/model.plan" --target=host --quiet "$@"

# run NAME DEVICE: writes NAME.npy
run() {
  cadenza-run "$folder/model.plan" --device="$2" --tokens "$tokens" -n 0 --logits "$folder/$1.npy" 2>"$folder/$1.log" || {
    status=$?
    cat "$folder/$1.log"
    exit $status
  }
}
compare() {
  echo "$(basename "$model") $*, $1:"
  "$python" "$here/compare_logits.py" "$folder/$1.npy" "$model/logits_f32.npy" "$model/logits_bf16.npy"
}
run cpu cpu
compare cpu "$@"

export LD_LIBRARY_PATH="$emulation"
for seed in 1 20; do
  CADENZA_EMULATION_SEED=$seed run "emulated-$seed" cuda:0
  grep -q "cuda:0 Cadenza emulated GPU" "$folder/emulated-$seed.log"
done
cmp "$folder/emulated-1.npy" "$folder/emulated-20.npy"
compare emulated-1 "$@"
cadenza-run "$folder/model.plan" --device=cuda:0 --tokens "$tokens" --compare
