#!/bin/sh
# The test of one exported decoder:
#   check-onnx.sh PYTHON WHAT FIXTURE FOLDER
# compares a folder of test/fixtures/onnx with the Hugging Face directory that it was exported from (its file `source`) and
# with what ONNX Runtime computed (logits_f32.npy). WHAT is
#   text    the same nn and step text but for where weights come from, and the same logits, bit by bit, on the CPU executor
#   bits    the same logits, bit by bit: the file stores weights in another form
#   logits  the file has other weights, or others of its types
# Logits agree with ONNX Runtime's as far as activations and a cache of 16 bits do.
set -eu
python=$1 what=$2 fixture=$3 folder=$4
here=$(dirname "$0")
source=$(dirname "$fixture")/sources/$(cat "$fixture/source")
rm -rf "$folder"
mkdir -p "$folder"
model=$fixture/model.onnx
[ ! -e "$fixture/genai_config.json" ] || model=$fixture # a directory says what its model is

# both COMMAND...: COMMAND SIDE INPUT for both sides
both() {
  "$@" onnx "$model"
  "$@" huggingface "$source"
}
emit() {
  cadenza-compile -q --prefill=16 "$3" --emit="$1" -o "$folder/$2.$1"
  sed -E 's/ from "[^"]*"( view <[^>]*>)?//' "$folder/$2.$1" >"$folder/$2.$1.bare"
}
if [ "$what" = text ]; then
  for stage in nn step; do
    both emit $stage
    diff "$folder/huggingface.$stage.bare" "$folder/onnx.$stage.bare"
  done
fi

tokens=$(tr -d '[] \n' <"$fixture/tokens.json")
run() {
  cadenza-compile -q "$2" --target=cpu -o "$folder/$1.plan"
  cadenza-run "$folder/$1.plan" --device=cpu --tokens "$tokens" -n 0 --logits "$folder/$1.npy" >"$folder/$1.log" 2>&1 || {
    cat "$folder/$1.log"
    exit 1
  }
}
both run
[ "$what" = logits ] || cmp "$folder/onnx.npy" "$folder/huggingface.npy"
"$python" "$here/check_onnx_logits.py" "$folder/onnx.npy" "$fixture/logits_f32.npy"
