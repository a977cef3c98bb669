// Shapes that the tests of the persistent schedule share.
#pragma once

#include "compiler/schedule/persistent.h"

namespace cadenza {

inline const PersistentModel qwen3Small = {
    .layers = 28, .hidden = 1024, .heads = 16, .kvHeads = 8, .headDim = 128, .units = 3072, .vocabulary = 151936};
inline const PersistentModel llama1B = {
    .layers = 16, .hidden = 2048, .heads = 32, .kvHeads = 8, .headDim = 64, .units = 8192, .vocabulary = 128256};
inline const PersistentDevice h100 = {.groups = 15, .ranks = 8, .warps = 8, .sharedBytes = 232448};

/// Fewer layers and blocks: what a verifier can walk through in no time.
inline const PersistentModel tiny = {
    .layers = 3, .hidden = 64, .heads = 4, .kvHeads = 2, .headDim = 16, .units = 136, .vocabulary = 131};
inline const PersistentDevice tinyDevice = {.groups = 3, .ranks = 2, .warps = 4, .sharedBytes = 232448};

} // namespace cadenza
