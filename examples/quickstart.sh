#!/usr/bin/env bash
# From a clone to generated text: installs what is missing, builds the tools, compiles examples/tinylm to a plan, shows
# what the plan holds and what was generated, and continues a prompt. Can be run again; what is done is not done twice.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: examples/quickstart.sh [--no-install] [--prompt TEXT] [-n TOKENS]

  --no-install    install nothing
  --prompt TEXT   the text to continue (default: "Let us go up")
  -n TOKENS       how many tokens to generate (default: 60)

On a machine with an NVIDIA GPU the plan is compiled for it and runs there; elsewhere it runs on the CPU.
Exit codes: 0, 1 (installing or building failed), or that of the tool that failed (docs/exit-codes.md).
USAGE
}

install=yes prompt='Let us go up' tokens=60
while (($#)); do
  case $1 in
    --no-install) install=no ;;
    --prompt | -n)
      if (($# < 2)); then
        usage >&2
        exit 2
      fi
      if [[ $1 == -n ]]; then tokens=$2; else prompt=$2; fi
      shift
      ;;
    -h | --help)
      usage
      exit 0
      ;;
    *)
      usage >&2
      exit 2
      ;;
  esac
  shift
done
source "$(dirname "${BASH_SOURCE[0]}")/../scripts/setup.sh"
bin=$root/build/dev/bin
plan=$root/build/tinylm.plan

step "1/5 Install"
install_packages "${build_packages[@]}"
install_onnx_schema

step "2/5 Build"
build_preset dev cadenza-compile cadenza-inspect cadenza-run cadenza-bench cadenza-opt

step "3/5 Compile examples/tinylm, a model of 5 million parameters, to a plan"
# Exit code 7: there is no GPU to compile for. 12: there is one, but no CUDA compiler.
compile() { "$bin/cadenza-compile" "$root/examples/tinylm" -o "$plan" "$@"; }
code=0 device=auto
errors=$(compile -q 2>&1) || code=$?
if [[ $code == 12 ]] && install_nvrtc; then
  code=0
  errors=$(compile -q 2>&1) || code=$?
fi
case $code in
  0) compile --stats ;;
  7 | 12)
    if [[ $code == 7 ]]; then say "no GPU here, so"; else say "no CUDA compiler here, so"; fi
    say "the plan gets no GPU code (--target=host: its kernels compiled by g++, for tests) and runs on the CPU"
    device=cpu
    compile --target=host --stats
    ;;
  *) fail "$code" "$errors" ;;
esac

step "4/5 What the plan holds: cadenza-inspect build/tinylm.plan"
"$bin/cadenza-inspect" "$plan" | sed '/^sections/,$d'
printf '\n'
say "and one of its kernels: cadenza-inspect build/tinylm.plan --source model.cu"
printf '\n'
"$bin/cadenza-inspect" "$plan" --source model.cu |
  awk '/^\/\/ ====/ { shown = 0; head = $0; next } /^\/\/ computes: .*silu/ { shown = 1; print head } shown'

step "5/5 Text: cadenza-run build/tinylm.plan --prompt \"$prompt\" -n $tokens --device=$device"
printf '%s' "$prompt"
"$bin/cadenza-run" "$plan" --prompt "$prompt" -n "$tokens" --device="$device"

step "Done. The tools are in build/dev/bin; README.md goes on from here, test/run.sh runs the tests."
