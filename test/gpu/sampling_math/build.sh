#!/bin/sh
# build.sh PROGRAM: see host.cpp. Needs nvcc (NVCC, /usr/local/cuda by default) and g++.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
nvcc=${NVCC:-/usr/local/cuda/bin/nvcc}
"$nvcc" -std=c++20 -O2 -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90,code=[sm_90,compute_90] \
  -I"$here/../../.." -c "$here/device.cu" -o "$work/device.o"
g++ -std=c++20 -O2 -mfma -ffp-contract=off -Wall -Wextra -I"$here/../../.." -c "$here/host.cpp" -o "$work/host.o"
"$nvcc" -cudart static "$work/device.o" "$work/host.o" -o "$1"
