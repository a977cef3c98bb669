// Entries of named tensors on a GPU: the kernels of the `launch` schedule, one after the other
// (runners/step_launches.h), or captured once into a CUDA graph (runners/capture.h).
#pragma once

#include "runtime/cuda/resources.h"
#include "runtime/cuda/runners/step_launches.h"
#include "runtime/cuda/storage.h"
#include "runtime/cuda/tensor_maps.h"
#include "runtime/executor.h"

#include <memory>
#include <string_view>
#include <vector>

namespace cadenza::cuda {

class CudaTensorExecutor final : public TensorExecutor {
public:
  /// `plan` must outlive the executor.
  static StatusOr<std::unique_ptr<CudaTensorExecutor>> make(const Plan &plan, int ordinal, Schedule schedule);
  ~CudaTensorExecutor() override;

  const Program &program() const override { return *program_; }
  MemoryUse memory() const override { return storage_.memory(); }
  std::string deviceName() const override;
  Schedule schedule() const override { return schedule_; }
  const Device &device() const { return *device_; }

  /// Milliseconds of a run on the GPU alone: of `runs` of them, queued one after the other between two events, on the
  /// inputs of the last run(). Inputs whose bytes a run uses for something else are copied again before each.
  StatusOr<double> timeOnDevice(std::string_view entry, int runs);
  /// How many inputs of the entry those are.
  size_t overwrittenInputs(std::string_view entry) const;

  /// Milliseconds of all kernels of the entry but those that prepare the input of a product, which a run() has left
  /// there: of `runs` times all of them, queued one after the other between two events.
  StatusOr<double> timeKernels(std::string_view entry, int runs);
  /// The name of the kernel that those launches are of. InvalidArgument if there are several.
  StatusOr<std::string> onlyKernel(std::string_view entry) const;

protected:
  Status runEntry(uint32_t entry, std::span<const std::span<const std::byte>> inputs,
                  std::span<const std::span<std::byte>> outputs) override;

private:
  struct BoundEntry {
    BoundStep step;
    TensorMaps maps;
    StepLaunches launches;
    GraphExec graph;                           // of them, in that schedule
    std::vector<PinnedBuffer> inputs, outputs; // one a port: its edge as it lies in the arena
  };

  CudaTensorExecutor() = default;
  Status load(const Plan &plan, int ordinal);
  /// All tokens of all tiles are live.
  Status writeState();
  /// An input from pinned memory to its edge.
  Status upload(uint32_t entry, size_t input);
  Status launch(uint32_t entry);
  /// The launches of an entry but those that prepare an input.
  BoundStep withoutPrepares(uint32_t entry) const;
  /// Milliseconds on the GPU of what `queue` queues.
  template <typename Queue> StatusOr<double> timeQueued(const Queue &queue);
  uint32_t indexOf(std::string_view entry) const;
  /// Inputs whose edges share bytes with something that a phase of the entry writes.
  std::vector<size_t> overwritten(uint32_t entry) const;
  Status capture(BoundEntry &entry);

  const Program *program_ = nullptr;
  Schedule schedule_ = Schedule::Auto;
  // Destroyed in reverse: the device last.
  std::shared_ptr<Device> device_;
  Stream stream_;
  Kernels kernels_;
  Storage storage_;
  std::vector<BoundEntry> entries_; // one an entry of the program; those of a decoder are left empty
};

} // namespace cadenza::cuda
