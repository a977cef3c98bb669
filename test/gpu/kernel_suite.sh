#!/usr/bin/env bash
# The kernel suite on a real GPU: cadenza-bench --kernel beside PyTorch, one table and its records.
#   kernel_suite.sh BIN OUT [ARGUMENT of kernel_suite.py]...
# BIN has cadenza-bench and cadenza-compile; OUT is a folder: a table and records of each suite, attention.md and
# attention.json. Python is $PYTHON; without torch in it, Cadenza is measured alone. SUITES="attention linear"
# runs some suites only. Exit code 1: a kernel failed.
set -uo pipefail
bin=$1 out=$2 here=$(dirname "$0") failed=0
shift 2
python=${PYTHON:-python3}
mkdir -p "$out"
"$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || set -- --no-torch "$@"
for suite in ${SUITES:-attention attention_causal linear_silu linear_gelu linear_plain linear}; do
  "$python" "$here/kernel_suite.py" "$bin" --only "$suite" --out "$out/$suite.json" "$@" | tee "$out/$suite.md" ||
    failed=1
done
exit $failed
