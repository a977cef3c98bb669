// The memory that a program runs in: everything a phase may read or write. Made once; nothing here grows afterwards.
#pragma once

#include "runtime/cpu/buffer.h"
#include "runtime/cpu/thread_pool.h"
#include "runtime/decode/values.h"
#include "runtime/executor.h"
#include "runtime/plan/program.h"
#include "runtime/shared/state.h"
#include "runtime/support/status.h"

#include <span>
#include <vector>

namespace cadenza::cpu {

/// Keys and values of one layer, each [kv_heads][positions][head_dim] in the cache's type; position p lies at p mod
/// positions.
struct CacheStorage {
  Buffer keys;
  Buffer values;
  int64_t positions = 0;
};

struct Machine {
  Machine(Program program, std::span<const std::byte> weightSection, int64_t context, bool keepLogits, int threads);

  const Program program;
  const std::span<const std::byte> weightSection;
  const int64_t context;

  std::vector<std::vector<float>> ropeTables; // by weight: [context][rows][2], empty for other encodings
  /// Likewise for long sequences; empty for a table that has no longAfter, or no context to get there.
  std::vector<std::vector<float>> longRopeTables;
  bool isLong = false;              // the sequence, so that the latter are what it rotates by, where there are any
  std::vector<CacheStorage> caches; // by cache
  Buffer arena;                     // edges
  DecodeState state{};
  std::vector<int32_t> tokens; // [context + 1]
  std::vector<float> logits;   // [vocabulary], or empty if nobody asked
  ThreadPool pool;
  int64_t iteration = 0; // of the block that is running: what per-layer references see
  int64_t token = 0;     // of the phase that is running: what its edges are read and written at

  uint32_t weightIndex(Ref ref) const { return ref.perLayer ? program.weightTables[ref.index][iteration] : ref.index; }
  uint32_t cacheIndex(Ref ref) const { return ref.perLayer ? program.cacheTables[ref.index][iteration] : ref.index; }

  int64_t scalar(Ref ref) const {
    return program.scalars[ref.perLayer ? program.scalarTables[ref.index][iteration] : ref.index].value;
  }

  const Weight &weight(Ref ref) const { return program.weights[weightIndex(ref)]; }
  const std::byte *weightData(Ref ref) const { return weightSection.data() + weight(ref).offset; }
  /// Encoding vector: `rows` floats.
  const float *vector(Ref ref) const { return reinterpret_cast<const float *>(weightData(ref)); }
  /// Encoding rope_table: `rows` (cos, sin) pairs of the current position.
  const float *ropeRow(Ref ref) const {
    const uint32_t index = weightIndex(ref);
    const std::vector<float> &table =
        isLong && !longRopeTables[index].empty() ? longRopeTables[index] : ropeTables[index];
    return table.data() + state.position * weight(ref).rows * 2;
  }

  /// Widens the current token of an edge to fp32; `out` has its number of elements.
  void readEdge(uint32_t edge, std::span<float> out) const;
  /// Rounds fp32 values to the edge's type and stores them as the current token.
  void writeEdge(uint32_t edge, std::span<const float> values);

  MemoryUse memoryUse() const;
};

/// What is left of `values` once they were stored as `dtype`.
void roundThrough(DType dtype, std::span<float> values);

} // namespace cadenza::cpu
