#!/bin/sh
# The graph schedule against the launch schedule of one model, on the emulated GPU:
#   check-graph.sh EMULATION_DIR MODEL FOLDER [options of cadenza-compile]
# Compiles a folder of test/fixtures/models for the host and compares the schedules under three seeds, bit by bit: the
# logits of 20 tokens, one step a graph; the ids of more tokens than a graph has steps. Also on an emulated GPU without
# dependent launches.
set -eu
emulation=$1 model=$2 folder=$3
shift 3
rm -rf "$folder"
mkdir -p "$folder"
cadenza-compile "$model" -o "$folder/model.plan" --target=host --quiet "$@"
export LD_LIBRARY_PATH="$emulation"
# run SEED SCHEDULE OPTION...
run() {
  seed=$1 schedule=$2
  shift 2
  CADENZA_EMULATION_SEED=$seed cadenza-run "$folder/model.plan" --device=cuda:0 --schedule="$schedule" "$@" \
    2>"$folder/log" || {
    status=$?
    cat "$folder/log"
    exit $status
  }
  grep -q "schedule $schedule" "$folder/log"
}

tokens=$(tr -d '[] \n' <"$model/tokens.json" | cut -d, -f1-20)
run 1 launch --tokens "$tokens" -n 0 --logits "$folder/launch.npy"
run 1 launch --tokens 33,5 -n 40 --ignore-eos >"$folder/launch.txt"
[ "$(wc -w <"$folder/launch.txt")" = 40 ]
for seed in 1 20 300 old; do
  if [ $seed = old ]; then export CADENZA_EMULATED_CAPABILITY=8.6 && seed=1; fi
  run $seed graph --tokens "$tokens" -n 0 --logits "$folder/graph.npy"
  cmp "$folder/graph.npy" "$folder/launch.npy"
  run $seed graph --tokens 33,5 -n 40 --ignore-eos >"$folder/graph.txt"
  cmp "$folder/graph.txt" "$folder/launch.txt"
done
