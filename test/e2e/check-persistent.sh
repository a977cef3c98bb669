#!/bin/sh
# The persistent schedule against the launch schedule of one model, on the emulated GPU:
#   check-persistent.sh EMULATION_DIR MODEL SMS FOLDER [--no-clusters|"" [LONG|"" [options of cadenza-compile]]]
# Compiles a folder of test/fixtures/models for the host and SMS multiprocessors, and compares the schedules under two
# seeds: the logits of 20 tokens, one step a launch, bit by bit; generated ids, many steps a launch, after a prompt in a
# tile. Without clusters, on an emulated GPU that has none, nor bulk copies. LONG: lengths of sequences whose last steps are
# compared, too, after a prompt in a tile; with CADENZA_WHOLE_SEQUENCES=1 (nightly.sh) all steps.
set -eu
emulation=$1 model=$2 sms=$3 folder=$4 clusters=${5-} long=${6-}
[ $# -le 6 ] && shift $# || shift 6
rm -rf "$folder"
mkdir -p "$folder"
cadenza-compile "$model" -o "$folder/model.plan" --target=host --schedule=persistent --sms="$sms" $clusters --quiet "$@"
[ -z "$clusters" ] || export CADENZA_EMULATED_CAPABILITY=8.6

export LD_LIBRARY_PATH="$emulation" CADENZA_EMULATED_SMS="$sms"
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
}

tokens=$(tr -d '[] \n' <"$model/tokens.json" | cut -d, -f1-20)
run 1 launch --prefill=off --tokens "$tokens" -n 0 --logits "$folder/launch.npy"
run 1 launch --tokens 33,5 -n 12 --ignore-eos >"$folder/launch.txt"
for seed in 1 20; do
  run $seed persistent --prefill=off --tokens "$tokens" -n 0 --logits "$folder/persistent.npy"
  cmp "$folder/persistent.npy" "$folder/launch.npy"
  run $seed persistent --tokens 33,5 -n 12 --ignore-eos >"$folder/persistent.txt"
  cmp "$folder/persistent.txt" "$folder/launch.txt"
done
[ "$(wc -w <"$folder/launch.txt")" = 12 ]

# Drawn tokens, from a list that all blocks know; nightly also without filters, and perhaps by the slow path, with penalties.
draw() {
  run 1 launch --tokens 33,5 -n 6 --ignore-eos "$@" >"$folder/launch.txt"
  run 20 persistent --tokens 33,5 -n 6 --ignore-eos "$@" >"$folder/persistent.txt"
  cmp "$folder/persistent.txt" "$folder/launch.txt"
}
draw --temperature 1 --top-k 5 --top-p 0.9 --seed 3
if [ -n "${CADENZA_WHOLE_SEQUENCES-}" ]; then
  draw --temperature 1 --seed 3
  draw --temperature 3 --top-p 0.99 --min-p 0.001 --repetition-penalty 1.2 --presence-penalty 0.5 --seed 4
fi

# Several stages of keys and values, several chunks a warp; the last position alone in a chunk, or not.
prefill=on
[ -z "${CADENZA_WHOLE_SEQUENCES-}" ] || prefill=off
for length in $long; do
  tokens=$(seq -s, 1 $((length - 4)))
  run 1 launch --prefill=$prefill --tokens "$tokens" -n 8 --ignore-eos --logits "$folder/launch.npy" >"$folder/launch.txt"
  run 3 persistent --prefill=$prefill --tokens "$tokens" -n 8 --ignore-eos --logits "$folder/persistent.npy" >"$folder/persistent.txt"
  cmp "$folder/persistent.npy" "$folder/launch.npy"
  cmp "$folder/persistent.txt" "$folder/launch.txt"
done
