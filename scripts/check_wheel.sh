#!/usr/bin/env bash
# Tries a wheel: installs it in a fresh virtual environment, without an index, and runs the package's tests on it.
#   scripts/check_wheel.sh WHEEL [PYTHON...]
# Once for each PYTHON, by default python3.
set -euo pipefail

if (($# < 1)) || [[ $1 == -* ]]; then
  sed -n '2,4s/^# \?//p' "${BASH_SOURCE[0]}"
  [[ ${1:-} == -h || ${1:-} == --help ]] && exit 0
  exit 2
fi
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
wheel=$1
shift
fresh=$(mktemp -d)
trap 'rm -rf "$fresh"' EXIT
unset CADENZA_LIBRARY PYTHONPATH
for python in "${@:-python3}"; do
  rm -rf "$fresh/venv"
  "$python" -m venv "$fresh/venv"
  "$fresh/venv/bin/pip" --disable-pip-version-check install -q --no-index "$wheel"
  # Neither the tools nor the library of a build or a system are found.
  (cd "$fresh" && PATH=$fresh/venv/bin "$fresh/venv/bin/python" "$root/test/python/package_test.py" 2>"$fresh/log") ||
    { cat "$fresh/log" >&2; fail 1 "the package's tests fail with $python"; }
  say "$("$fresh/venv/bin/python" --version): $(sed -n 's/^Ran \(.*\) in .*/\1/p' "$fresh/log")"
done
