#!/usr/bin/env bash
# Checks that all C, C++ and CUDA sources are as clang-format 22 writes them. --fix formats them. Exit code 77: no
# clang-format 22.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if ! command -v clang-format-22 >/dev/null; then
  echo "skipped: clang-format-22 is not installed"
  exit 77
fi
mode=(--dry-run -Werror)
if [[ ${1:-} == --fix ]]; then mode=(-i); fi
find compiler passes codegen runtime tools test examples \( -name '*.c' -o -name '*.cpp' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' \) -print0 |
  xargs -0 -P "$(nproc)" -n 32 clang-format-22 "${mode[@]}" ||
  { echo "test/style/format.sh --fix formats them" >&2; exit 1; }
