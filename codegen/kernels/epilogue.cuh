// All epilogue functions, for kernels that end in a Chain. A new function is a file here, or a struct in one of these.
#pragma once

#include "argmax.cuh"
#include "chain.cuh"
#include "elementwise.cuh"
#include "kv_append.cuh"
#include "norm.cuh"
#include "rope.cuh"
