// Greedy selection from a logits edge, where it is not the epilogue of the head. Arguments: [logits edge, argmax's].
#pragma once

#include "map.cuh"

namespace cadenza {

/// Config as for Map, with one input and an epilogue that ends in Argmax.
template <class Config> struct Select : Map<Config> {
  static_assert(Config::inputs::count == 1);
};

} // namespace cadenza
