#!/usr/bin/env bash
# Tests on a real GPU, with prebuilt tools (cmake --preset portable makes ones that run anywhere) and Python with PyTorch and
# transformers as the reference.
set -uo pipefail

usage() {
  cat <<'USAGE'
usage: test/gpu/run.sh [--bin DIR] [--out DIR] [--only LIST]

  --bin DIR     folder with cadenza-compile, -run, -bench and -inspect (default: build/portable/bin)
  --out DIR     logs and figures (default: build/gpu)
  --only LIST   of: quick,fixtures,numerics,repeat,sanitize,bench,ablation (default: all but ablation)

Prints PASS or FAIL for each check, logs to the out folder, closes with 'N passed, N failed, N skipped'.
Exit codes: 0, 1 (a check failed), 2 (usage), 7 (no GPU), 77 (no Python with PyTorch and transformers).
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/test/gpu bin=$root/build/portable/bin out=$root/build/gpu only=quick,fixtures,numerics,repeat,sanitize,bench
while (($#)); do
  case $1 in
    --bin | --out | --only)
      if (($# < 2)); then usage >&2; exit 2; fi
      declare "${1#--}=$2"
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
bin=$(cd "$bin" && pwd) || exit 2
nvidia-smi -L || { echo "no NVIDIA GPU: nvidia-smi does not answer" >&2; exit 7; }
python3 -c 'import numpy, torch, transformers' || { echo "needs Python with numpy, torch and transformers" >&2; exit 77; }
mkdir -p "$out"
work=$(mktemp -d "${GPU_TEST_TMP:-/dev/shm}/cadenza-gpu.XXXXXX")
trap 'rm -r "$work"' EXIT

passed=0 failed=0 skipped=0
wants() { [[ ,$only, == *,$1,* ]]; }
# check SECONDS NAME COMMAND...: in a shell of its own, so that a hang can be killed whole. The last line that the command printed is shown.
check() {
  local limit=$1 name=$2 log="$out/$2.log" verdict=PASS
  shift 2
  if timeout -k 5 "$limit" bash -uo pipefail -c '"$@"' check "$@" >"$log" 2>&1; then
    passed=$((passed + 1))
  else
    verdict="FAIL (exit code $?)"
    failed=$((failed + 1))
  fi
  printf '%s %-34s %s\n' "$verdict" "$name" "$(tail -n 1 "$log")"
}
compile() { "$bin/cadenza-compile" -q "$@"; }
run() { "$bin/cadenza-run" --device=cuda:0 "$@"; }
tokens_of() { tr -d '[] \n' <"$1"; }

quick() {
  compile "$root/examples/tinylm" -o "$work/tiny.plan" || return
  run "$work/tiny.plan" --prompt "Let us go up" -n 60
}
compare() { run "$work/tiny.plan" --prompt "Let us go up to" --compare; }
score() { # within 0.1 % of what transformers computes (examples/tinylm/README.md)
  run "$work/tiny.plan" --score "$root/examples/tinylm/heldout.txt" | tee "$work/score" || return
  python3 -c 'import re, sys
value = float(re.search(r"perplexity ([0-9.]+)", open(sys.argv[1]).read())[1]); sys.exit(abs(value / 32.29004 - 1) > 1e-3)' "$work/score"
}
fixture() { # FOLDER
  local name=${1##*/}
  compile "$1" -o "$work/$name.plan" &&
    run "$work/$name.plan" --tokens "$(tokens_of "$1/tokens.json")" -n 0 --logits "$work/$name.npy" &&
    python3 "$here/compare_logits.py" judge "$work/$name.npy" "$1/logits_f32.npy" "$1/logits_bf16.npy"
}
numerics() { # MODEL
  local folder=$work/$1
  mkdir -p "$folder"
  python3 "$here/make_checkpoint.py" "$root/compiler/import/hf/published/$1" "$folder/hf" &&
    python3 "$here/compare_logits.py" reference "$folder/hf" 256 "$folder" &&
    compile "$folder/hf" -o "$folder/model.plan" --target=sm_90 &&
    run "$folder/model.plan" --tokens "$(<"$folder/tokens.txt")" -n 0 --context 512 --logits "$folder/ours.npy" &&
    python3 "$here/compare_logits.py" judge "$folder/ours.npy" "$folder/f32.npy" "$folder/low.npy"
}
# The same tokens and the same bits of logits, time after time: repeat PLAN TIMES TOKENS
repeat() {
  local i first sum
  for ((i = 0; i < $2; ++i)); do
    run "$1" --tokens 5,6,7 -n "$3" --ignore-eos --logits "$work/repeat.npy" --stats-json "$work/repeat.json" >/dev/null || return
    sum=$(sha256sum <"$work/repeat.npy")
    [[ ${first:=$sum} == "$sum" ]] || { echo "run $i differs"; return 1; }
  done
  echo "$2 runs of $3 tokens, bit-equal logits"
}
same_plan() {
  compile "$root/examples/tinylm" -o "$work/again.plan" --threads=2 && cmp "$work/tiny.plan" "$work/again.plan" && echo "byte-identical"
}
full_context() { # exit code 9: the context is full, after what fits
  run "$work/tiny.plan" --tokens 1,2,3 -n 100 --ignore-eos --context 20
  (($? == 9)) && echo "typed 'cache full'"
}
sanitize() { # TOOL MODEL
  compute-sanitizer --tool "$1" --error-exitcode 1 "$bin/cadenza-run" "$work/$2.plan" --device=cuda:0 --tokens 5,6,7 -n 3 --ignore-eos
}
bench() { # MODEL CONTEXTS
  compile --model="$1" --weights=random:1 -o "$work/$1.plan" --target=sm_90 &&
    "$bin/cadenza-bench" "$work/$1.plan" --context "$2" --phases --record "$out/h100.json" --quiet
}

export root here bin out work
export -f compile run tokens_of quick compare score fixture numerics repeat same_plan full_context sanitize bench

if wants quick; then
  check 60 tinylm-text quick
  check 60 tinylm-compare compare
  check 120 tinylm-score score
  check 60 full-context full_context
fi
if wants fixtures; then
  for folder in "$root"/test/fixtures/models/*/; do check 60 "fixture-$(basename "$folder")" fixture "${folder%/}"; done
fi
if wants numerics; then
  for model in Qwen3-0.6B Llama-3.2-1B; do check 180 "numerics-$model" numerics "$model"; done
fi
if wants repeat; then
  [[ -e $work/tiny.plan ]] || compile "$root/examples/tinylm" -o "$work/tiny.plan"
  check 120 repeat-tinylm repeat "$work/tiny.plan" 20 500
  [[ ! -e $work/Qwen3-0.6B/model.plan ]] || check 120 repeat-Qwen3-0.6B repeat "$work/Qwen3-0.6B/model.plan" 10 64
  check 60 same-plan same_plan
fi
if wants sanitize; then
  if command -v compute-sanitizer >/dev/null; then
    for model in qwen3-gqa2-tied llama-gqa4-rope-llama3; do
      compile "$root/test/fixtures/models/$model" -o "$work/$model.plan"
      for tool in memcheck racecheck synccheck initcheck; do check 120 "$tool-$model" sanitize "$tool" "$model"; done
    done
  else
    echo "SKIP compute-sanitizer is not on the PATH"
    skipped=$((skipped + 1))
  fi
fi
if wants bench; then
  for job in Qwen3-0.6B:128,1024,4096 Llama-3.2-1B:128,1024,4096; do
    check 120 "bench-${job%%:*}" bench "${job%%:*}" "${job#*:}"
    cat "$out/bench-${job%%:*}.log"
  done
fi
if wants ablation; then
  check 420 ablation python3 "$here/ablation.py" "$bin" "$work" "$out/h100.json"
  cat "$out/ablation.log"
fi
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
