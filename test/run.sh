#!/usr/bin/env bash
# Installs what is missing, builds everything and runs every test that needs no GPU. The last lines are ctest's summary.
set -euo pipefail

usage() {
  cat <<'USAGE'
usage: test/run.sh [--no-install] [--asan] [--filter REGEX] [--format-check]

  --no-install     install nothing
  --asan           build and test with AddressSanitizer and UndefinedBehaviorSanitizer (build/asan)
  --filter REGEX   only the tests whose names match, as ctest -R does
  --format-check   only check that the sources are formatted (clang-format-22); a part of every full run

Exit codes: 0, or nonzero if installing, building or a test failed.
USAGE
}

install=yes preset=dev limit=2700 filter=()
while (($#)); do
  case $1 in
    --no-install) install=no ;;
    --asan) preset=asan limit=3600 ;;
    --format-check) filter=(-R '^format$') ;;
    --filter)
      if (($# < 2)); then
        usage >&2
        exit 2
      fi
      filter=(-R "$2")
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
if [[ ${filter[1]:-} == '^format$' ]]; then
  exec "$root/test/style/format.sh"
fi

step "Install"
install_packages "${build_packages[@]}" clang-format-22 python3-jsonschema
install_onnx_schema
install_onnx_cases
install_openai_client
# With NVRTC, kernels are compiled for every GPU, present or not; without it those tests are skipped.
have_nvrtc || install_nvrtc || true

step "Build"
build_preset "$preset"

step "Test"
cd "$root"
# Debian's LLVM is built without AddressSanitizer: it hands out memory that LLVM's headers, compiled into ours, poisoned.
[[ $preset == asan ]] && export ASAN_OPTIONS=allow_user_poisoning=0${ASAN_OPTIONS:+:$ASAN_OPTIONS}
exec ctest --test-dir "build/$preset" -j "$(nproc)" --timeout "$limit" --output-on-failure --no-tests=error "${filter[@]}"
