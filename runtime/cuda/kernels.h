// A plan's code section on the GPU: the loaded module, and each kernel checked against what the GPU allows.
#pragma once

#include "runtime/cuda/resources.h"
#include "runtime/plan/plan.h"

#include <vector>

namespace cadenza::cuda {

class Kernels {
public:
  /// Chooses and loads a code section. Errors: IncompatiblePlan (no section for this GPU; a grid, block or shared
  /// memory that it does not allow, naming the kernel and the limit), InvalidPlan (damaged code, a missing kernel). A
  /// kernel that only a division of the persistent schedule needs may be one that the GPU does not allow.
  static StatusOr<Kernels> load(Device &device, const Plan &plan);

  CUfunction function(uint32_t kernel) const { return functions_[kernel]; }
  /// Of a persistent kernel: that which draws tokens, too.
  CUfunction drawing(uint32_t kernel) const { return drawing_[kernel]; }
  /// Why a kernel cannot be launched here, if that is so.
  const Status &problem(uint32_t kernel) const { return problems_[kernel]; }
  /// Of the chosen section: "sm_90".
  const std::string &target() const { return target_; }
  /// As of the chosen section.
  bool hasDependencyWaits() const { return dependencyWaits_; }

private:
  Module module_;
  std::vector<CUfunction> functions_; // one an entry of Program::kernels; null where there is a problem
  std::vector<CUfunction> drawing_;   // the same, of persistent kernels
  std::vector<Status> problems_;
  std::string target_;
  bool dependencyWaits_ = false;
};

/// A launch of `kernel` into `stream`, without attributes.
CUlaunchConfig launchConfig(const Kernel &kernel, CUstream stream);

/// Whether a launch of `kernel` with `staticSharedBytes` on top of its dynamic shared memory is one that `device`
/// allows.
Status checkLimits(const Kernel &kernel, uint32_t staticSharedBytes, const DeviceProperties &device);

} // namespace cadenza::cuda
