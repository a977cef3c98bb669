#!/bin/sh
# The numerical test of one model:
#   check-model.sh EMULATION_DIR PYTHON MODEL FOLDER [options of cadenza-compile]
# Compiles a folder of test/fixtures/models for the host, runs it teacher-forced over its tokens with the CPU executor and
# on the emulated GPU under two schedules, token by token and in tiles, and compares with what transformers computed
# (compare_logits.py). The two schedules must give the same bits. Phase by phase, the GPU must compute what the CPU
# executor does (--compare).
set -eu
emulation=$1 python=$2 model=$3 folder=$4
shift 4
here=$(dirname "$0")
rm -rf "$folder"
mkdir -p "$folder"
tokens=$(tr -d '[] \n' <"$model/tokens.json")
cadenza-compile "$model" -o "$folder/model.plan" --target=host --quiet "$@"

# run NAME DEVICE PREFILL: writes NAME.npy
run() {
  cadenza-run "$folder/model.plan" --device="$2" --prefill="$3" --tokens "$tokens" -n 0 --logits "$folder/$1.npy" \
    2>"$folder/$1.log" || {
    status=$?
    cat "$folder/$1.log"
    exit $status
  }
}
compare() {
  echo "$(basename "$model") $*, $1:"
  "$python" "$here/compare_logits.py" "$folder/$1.npy" "$model/logits_f32.npy" "$model/logits_bf16.npy"
}
for prefill in off on; do
  run cpu-$prefill cpu $prefill
  compare cpu-$prefill "$@"
done

# close NAME NAME TOLERANCE: they differ by little, as sums in other orders do
close() {
  "$python" "$here/close_logits.py" "$folder/$1.npy" "$folder/$2.npy" "$3"
}
close cpu-on cpu-off 0.02

export LD_LIBRARY_PATH="$emulation"
for prefill in off on; do
  for seed in 1 20; do
    CADENZA_EMULATION_SEED=$seed run "emulated-$prefill-$seed" cuda:0 $prefill
    grep -q "cuda:0 Cadenza emulated GPU" "$folder/emulated-$prefill-$seed.log"
  done
  cmp "$folder/emulated-$prefill-1.npy" "$folder/emulated-$prefill-20.npy"
  compare emulated-$prefill-1 "$@"
done
close emulated-off-1 cpu-off 0.02
close emulated-on-1 cpu-on 0.05 # whose attention takes queries and weights of 16 bits
cadenza-run "$folder/model.plan" --device=cuda:0 --tokens "$tokens" --compare
