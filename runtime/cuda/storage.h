// Everything that a plan needs in device memory, allocated once at load: weights, rope tables, KV cache, activations,
// scratch, tokens, decode state, logits.
#pragma once

#include "runtime/cuda/resources.h"
#include "runtime/cuda/step_binding.h"
#include "runtime/executor.h"

#include <memory>
#include <vector>

namespace cadenza::cuda {

class Storage {
public:
  /// Allocates for `context` positions, uploads the weights while their checksums are verified, expands rope tables and
  /// zeroes the rest. Everything has arrived when it returns. `blocks`: of the division that steps may run in; 0: none.
  static StatusOr<Storage> load(Device &device, CUstream stream, const Plan &plan, int64_t context, bool logits,
                                uint32_t blocks);

  /// Writes seeded keys and values to positions [0, length) of every cache, or of those only that do not keep all
  /// positions.
  Status fillCaches(Device &device, CUstream stream, const Program &program, int64_t length, uint64_t seed,
                    bool ringsOnly);

  /// Queues copies of the tables of a long sequence, or of a short one, to where kernels read them, unless they are
  /// there.
  Status chooseRopeTables(Device &device, CUstream stream, bool isLong);

  const Addresses &addresses() const { return addresses_; }
  const MemoryUse &memory() const { return memory_; }
  const DeviceBuffer &weights() const { return weights_; }

private:
  StatusOr<uint64_t> allocate(Device &device, uint64_t bytes, std::string_view what, uint64_t MemoryUse::*purpose);
  Status allocateCaches(Device &device, const Program &program, int64_t context);
  Status uploadWeights(Device &device, CUstream stream, const Plan &plan);
  Status uploadRopeTables(Device &device, CUstream stream, const Plan &plan, int64_t context);
  Status zero(Device &device, CUstream stream);

  /// A RoPE table of which there are two: what kernels read is at `address`.
  struct TwoTables {
    uint64_t address = 0;
    PinnedBuffer both; // the table of short sequences, then that of long ones
  };

  DeviceBuffer weights_;
  std::vector<DeviceBuffer> buffers_; // all but the weights
  std::vector<TwoTables> twoTables_;
  bool isLong_ = false; // which of them is at `address`
  Addresses addresses_;
  MemoryUse memory_;
};

} // namespace cadenza::cuda
