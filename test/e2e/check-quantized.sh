#!/bin/sh
# check-quantized.sh PYTHON FOLDER: a model of test/fixtures/quantized, on the CPU, against the logits of transformers on the
# weights that the format's own package dequantises (compare_logits.py has the rule).
set -e
name=$(basename "$2")
cadenza-compile -q "$2" --target=cpu -o "$name.plan"
tokens=$(tr -d '[] \n' < "$2/tokens.json")
cadenza-run "$name.plan" --device=cpu --tokens "$tokens" -n 0 --prefill=off --logits "$name.npy" 2> "$name.log"
"$1" "$(dirname "$0")/compare_logits.py" "$name.npy" "$2/logits_f32.npy" "$2/logits_bf16.npy"
