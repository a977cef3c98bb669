// What runs steps on a GPU. A CudaExecutor owns everything that steps work on and knows which step comes next; its
// runner decides how that step's kernels get to the GPU:
//
//   launch       one call of the driver a kernel
//   persistent   one call for many steps, which one kernel runs
//
// Runners choose when and where, never what: all of them give the same bits.
#pragma once

#include "runtime/cuda/runners/step_launches.h"
#include "runtime/executor.h"

#include <memory>
#include <string>

namespace cadenza::cuda {

/// What a runner works on. All of it is the executor's and stays where it is while the runner lives.
struct RunnerContext {
  Device &device;
  CUstream stream;
  const Program &program;
  const Kernels &kernels;
  const Addresses &addresses;
  const BoundStep &step;
  StepLaunches &launches;
  int32_t *hostTokens; // [context + 1], page-locked: given tokens, then those that arrived, 0 elsewhere
};

/// The context is current in every call. Errors are those of the driver, unless something else is said.
class Runner {
public:
  virtual ~Runner() = default;
  virtual Schedule schedule() const = 0;

  /// A sequence begins at `position`. Nothing is queued; what was stopped or collected is forgotten.
  virtual void begin(int64_t position) = 0;

  /// The step that processes `position`: queues it, or keeps it to queue it together with those that follow.
  virtual Status enqueue(int64_t position, bool withHead) = 0;
  /// Queues what was kept.
  virtual Status flush() { return Status::ok(); }

  /// The kernels of the step at `position`, head included, were queued one by one from outside (StepLaunches).
  /// InvalidArgument if the schedule has no such kernels.
  virtual Status enqueued(int64_t position) = 0;

  /// The token at `position`, which a step given to `enqueue` selects; waits for it. 0 if a stop token came before it.
  virtual StatusOr<int32_t> await(int64_t position) = 0;

  /// As Executor::stepsAhead and Executor::stop.
  virtual int64_t stepsAhead() const = 0;
  virtual void stop() {}

  /// What the device was doing when a fault came, if the runner can tell, or "".
  virtual std::string explainFault() const { return ""; }
};

} // namespace cadenza::cuda
