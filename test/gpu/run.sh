#!/usr/bin/env bash
# Tests on a real GPU, with prebuilt tools (cmake --preset portable makes ones that run anywhere) and Python with PyTorch and
# transformers as the reference.
set -uo pipefail

usage() {
  cat <<'USAGE'
usage: test/gpu/run.sh [--bin DIR] [--out DIR] [--only LIST] [--repeats N]

  --bin DIR     folder with cadenza-compile, -run, -bench and -inspect, gpu_repeat and prefill_lengths (default: build/portable/bin)
  --out DIR     logs and figures (default: build/gpu)
  --only LIST   of: quick,fixtures,activations,numerics,prefill,encoders,repeat,graph,persistent,sanitize,bench,ablation
                (default: all but ablation)
  --repeats N   runs that must give the same bits, of tinylm; half as many of Qwen3-0.6B (default: 20)

Prints PASS or FAIL for each check, logs to the out folder, closes with 'N passed, N failed, N skipped'. Models and plans go
to a new folder in $GPU_TEST_TMP (default: /dev/shm), 8 GB at a time.
Exit codes: 0, 1 (a check failed), 2 (usage), 7 (no GPU), 77 (no Python with PyTorch for CUDA and transformers).
USAGE
}

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
here=$root/test/gpu bin=$root/build/portable/bin out=$root/build/gpu
groups=quick,fixtures,activations,numerics,prefill,encoders,repeat,graph,persistent,sanitize,bench,ablation only=${groups%,ablation} repeats=20
while (($#)); do
  case $1 in
    --bin | --out | --only | --repeats)
      if (($# < 2)); then usage >&2; exit 2; fi
      declare "${1#--}=$2"
      shift
      ;;
    -h | --help) usage; exit 0 ;;
    *) usage >&2; exit 2 ;;
  esac
  shift
done
stop() { # CODE MESSAGE
  echo "test/gpu/run.sh: $2" >&2
  exit "$1"
}
for group in ${only//,/ }; do
  [[ ,$groups, == *,$group,* ]] || stop 2 "--only: there is no '$group'; there are $groups"
done
[[ $repeats =~ ^[1-9][0-9]*$ ]] || stop 2 "--repeats: '$repeats' is not a number of runs"
for tool in cadenza-{compile,run,bench,inspect} gpu_repeat prefill_lengths; do
  [[ -x $bin/$tool ]] || stop 2 "--bin: there is no $bin/$tool"
done
bin=$(cd "$bin" && pwd)
timeout 60 nvidia-smi -L || stop 7 "no NVIDIA GPU: nvidia-smi does not answer"
timeout 180 python3 -c 'import numpy, torch, transformers; assert torch.cuda.is_available(), "PyTorch sees no GPU"' ||
  stop 77 "needs Python with numpy, PyTorch for CUDA and transformers"
mkdir -p "$out"
work=$(mktemp -d "${GPU_TEST_TMP:-/dev/shm}/cadenza-gpu.XXXXXX")
trap 'rm -r "$work"' EXIT

passed=0 failed=0 skipped=0 failures=()
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
    failures+=("$name")
  fi
  printf '%s %-34s %s\n' "$verdict" "$name" "$(tail -n 1 "$log")"
}
skip() { # NAME REASON
  skipped=$((skipped + 1))
  printf 'SKIP %-34s %s\n' "$1" "$2"
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
  run "$work/tiny.plan" --score "$root/examples/tinylm/heldout.txt" --stats-json "$work/score.json" || return
  python3 -c 'import json, sys
ours, recorded = (json.load(open(path)) for path in sys.argv[1:])
ours, recorded = ours["perplexity_per_token"], recorded["float32"]["perplexity_per_token"]
print(f"perplexity {ours:.5f}, recorded {recorded:.5f}")
sys.exit(not abs(ours / recorded - 1) <= 1e-3)' "$work/score.json" "$root/examples/tinylm/score.json"
}
# By the fastest schedule that the plan has, and by a kernel a phase.
fixture() { # FOLDER
  local name=${1##*/} schedule
  compile "$1" -o "$work/$name.plan" || return
  for schedule in launch auto; do
    run "$work/$name.plan" --schedule="$schedule" --tokens "$(tokens_of "$1/tokens.json")" -n 0 --logits "$work/$name.npy" &&
      python3 "$here/compare_logits.py" judge "$work/$name.npy" "$1/logits_f32.npy" "$1/logits_bf16.npy" || return
  done
}
# A graph without a decoder: tensors [LIMIT [options of cadenza-compile]]
tensors() {
  local folder=$work/tensors script=$root/test/e2e/tensors/Inputs/mlp.py
  mkdir -p "$folder"
  python3 "$script" make "$folder" &&
    compile "${script%.py}.mlir" --weights="$folder/mlp.safetensors" "${@:2}" -o "$folder/mlp.plan" &&
    run "$folder/mlp.plan" --input x="$folder/x.npy" --input scale="$folder/scale.npy" --output y="$folder/y.npy" \
      --output picked="$folder/picked.npy" &&
    python3 "$script" check "$folder/y.npy" "$folder/picked.npy" "$1"
}
# Every activation against transformers: activations [options of cadenza-compile]
activations() {
  local plan=$work/activations.plan dump=$work/activations tokens=1,2,3,40,100,7
  rm -rf "$dump"
  compile "$root/examples/tinylm" -o "$plan" "$@" && run "$plan" --tokens "$tokens" --dump "$dump" || return
  local compare=(python3 "$root/examples/compare_activations.py" "$root/examples/tinylm" "$dump" --tokens "$tokens")
  "${compare[@]}" --tolerance 1e-6 # 16-bit weights cannot be that close: the comparison must see it
  [[ $? == 14 ]] || { echo "a tolerance of 1e-6 was kept"; return 1; }
  "${compare[@]}" --tolerance 0.01
}
numerics() { # MODEL POSITIONS
  local folder=$work/$1
  mkdir -p "$folder"
  python3 "$here/make_checkpoint.py" "$root/compiler/import/hf/published/$1" "$folder/hf" &&
    python3 "$here/compare_logits.py" reference "$folder/hf" "$2" "$folder" &&
    compile "$folder/hf" -o "$folder/model.plan" &&
    run "$folder/model.plan" --tokens "$(<"$folder/tokens.txt")" -n 0 --context "$2" --logits "$folder/ours.npy" &&
    python3 "$here/compare_logits.py" judge "$folder/ours.npy" "$folder/f32.npy" "$folder/low.npy"
  local code=$?
  rm -rf "$folder"
  return $code
}
# Prompts of every length up to LENGTHS: prefill_lengths LENGTHS MODEL [options of cadenza-compile]
prefill_lengths() {
  local plan=$work/lengths.plan
  compile "${@:2}" -o "$plan" && "$bin/prefill_lengths" "$plan" "$1" cuda:0
  local code=$?
  rm -f "$plan"
  return $code
}
# Prompts beside PyTorch, whose times are the last line.
prefill_speed() { # MODEL
  local plan=$work/speed.plan
  compile --model="$1" --weights=random:1 -o "$plan" &&
    "$bin/cadenza-bench" "$plan" --prompt 16,128,512,2048 --phases --record "$out/records.json" --quiet &&
    python3 "$here/prefill.py" "$root/compiler/import/hf/published/$1"
  local code=$?
  rm -f "$plan"
  return $code
}
# An encoder that torch.onnx exported: the same bits by a kernel a phase and by a CUDA graph, as exact as PyTorch in fp16.
encoder() { # LAYERS HIDDEN
  local folder=$work/encoder inputs=() name schedule
  for name in input_ids attention_mask token_type_ids; do inputs+=(--input "$name=$folder/$name.npy"); done
  python3 "$here/encoder.py" make "$folder" --layers "$1" --hidden "$2" && compile "$folder/model.onnx" -o "$folder/model.plan" || return
  for schedule in launch graph; do
    run "$folder/model.plan" --schedule="$schedule" "${inputs[@]}" --output "last_hidden_state=$folder/$schedule.npy" || return
  done
  cmp "$folder/launch.npy" "$folder/graph.npy" && python3 "$here/encoder.py" check "$folder" "$folder/graph.npy"
  local code=$?
  rm -rf "$folder"
  return $code
}
# The same tokens and the same bits of logits, time after time, some processes at once:
# repeat TIMES TOKENS MODEL [options of cadenza-compile]
repeat() {
  local times=$1 tokens=$2 sums
  shift 2
  compile "$@" -o "$work/repeat.plan" || return
  sums=$(seq "$times" | xargs -P 8 -I{} bash -c "repeat_once $tokens {}" | sort | uniq -c) || return
  rm "$work/repeat.plan"
  echo "$sums"
  [[ $(awk '{print $1}' <<<"$sums") == "$times" ]] && echo "$times runs of $tokens tokens: the same tokens, bit-equal logits"
}
repeat_once() { # TOKENS NUMBER
  local files=("$work/repeat.$2.npy" "$work/repeat.$2.txt")
  run "$work/repeat.plan" --tokens 5,6,7 -n "$1" --ignore-eos --context 1024 --logits "${files[0]}" >"${files[1]}" 2>"$work/repeat.$2.log" ||
    { cat "$work/repeat.$2.log"; return 1; }
  cat "${files[@]}" | sha256sum
  rm "${files[@]}" "$work/repeat.$2.log"
}
same_plan() {
  compile "$root/examples/tinylm" -o "$work/once.plan" &&
    compile "$root/examples/tinylm" -o "$work/again.plan" --threads=2 &&
    cmp "$work/once.plan" "$work/again.plan" && echo "byte-identical"
}
sanitize() { # TOOL MODEL
  compile "$root/test/fixtures/models/$2" --schedule=launch -o "$work/$2.plan" || return
  sanitized --tool "$1" "$bin/cadenza-run" "$work/$2.plan"
}
# A schedule computes the bits of the launch schedule, at POSITIONS positions, and then the same tokens, many steps at once:
# schedule_bits SCHEDULE POSITIONS MODEL [options of cadenza-compile]; $division is chosen, if set
schedule_bits() {
  local tokens plan=$work/bits.plan schedule
  tokens=$(seq -s, 5 $((4 + $2)))
  compile "${@:3}" -o "$plan" || return
  for schedule in launch "$1"; do
    run "$plan" --schedule="$schedule" ${division:+--division=$division} --tokens "$tokens" -n 0 --logits "$work/$schedule.npy" &&
      run "$plan" --schedule="$schedule" ${division:+--division=$division} --tokens 5,6,7 -n "$2" --ignore-eos >"$work/$schedule.txt" || return
  done
  cmp "$work/launch.npy" "$work/$1.npy" && cmp "$work/launch.txt" "$work/$1.txt" && echo "$2 positions: bit-equal logits, the same tokens"
  local code=$?
  rm "$work/launch.npy" "$work/$1.npy" "$plan"
  return $code
}
# Ctrl-C in the middle of a text.
graph_interrupt() {
  compile "$root/examples/tinylm" -o "$work/interrupt.plan" &&
    python3 "$root/test/e2e/bad-input/Inputs/interrupt.py" "$bin/cadenza-run" "$work/interrupt.plan" --device=cuda:0 --schedule=graph \
      --prompt "In the beginning" --ignore-eos -n 2000 | tail -n 1 | tee "$work/interrupt.txt"
  grep -qx 'ended with 13; words before: [1-9][0-9]*, after: [0-9]*' "$work/interrupt.txt"
}
graph_sanitize() { # TOOL
  compile "$here/two_layers" --weights=random:1 -o "$work/sanitized.plan" || return
  sanitized --tool "$1" "$bin/cadenza-run" "$work/sanitized.plan" --schedule=graph -n 40
}
# The same text in one process: repeat_here SCHEDULE TIMES TOKENS MODEL [options of cadenza-compile]
repeat_here() {
  compile "${@:4}" -o "$work/repeat.plan" && "$bin/gpu_repeat" "$work/repeat.plan" "$2" "$3" cuda:0 "$1"
  local code=$?
  rm -f "$work/repeat.plan"
  return $code
}
# A plan of tinylm with one line of the persistent kernel edited: edited OUTPUT FILE SED-COMMAND
edited() {
  rm -rf "$work/source"
  compile "$root/examples/tinylm" --schedule=persistent -o "$work/plain.plan" &&
    "$bin/cadenza-inspect" "$work/plain.plan" --extract "$work/source" >/dev/null || return
  cp "$work/source/kernels/$2" "$work/before"
  sed -i "$3" "$work/source/kernels/$2"
  if cmp "$work/before" "$work/source/kernels/$2"; then echo "nothing edited"; return 1; fi
  compile "$root/examples/tinylm" --schedule=persistent --override-source "$work/source" -o "$1"
}
# Every block sleeps a random time, up to 4 microseconds, before each part of a layer.
persistent_delays() {
  local delay='arch::nanosleep((arch::clock_low() ^ (arch::block_index() * 7919u)) * 2654435761u >> 21);'
  edited "$work/delayed.plan" persistent_block.cuh "s/void mark(PersistentWork work, int layer) const {/& $delay/" || return
  for plan in plain delayed; do
    run "$work/$plan.plan" --tokens 5,6,7 -n 200 --ignore-eos --logits "$work/$plan.npy" >"$work/$plan.txt" || return
  done
  cmp "$work/plain.npy" "$work/delayed.npy" && cmp "$work/plain.txt" "$work/delayed.txt" && echo "200 tokens: bit-equal logits"
}
# One block keeps its partial sums to itself, once: the kernel gives up, within 3 seconds, and says what was waited for.
persistent_withheld() {
  local withhold='if (arch::block_index() == 3 \&\& p.counter == 40) return;'
  edited "$work/withheld.plan" persistent_residual.cuh "s/product.run(input, \[&\](int stripe, float sum) {/& $withhold/" || return
  local start=$EPOCHREALTIME code
  run "$work/withheld.plan" --tokens 5,6,7 -n 60 --ignore-eos >/dev/null 2>"$work/withheld.txt"
  code=$?
  local seconds=$(python3 -c "print($EPOCHREALTIME - $start)")
  cat "$work/withheld.txt"
  grep -q 'gave up: block [0-9]* waited too long for ' "$work/withheld.txt" || return
  echo "exit code $code after $seconds seconds, loading and all"
  ((code == 10)) && python3 -c "raise SystemExit($seconds > 5)" # 3, and 2 to load
}
# 10,000 tokens in one process, without drift in time or memory.
persistent_long() {
  compile --model=Qwen3-0.6B --weights=random:1 --schedule=persistent -o "$work/long.plan" &&
    python3 "$here/check_drift.py" "$bin/gpu_repeat" "$work/long.plan"
  local code=$?
  rm -f "$work/long.plan"
  return $code
}
persistent_sanitize() { # TOOL
  compile "$here/two_layers" --weights=random:1 --schedule=persistent -o "$work/sanitized.plan" || return
  sanitized --tool "$1" "$bin/cadenza-run" "$work/sanitized.plan"
}
# cadenza-run by compute-sanitizer, which must say at its end that there are no errors: sanitized [options] COMMAND PLAN
# [options of cadenza-run, with -n the last]
sanitized() {
  local count=(-n 3)
  [[ ${*: -2:1} == -n ]] && count=()
  rm -f "$work/sanitizer.txt"
  compute-sanitizer --error-exitcode 1 --log-file "$work/sanitizer.txt" "$@" "${count[@]}" --device=cuda:0 --tokens 5,6,7 --ignore-eos
  local code=$?
  cat "$work/sanitizer.txt" || return # a tool that never attached has no summary
  ((code == 0)) && grep -qE 'SUMMARY: .*\b0 errors' "$work/sanitizer.txt"
}
# Racecheck on a model of two layers, whose kernels are rewritten in forms that the tool follows (racecheck.patch); its other
# report, by analysis, overflows the stack of this kernel. persistent_racecheck SED-COMMAND-FOR-ATTENTION [options of cadenza-compile]
persistent_racecheck() {
  local source=$work/source compiled=("$here/two_layers" --weights=random:1 --schedule=persistent "${@:2}" -o "$work/race.plan")
  rm -rf "$source" "$work/sanitizer.txt"
  compile "${compiled[@]}" && "$bin/cadenza-inspect" "$work/race.plan" --extract "$source" >/dev/null &&
    GIT_CEILING_DIRECTORIES=$work git -C "$source/kernels" apply "$here/racecheck.patch" || return
  cp "$source/kernels/persistent_attention.cuh" "$work/before"
  sed -i "$1" "$source/kernels/persistent_attention.cuh"
  if [[ -n $1 ]] && cmp "$work/before" "$source/kernels/persistent_attention.cuh"; then echo "nothing edited"; return 1; fi
  compile "${compiled[@]}" --override-source "$source" &&
    sanitized --tool racecheck --racecheck-report hazard --show-backtrace no --print-limit 20 "$bin/cadenza-run" "$work/race.plan"
}
# It sees that a barrier was taken out.
racecheck_sees() {
  persistent_racecheck '/merge_parts(split.used);/{n;d}'
  (($? == 1)) && tail -n 1 "$work/sanitizer.txt" | grep '[1-9][0-9]* hazards displayed'
}
bench() { # MODEL CONTEXTS
  compile --model="$1" --weights=random:1 -o "$work/$1.plan" &&
    "$bin/cadenza-bench" "$work/$1.plan" --schedule=graph --context "$2" --phases --record "$out/records.json" --quiet
  local code=$?
  rm -f "$work/$1.plan"
  return $code
}

export root here bin out work
export -f compile run tokens_of quick compare score fixture tensors activations numerics encoder repeat repeat_once same_plan sanitize bench
export -f repeat_here prefill_lengths prefill_speed schedule_bits graph_interrupt graph_sanitize edited persistent_delays persistent_withheld persistent_long persistent_sanitize
export -f sanitized persistent_racecheck racecheck_sees

if wants quick; then
  check 60 tinylm-text quick
  check 60 tinylm-compare compare
  check 120 tinylm-score score
  check 60 tensors tensors 0.001
  check 60 tensors-unfused tensors 0.01 --passes=none
  check 120 tinylm-endings python3 "$here/check_generation.py" "$bin" "$root/examples/tinylm" "$work"
fi
if wants fixtures; then
  for folder in "$root"/test/fixtures/models/*/; do check 60 "fixture-$(basename "$folder")" fixture "${folder%/}"; done
fi
if wants activations; then
  check 120 activations activations
  check 120 activations-unfused activations --passes=none
fi
if wants numerics; then
  for model in Qwen3-0.6B Llama-3.2-1B Qwen2.5-0.5B SmolLM2-135M GPT-2; do
    check 180 "numerics-$model" numerics "$model" 256
  done
  check 180 numerics-Gemma-3-1B numerics Gemma-3-1B 640 # its window is 512
  check 300 numerics-Phi-4-mini numerics Phi-4-mini 256
fi
if wants prefill; then
  check 120 prefill-tinylm prefill_lengths 300 "$root/examples/tinylm"
  # A window that is left, in a cache that is a ring.
  check 60 prefill-window prefill_lengths 120 "$root/test/fixtures/models/mistral-window" --prefill=16,32
  for model in Qwen3-0.6B Gemma-3-1B; do check 120 "prefill-$model" prefill_lengths 300 --model="$model" --weights=random:1; done
  for model in Qwen3-0.6B Llama-3.2-1B; do
    check 180 "prefill-speed-$model" prefill_speed "$model"
    cat "$out/prefill-speed-$model.log"
  done
fi
if wants encoders; then
  check 180 encoder-6x384 encoder 6 384
  check 180 encoder-12x768 encoder 12 768
fi
if wants repeat; then
  check $((60 + 6 * repeats)) repeat-tinylm repeat "$repeats" 500 "$root/examples/tinylm"
  check $((60 + 6 * repeats)) repeat-Qwen3-0.6B repeat $(((repeats + 1) / 2)) 64 --model=Qwen3-0.6B --weights=random:1
  check 60 same-plan same_plan
fi
if wants graph; then
  check 60 graph-bits-tinylm schedule_bits graph 600 "$root/examples/tinylm"
  for model in Qwen3-0.6B Llama-3.2-1B; do check 120 "graph-bits-$model" schedule_bits graph 600 --model="$model" --weights=random:1; done
  check 120 graph-bits-unfused schedule_bits graph 200 --model=Qwen3-0.6B --weights=random:1 --passes=none
  # PTX that does not wait for the launch before: nothing may overlap.
  check 120 graph-bits-compute_80 schedule_bits graph 200 --model=Qwen3-0.6B --weights=random:1 --target=compute_80
  check 120 graph-endings python3 "$here/check_generation.py" "$bin" "$root/examples/tinylm" "$work" graph
  check 60 graph-interrupt graph_interrupt
  check 180 graph-repeat-tinylm repeat_here graph $((10 * repeats)) 300 "$root/examples/tinylm"
  check 180 graph-repeat-Qwen3-0.6B repeat_here graph $((10 * repeats)) 64 --model=Qwen3-0.6B --weights=random:1
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck initcheck; do check 120 "graph-$tool" graph_sanitize "$tool"; done
  else
    skip graph-sanitize "compute-sanitizer is not on the PATH"
  fi
fi
if wants persistent; then
  check 60 persistent-bits-tinylm schedule_bits persistent 600 "$root/examples/tinylm" --schedule=persistent
  for model in Qwen3-0.6B Llama-3.2-1B; do
    check 120 "persistent-bits-$model" schedule_bits persistent 600 --model="$model" --weights=random:1 --schedule=persistent
  done
  # One more exchange, of sums of squares; several heads a group; caches that are rings. The window of Gemma 3 has 512 positions.
  check 120 persistent-bits-OLMo-2-1B schedule_bits persistent 300 --model=OLMo-2-1B --weights=random:1 --schedule=persistent
  check 120 persistent-bits-Gemma-3-1B schedule_bits persistent 800 --model=Gemma-3-1B --weights=random:1 --schedule=persistent
  # Exchanges of single sums through global memory.
  for model in OLMo-2-1B Gemma-3-1B GPT-2; do
    check 120 "persistent-bits-$model-no-clusters" schedule_bits persistent 200 --model="$model" --weights=random:1 \
      --schedule=persistent --no-clusters
  done
  # Without clusters, and as on a GPU that has none: the driver compiles this PTX for the GPU at hand.
  for options in --no-clusters --target=compute_80; do
    check 120 "persistent-bits$options" schedule_bits persistent 200 --model=Qwen3-0.6B --weights=random:1 --schedule=persistent $options
  done
  # Divisions for GPUs of other sizes, of the same plan.
  for division in 13x8 8x8; do
    division=$division check 120 "persistent-bits-$division" schedule_bits persistent 200 --model=Qwen3-0.6B --weights=random:1 --target=sm_90
  done
  # Two KV heads in one group.
  check 60 persistent-bits-heads schedule_bits persistent 600 "$root/examples/tinylm" --schedule=persistent --sms=8
  check $((60 + 6 * repeats)) persistent-repeat repeat "$repeats" 500 "$root/examples/tinylm" --schedule=persistent
  check 180 persistent-repeat-Qwen3-0.6B repeat_here persistent 1000 16 --model=Qwen3-0.6B --weights=random:1 --schedule=persistent
  check 60 persistent-delays persistent_delays
  check 60 persistent-withheld persistent_withheld
  check 120 persistent-long persistent_long
  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck synccheck; do check 120 "persistent-$tool" persistent_sanitize "$tool"; done
    for options in '' --no-clusters; do check 120 "persistent-racecheck$options" persistent_racecheck '' $options; done
    check 120 persistent-racecheck-sees racecheck_sees
  else
    skip persistent-sanitize "compute-sanitizer is not on the PATH"
  fi
fi
if wants sanitize; then
  if command -v compute-sanitizer >/dev/null; then
    for model in qwen3-gqa2-tied llama-gqa4-rope-llama3; do
      for tool in memcheck racecheck synccheck initcheck; do check 120 "$tool-$model" sanitize "$tool" "$model"; done
    done
  else
    skip sanitize "compute-sanitizer is not on the PATH"
  fi
fi
if wants bench; then
  for job in Qwen3-0.6B:128,1024,4096 Llama-3.2-1B:128,1024,4096; do
    check 120 "bench-${job%%:*}" bench "${job%%:*}" "${job#*:}"
    cat "$out/bench-${job%%:*}.log"
  done
fi
if wants ablation; then
  check 420 ablation python3 "$here/ablation.py" "$bin" "$work" "$out/records.json"
  cat "$out/ablation.log"
fi
((failed == 0)) || echo "failed: ${failures[*]} (logs: $out)"
echo "$passed passed, $failed failed, $skipped skipped"
((failed == 0))
