// What runs steps on a GPU. A CudaExecutor owns everything that steps work on and knows which step comes next; its
// runner decides how that step's kernels get to the GPU:
//
//   launch       one call of the driver a kernel
//   graph        one call for several steps, whose kernels were captured once
//   persistent   one call for many steps, which one kernel runs
//
// Runners choose when and where, never what: all of them give the same bits.
#pragma once

#include "runtime/cuda/arrivals.h"
#include "runtime/cuda/runners/step_launches.h"
#include "runtime/executor.h"
#include "runtime/shared/state.h"

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
  Arrivals &arrivals;
  int32_t *hostTokens;      // [context + 1], page-locked: given tokens, then those that arrived, 0 elsewhere
  HostControl &control;     // page-locked
  const Division *division; // in whose order the program sums; null: in the order that its phases carry
};

/// The context is current in every call. Errors are those of the driver, unless something else is said.
class Runner {
public:
  virtual ~Runner() = default;
  virtual Schedule schedule() const = 0;

  /// A sequence begins; nothing is queued. Forgets what was kept. Tokens are the most likely ones.
  virtual void begin() {}
  /// Nothing is queued yet. Whether SequenceState::sampling says anything else.
  virtual void sample(bool) {}

  /// The step that processes `position`: queues it, or keeps it to queue it together with those that follow. Arrivals
  /// learn of what was queued.
  virtual Status enqueue(int64_t position, bool withHead) = 0;
  /// Queues what was kept.
  virtual Status flush() { return Status::ok(); }

  /// As Executor::stepsAhead and Executor::stop.
  virtual int64_t stepsAhead() const = 0;
  virtual Status stop() = 0;

  /// Calls of the driver that launch something, a step with head, where steps follow each other.
  virtual double hostLaunchesPerToken() const = 0;

  /// What the device was doing when a fault came, if the runner can tell, or "".
  virtual std::string explainFault() const { return ""; }
};

} // namespace cadenza::cuda
