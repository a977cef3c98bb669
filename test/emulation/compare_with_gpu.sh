#!/bin/sh
# The same kernels on a GPU and under the emulation, both against async_reference.h.
#
#   test/emulation/compare_with_gpu.sh FOLDER [ARCHITECTURE]
#
# builds into FOLDER, with nvcc, for sm_90 unless ARCHITECTURE says otherwise, and runs the comparison if there is a GPU.
# FOLDER may be carried to another machine: FOLDER/compare_with_gpu FOLDER sm_90 [REPEATS].
# Under the emulation: LD_LIBRARY_PATH=build/dev/lib/emulation FOLDER/compare_with_gpu FOLDER so [REPEATS].
set -eu
folder=$1
architecture=${2:-sm_90}
root=$(cd "$(dirname "$0")/../.." && pwd)
kernels=$root/test/emulation/kernels
mkdir -p "$folder"
"${CXX:-g++}" -std=c++20 -O2 -Wall -Wextra -I"$root" "$root/test/emulation/compare_with_gpu.cpp" -static-libstdc++ \
  -static-libgcc -ldl -o "$folder/compare_with_gpu"
for name in async cluster; do
  "${CXX:-g++}" -std=c++20 -O2 -shared -fPIC -fvisibility=hidden -fno-gnu-unique -ffp-contract=off -Wno-unknown-pragmas \
    -DCADENZA_HOST -I"$root/codegen/kernels" -I"$root/runtime" -x c++ "$kernels/$name.cu" -o "$folder/$name.so"
  case $name:$architecture in cluster:sm_8*) continue ;; esac
  "${NVCC:-nvcc}" -std=c++20 -arch="$architecture" -I"$root/codegen/kernels" -I"$root/runtime" -cubin "$kernels/$name.cu" \
    -o "$folder/$name.$architecture"
done
if command -v nvidia-smi >/dev/null && nvidia-smi -L >/dev/null 2>&1; then
  timeout 300 "$folder/compare_with_gpu" "$folder" "$architecture" 20
fi
