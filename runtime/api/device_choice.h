// From a device name ("auto", "cpu", "cuda:1") to an executor.
#pragma once

#include "runtime/cuda/executor.h"
#include "runtime/cuda/tensor_executor.h"
#include "runtime/plan/plan.h"

#include <memory>
#include <string>
#include <string_view>

namespace cadenza {

/// "auto", "launch", "graph" or "persistent"; "" is auto; InvalidArgument for others.
StatusOr<Schedule> parseSchedule(std::string_view name);
std::string_view scheduleName(Schedule schedule);

struct ChosenDevice {
  std::unique_ptr<Executor> executor;
  cuda::CudaExecutor *gpu = nullptr; // the executor by its own type, if it runs on a GPU
  std::string notice;                // why "auto" took the CPU, or no faster schedule; else empty
};

struct ChosenTensorDevice {
  std::unique_ptr<TensorExecutor> executor;
  cuda::CudaTensorExecutor *gpu = nullptr; // the executor by its own type, if it runs on a GPU
  std::string notice;                      // why "auto" took the CPU; else empty
};

/// The N of "cuda:N"; 0 of "cuda". InvalidArgument for others.
StatusOr<int> gpuOrdinal(std::string_view device);

/// "auto" takes the first GPU that the plan has code for, else the CPU; a GPU that has the code but fails (no memory,
/// say) is an error. `threads` is for the CPU.
StatusOr<ChosenDevice> chooseDevice(std::string_view device, const Plan &plan, const ExecutorOptions &options,
                                    int threads = 0);
/// The same for the plan's entries of named tensors. `schedule` is for a GPU.
StatusOr<ChosenTensorDevice> chooseTensorDevice(std::string_view device, const Plan &plan, int threads = 0,
                                                Schedule schedule = Schedule::Auto);

} // namespace cadenza
