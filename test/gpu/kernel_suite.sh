#!/usr/bin/env bash
# The kernel suite on a real GPU: cadenza-bench --kernel beside PyTorch, one table and its records.
#   kernel_suite.sh BIN OUT [ARGUMENT of kernel_suite.py]...
# BIN has cadenza-bench and cadenza-compile; OUT is a folder: kernels.json and kernels.md, and the same of
# the packed products without wgmma. Python is $PYTHON; without torch in it, Cadenza is measured alone. Exit code 1: a kernel failed.
set -uo pipefail
bin=$1 out=$2 here=$(dirname "$0") failed=0
shift 2
python=${PYTHON:-python3}
mkdir -p "$out"
"$python" -c 'import torch; assert torch.cuda.is_available()' 2>/dev/null || set -- --no-torch "$@"
"$python" "$here/kernel_suite.py" "$bin" --out "$out/kernels.json" "$@" | tee "$out/kernels.md" || failed=1
"$python" "$here/kernel_suite.py" "$bin" --out "$out/kernels-no-wgmma.json" --no-torch --no-wgmma \
  --only linear,linear_silu,linear_gelu | tee "$out/kernels-no-wgmma.md" || failed=1
exit $failed
