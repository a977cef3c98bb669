// The launches of one step, or of a tile, with every argument resolved to a word, layer by layer: what is done once at
// load, so that a step is a loop over prepared launches.
#pragma once

#include "runtime/plan/program.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace cadenza::cuda {

/// Where everything that arguments refer to lies on the device.
struct Addresses {
  uint64_t arena = 0;
  uint64_t state = 0;
  uint64_t tokens = 0;
  uint64_t logits = 0; // 0: nobody asked
  struct Draw {
    uint64_t logits = 0; // always there
    uint64_t rows = 0;   // RowHistory [vocabulary]
    uint64_t space = 0;  // draw_space_bytes for each block of the division, for one at least
    uint64_t packets = 0;
  } draw = {}; // of steps that draw tokens or adjust logits: shared/state.h
  uint64_t context = 0;
  std::vector<uint64_t> weights; // one a weight; of a rope table: its expanded form
  std::vector<uint64_t> cacheKeys;
  std::vector<uint64_t> cacheValues;
  std::vector<uint64_t> scratch;
};

struct BoundLaunch {
  uint32_t block = 0; // of the entry
  uint32_t phase = 0;
  int64_t iteration = 0;
  int64_t token = 0;    // of the phase's edges
  uint32_t kernel = 0;  // in Program::kernels
  uint32_t blocks = 0;  // of the grid; 0: the kernel's own
  size_t firstWord = 0; // the kernel's parameter: these words of BoundStep::words
  uint32_t wordCount = 0;
};

/// A word that is the address of a tensor map, or will be: TensorMaps::place makes them.
struct MapWord {
  size_t word = 0;      // of BoundStep::words
  uint64_t address = 0; // of the tensor
  const TensorMap *map = nullptr;
};

struct BoundStep {
  std::vector<uint64_t> words;
  std::vector<MapWord> maps;         // refer to the program
  std::vector<BoundLaunch> launches; // in order; the entry's blocks, unrolled; a launch a token, of a tile one for all
  size_t headLaunch = 0;             // launches from this one on belong to the head of a decoder's entry
};

/// The weight (or cache, scalar, with their tables) that `ref` means in `iteration`.
inline uint32_t resolve(const Ref &ref, const std::vector<Table> &tables, int64_t iteration) {
  return ref.perLayer ? tables[ref.index][static_cast<size_t>(iteration)] : ref.index;
}

/// The launches of an entry, by its index, in code for `target`. Errors: IncompatiblePlan for a phase without a kernel,
/// InvalidPlan for one whose kernel the program does not list.
StatusOr<BoundStep> bindEntry(const Program &program, uint32_t entry, const Addresses &addresses,
                              std::string_view target = {});
/// The same for the step of a decoder.
inline StatusOr<BoundStep> bindStep(const Program &program, const Addresses &addresses) {
  return bindEntry(program, program.decoder->entry, addresses);
}

} // namespace cadenza::cuda
