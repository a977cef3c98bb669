#!/bin/sh
# The larger list of mutants (README.md): nightly.sh [BUILD_DIR [options of GoogleTest]]. Takes minutes.
set -eu
here=$(dirname "$0")
build=${1:-$here/../../build/dev}
[ $# -eq 0 ] || shift
CADENZA_MUTANTS=$here/nightly.json exec "$build/bin/mutation_test" "$@"
