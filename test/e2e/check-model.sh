#!/bin/sh
# The numerical test of one model:
#   check-model.sh EMULATION_DIR PYTHON MODEL FOLDER [options of cadenza-compile]
# Compiles a folder of test/fixtures/models for the host, runs it teacher-forced over its tokens with the CPU executor and
# on the emulated GPU under two schedules, token by token and in tiles, and compares with what transformers computed
# (compare_logits.py). The two schedules must give the same bits: of the first tokens if token by token. Phase by phase, the GPU must compute what the CPU
# executor does (--compare).
set -eu
emulation=$1 python=$2 model=$3 folder=$4
shift 4
here=$(dirname "$0")
rm -rf "$folder"
mkdir -p "$folder"
tokens=$(tr -d '[] \n' <"$model/tokens.json")
first=$(echo "$tokens" | cut -d, -f1-12)
# Of longrope, a short sequence is rotated by other angles than a long one.
! grep -q '"longrope"' "$model/config.json" || first=$tokens
cadenza-compile "$model" -o "$folder/model.plan" --target=host --quiet "$@"

# run NAME DEVICE PREFILL [TOKENS]: writes NAME.npy
run() {
  cadenza-run "$folder/model.plan" --device="$2" --prefill="$3" --tokens "${4-$tokens}" -n 0 --logits "$folder/$1.npy" \
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
  CADENZA_EMULATION_SEED=1 run emulated-$prefill cuda:0 $prefill
  grep -q "cuda:0 Cadenza emulated GPU" "$folder/emulated-$prefill.log"
  compare emulated-$prefill "$@"
done
CADENZA_EMULATION_SEED=20 run again-off cuda:0 off "$first"
CADENZA_EMULATION_SEED=20 run again-on cuda:0 on
close again-off emulated-off 0
cmp "$folder/again-on.npy" "$folder/emulated-on.npy"
close emulated-off cpu-off 0.02
close emulated-on cpu-on 0.05 # whose attention takes queries and weights of 16 bits
cadenza-run "$folder/model.plan" --device=cuda:0 --tokens "$tokens" --compare
