// Entries of named tensors on a GPU: the kernels of the `launch` schedule, one after the other
// (runners/step_launches.h).
#pragma once

#include "runtime/cuda/runners/step_launches.h"
#include "runtime/cuda/storage.h"
#include "runtime/executor.h"

#include <memory>
#include <vector>

namespace cadenza::cuda {

class CudaTensorExecutor final : public TensorExecutor {
public:
  /// `plan` must outlive the executor.
  static StatusOr<std::unique_ptr<CudaTensorExecutor>> make(const Plan &plan, int ordinal);
  ~CudaTensorExecutor() override;

  const Program &program() const override { return *program_; }
  MemoryUse memory() const override { return storage_.memory(); }
  std::string deviceName() const override;

protected:
  Status runEntry(uint32_t entry, std::span<const std::span<const float>> inputs,
                  std::span<const std::span<float>> outputs) override;

private:
  struct BoundEntry {
    BoundStep step;
    StepLaunches launches;
    std::vector<PinnedBuffer> inputs, outputs; // one a port: its edge as it lies in the arena
  };

  CudaTensorExecutor() = default;
  Status load(const Plan &plan, int ordinal);

  const Program *program_ = nullptr;
  // Destroyed in reverse: the device last.
  std::shared_ptr<Device> device_;
  Stream stream_;
  Kernels kernels_;
  Storage storage_;
  std::vector<BoundEntry> entries_; // one an entry of the program; the decoder's step is left empty
};

} // namespace cadenza::cuda
