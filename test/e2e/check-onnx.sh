#!/bin/sh
# The test of one exported decoder:
#   check-onnx.sh PYTHON FIXTURE FOLDER
# A folder of test/fixtures/onnx gives the program that the Hugging Face directory with the same weights (its file
# `source`) gives: the same nn and step text but for where weights come from, and the same logits, bit by bit, on the CPU
# executor. These agree with ONNX Runtime's as far as 16-bit activations do.
set -eu
python=$1 fixture=$2 folder=$3
here=$(dirname "$0")
source=$(dirname "$fixture")/sources/$(cat "$fixture/source")
rm -rf "$folder"
mkdir -p "$folder"
model=$fixture
[ -e "$fixture/genai_config.json" ] || model=$fixture/model.onnx

for stage in nn step; do
  for side in onnx huggingface; do
    [ $side = onnx ] && input=$model || input=$source
    cadenza-compile -q "$input" --emit=$stage -o "$folder/$side.$stage"
    sed -E 's/ from "[^"]*"( view <[^>]*>)?//' "$folder/$side.$stage" >"$folder/$side.$stage.bare"
  done
  diff "$folder/huggingface.$stage.bare" "$folder/onnx.$stage.bare"
done

tokens=$(tr -d '[] \n' <"$fixture/tokens.json")
for side in onnx huggingface; do
  [ $side = onnx ] && input=$model || input=$source
  cadenza-compile -q "$input" --target=cpu -o "$folder/$side.plan"
  cadenza-run "$folder/$side.plan" --device=cpu --tokens "$tokens" -n 0 --logits "$folder/$side.npy" 2>/dev/null
done
cmp "$folder/onnx.npy" "$folder/huggingface.npy"
"$python" "$here/check_onnx_logits.py" "$folder/onnx.npy" "$fixture/logits_f32.npy"
