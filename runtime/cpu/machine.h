// The memory that a program runs in: everything a phase may read or write. Made once; nothing here grows afterwards.
#pragma once

#include "runtime/cpu/buffer.h"
#include "runtime/cpu/sampler.h"
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
  Sampling sampling;           // its rows are `history`
  std::vector<RowHistory> history;
  Sampler sampler;
  ThreadPool pool;
  int64_t iteration = 0; // of the block that is running: what per-layer references see

  uint32_t weightIndex(Ref ref) const { return ref.perLayer ? program.weightTables[ref.index][iteration] : ref.index; }
  uint32_t cacheIndex(Ref ref) const { return ref.perLayer ? program.cacheTables[ref.index][iteration] : ref.index; }

  int64_t scalar(Ref ref) const {
    return program.scalars[ref.perLayer ? program.scalarTables[ref.index][iteration] : ref.index].value;
  }

  const Weight &weight(Ref ref) const { return program.weights[weightIndex(ref)]; }
  const std::byte *weightData(Ref ref) const { return weightSection.data() + weight(ref).offset; }
  /// Encoding vector: `rows` floats.
  const float *vector(Ref ref) const { return reinterpret_cast<const float *>(weightData(ref)); }
  /// Encoding rope_table: `rows` (cos, sin) pairs of a position.
  const float *ropeRow(Ref ref, int64_t position) const {
    const uint32_t index = weightIndex(ref);
    const std::vector<float> &table =
        isLong && !longRopeTables[index].empty() ? longRopeTables[index] : ropeTables[index];
    return table.data() + position * weight(ref).rows * 2;
  }

  /// Widens elements of a token of an edge, from `first` on, to fp32.
  void readEdge(uint32_t edge, int64_t token, std::span<float> out, int64_t first = 0) const;
  /// Rounds fp32 values to the edge's type and stores them as a token of it.
  void writeEdge(uint32_t edge, int64_t token, std::span<const float> values);

  MemoryUse memoryUse() const;
};

/// What a phase runs for: a token of its edges, in the machine. Threads run a phase for several tokens at once, so
/// nothing that a token shares with others may change meanwhile.
struct Token {
  Machine &machine;
  int64_t index = 0;    // on the phase's edges
  int64_t position = 0; // in the sequence; 0 without a decoder

  void readEdge(uint32_t edge, std::span<float> out, int64_t first = 0) const {
    machine.readEdge(edge, index, out, first);
  }
  void writeEdge(uint32_t edge, std::span<const float> values) const { machine.writeEdge(edge, index, values); }
};

/// What is left of `values` once they were stored as `dtype`.
void roundThrough(DType dtype, std::span<float> values);

} // namespace cadenza::cpu
