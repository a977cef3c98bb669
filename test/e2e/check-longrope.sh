#!/bin/sh
# Sequences around the length where RoPE's frequencies change, in every schedule:
#   check-longrope.sh EMULATION_DIR PYTHON MODEL SMS FOLDER
# MODEL is a folder of test/fixtures/models with logits_of_lengths_*.npy and generated.json (README.md there). Texts of
# each length by the rule of compare_logits.py, against transformers on the whole text; a text that grows beyond the
# length, against what transformers continues it with. All schedules of the emulated GPU give the same bits.
set -eu
emulation=$1 python=$2 model=$3 sms=$4 folder=$5
here=$(dirname "$0")
rm -rf "$folder"
mkdir -p "$folder"
cadenza-compile "$model" -o "$folder/model.plan" --target=host --sms="$sms" --quiet
list() { tr -d '[] \n"a-z:{}' <"$1" | cut -d, -f"$2"; }
prompt=$("$python" -c "import json; print(*json.load(open('$model/generated.json'))['prompt'], sep=',')")
expected=$("$python" -c "import json; print(*json.load(open('$model/generated.json'))['tokens'])")

# run NAME OPTION...: texts of each length, and the one that grows. A long text that came before must leave nothing.
run() {
  name=$1
  shift
  for length in 23 24 25 26; do
    cadenza-run "$folder/model.plan" "$@" --tokens "$(list "$model/tokens.json" 1-$length)" -n 0 \
      --logits "$folder/$name-$length.npy" 2>"$folder/log" || { cat "$folder/log"; exit 1; }
  done
  cadenza-run "$folder/model.plan" "$@" --tokens "$prompt" -n 7 --ignore-eos >"$folder/$name.txt" 2>"$folder/log" ||
    { cat "$folder/log"; exit 1; }
  "$python" "$here/last_logits.py" "$model" "$folder/$name"-??.npy
  [ "$(echo $(cat "$folder/$name.txt"))" = "$expected" ] || { echo "$name generates $(cat "$folder/$name.txt"), not $expected"; exit 1; }
}
run cpu --device=cpu
export LD_LIBRARY_PATH="$emulation" CADENZA_EMULATED_SMS="$sms"
for schedule in launch graph persistent; do
  run $schedule --device=cuda:0 --schedule=$schedule
  for length in 23 24 25 26; do
    cmp "$folder/$schedule-$length.npy" "$folder/launch-$length.npy"
  done
done
