#!/usr/bin/env bash
# Encodings on a real GPU, with prebuilt tools and random weights: the persistent schedule against launch bit by bit, and
# tokens a second of both.
#   encodings.sh BIN MODEL [ENCODING[+HEAD]...]
# BIN has cadenza-compile, -run and -bench; HEAD is the head's encoding. Exit code 1: some bits differ.
set -uo pipefail
bin=$1 model=$2
shift 2
(($#)) || set -- tiles16 int8 int4+int8 int4 int4:zeros+int8 int4:g32+int8 int8:g32 fp8 fp8:g128
work=$(mktemp -d "${GPU_TEST_TMP:-/dev/shm}/cadenza-encodings.XXXXXX")
trap 'rm -r "$work"' EXIT
failed=0
for encoding; do
  layers=${encoding%+*} head=${encoding#*+}
  echo "== $model $layers, head $head"
  "$bin/cadenza-compile" --model="$model" --weights=random:1 --encode="$layers" --encode-head="$head" -q -o "$work/e.plan" || {
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
