#!/usr/bin/env bash
# Drawing tokens on a real GPU, with prebuilt tools and any plan: the same text in every schedule, draws that follow the
# model's probabilities, and what a draw costs.
#   sampling.sh BIN PLAN [TOKENS]
# BIN has cadenza-run and -bench. TOKENS: of a text [200]. Exit code 1: some texts differ, or draws do not follow the distribution.
set -uo pipefail
bin=$1 plan=$2 tokens=${3:-200}
work=$(mktemp -d "${GPU_TEST_TMP:-/dev/shm}/cadenza-sampling.XXXXXX")
trap 'rm -r "$work"' EXIT
failed=0
# run COUNT OPTION...: ids of so many tokens after a prompt
run() {
  local count=$1
  shift
  "$bin/cadenza-run" "$plan" --tokens 97,11,18,0 -n "$count" --ignore-eos "$@" 2>"$work/log" || {
    cat "$work/log" >&2
    return 1
  }
}

while read -r options; do
  for schedule in launch graph persistent; do
    # shellcheck disable=SC2086
    run $tokens --schedule=$schedule $options >"$work/$schedule.txt" || failed=1
  done
  if cmp -s "$work/launch.txt" "$work/graph.txt" && cmp -s "$work/launch.txt" "$work/persistent.txt"; then
    echo "same text: $options"
  else
    echo "DIFFERENT: $options"
    failed=1
  fi
done <<END
--temperature 1 --seed 1
--temperature 1 --seed 18446744073709551615
--temperature 0.7 --top-k 20 --top-p 0.95 --seed 1
--temperature 0.7 --top-k 20 --top-p 0.95 --seed 2
--temperature 1 --top-k 64 --seed 3
--temperature 1 --top-k 128 --top-p 0.9 --seed 3
--temperature 1 --top-k 2000 --seed 4
--temperature 1 --top-p 0.9 --seed 5
--temperature 1.5 --top-p 0.99 --seed 6
--temperature 1 --min-p 0.05 --seed 7
--temperature 1 --top-k 40 --top-p 0.9 --min-p 0.02 --repetition-penalty 1.2 --presence-penalty 0.3 --frequency-penalty 0.2 --seed 8
--repetition-penalty 1.3 --logit-bias 11=-inf
--temperature 1 --logit-bias 11=3,13=-5 --seed 9
END

# How often the most likely token is drawn, against how often its probability says: the difference is a martingale, so
# its size over the square root of the summed variances is about normal. --logprobs prints "-1.2 token of token -0.9".
for schedule in launch persistent; do
  for seed in 1 2 3; do
    run $((5 * tokens)) --schedule=$schedule --temperature 1 --seed $seed --logprobs 1 >/dev/null || failed=1
    grep '  of  ' "$work/log" | awk -v what="$schedule, seed $seed" '
      { p = exp($NF); hits += $1 == $NF; expected += p; variance += p * (1 - p) }
      END {
        if (variance == 0) { print what ": no logarithms of probabilities"; exit 1 }
        z = (hits - expected) / sqrt(variance)
        printf "%s: the most likely token %d times of %d, expected %.1f: %.2f sigma\n", what, hits, NR, expected, z
        exit z > 4 || z < -4
      }' || failed=1
  done
done

# Each beside greedy, since clocks drift.
while read -r schedule options; do
  for what in "" "$options"; do
    # shellcheck disable=SC2086
    "$bin/cadenza-bench" "$plan" --schedule=$schedule --context 128 --tokens $((2 * tokens)) --repeat 7 $what \
      --json "$work/bench.json" --quiet >/dev/null || exit 1 # of the pipeline
    rate=$(tr -d ' \n' <"$work/bench.json" | grep -o '"tokens_per_second":[^,}]*' | head -1 | grep -o '[0-9.]*$')
    slow=$(tr -d ' \n' <"$work/bench.json" | grep -o '"slow_draws":\[[0-9,]*\]')
    echo "$rate" "$schedule ${what:-greedy} $slow"
  done | awk '{ us = 1e6 / $1; rest = $0; sub(/^[^ ]* /, "", rest); printf "%8.2f us a token  %s", us, rest }
    NR == 1 { greedy = us } NR == 2 { printf "  %+.2f %%", 100 * (us / greedy - 1) } { print "" }
    END { exit NR != 2 }' || failed=1
done <<END
persistent --temperature 1 --seed 1
persistent --temperature 0.6 --top-k 20 --top-p 0.95 --seed 1
persistent --temperature 1 --top-k 64 --top-p 0.95 --seed 1
persistent --temperature 1 --top-p 0.9 --seed 1
persistent --temperature 0.6 --top-p 0.9 --seed 1
persistent --temperature 1 --min-p 0.05 --seed 1
graph --temperature 1 --seed 1
graph --temperature 0.6 --top-k 20 --top-p 0.95 --seed 1
END
exit $failed
