#!/usr/bin/env bash
# Encodings on a real GPU, with prebuilt tools and random weights: the persistent schedule against launch bit by bit, and
# tokens a second of both.
#   encodings.sh BIN MODEL [ENCODING[+HEAD]...]
# BIN has cadenza-compile, -run and -bench; MODEL is the name of a configuration, or a GGUF file; HEAD is the head's encoding.
# Exit code 1: some bits differ. As Q4_K_M mixes types, with random blocks:
#   test/fixtures/gguf/make_random_model.py 8b.gguf q4_k_m shape=8b && test/gpu/encodings.sh BIN 8b.gguf stored
set -uo pipefail
bin=$1 model=$2
shift 2
(($#)) || set -- tiles16 int8 int4+int8 int4 int4:zeros+int8 int4:g32+int8 int8:g32 fp8 fp8:g128 \
  q4_k+q6_k q5_k+q6_k q6_k q6_k:minima+q6_k
work=$(mktemp -d "${GPU_TEST_TMP:-/dev/shm}/cadenza-encodings.XXXXXX")
trap 'rm -r "$work"' EXIT
failed=0
for encoding; do
  options=(--encode="${encoding%+*}")
  [[ $encoding != *+* ]] || options+=(--encode-head="${encoding#*+}")
  [[ -f $model ]] && options+=("$model") || options+=(--model="$model" --weights=random:1)
  echo "== $model $encoding"
  "$bin/cadenza-compile" "${options[@]}" -q -o "$work/e.plan" || {
    failed=1
    continue
  }
  for schedule in launch persistent; do
    "$bin/cadenza-run" "$work/e.plan" --schedule=$schedule --prefill=off --tokens "$(seq -s, 1 200)" -n 0 \
      --logits "$work/$schedule.npy" >/dev/null 2>"$work/log" || cat "$work/log"
  done
  cmp "$work/launch.npy" "$work/persistent.npy" && echo "persistent = launch, 200 positions" || failed=1
  for schedule in launch persistent; do
    "$bin/cadenza-bench" "$work/e.plan" --schedule=$schedule
  done
  "$bin/cadenza-bench" "$work/e.plan" --prompt 512
done
exit $failed
