#include "runtime/cuda/kernels.h"

#include "runtime/cuda/code_choice.h"

#include <algorithm>

namespace cadenza::cuda {
namespace {

Status incompatible(const Kernel &kernel, const DeviceProperties &device, const std::string &what) {
  return Status(StatusCode::IncompatiblePlan, "kernel '" + kernel.name + "' does not fit the GPU " + device.name +
                                                  ": " + what + "; compile the plan for this GPU");
}

std::string limit(const char *what, uint64_t wanted, uint64_t allowed) {
  return std::to_string(wanted) + " " + what + ", at most " + std::to_string(allowed) + " are possible";
}

/// Looks `kernel` up and prepares it for launches with its dynamic shared memory.
StatusOr<CUfunction> prepare(Device &device, const Module &module, const Kernel &kernel) {
  CADENZA_ASSIGN_OR_RETURN(CUfunction function, module.function(kernel.name));
  int staticShared = 0, maxThreads = 0;
  CADENZA_CUDA_TRY(device, cuFuncGetAttribute, &staticShared, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, function);
  CADENZA_CUDA_TRY(device, cuFuncGetAttribute, &maxThreads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, function);
  CADENZA_RETURN_IF_ERROR(checkLimits(kernel, static_cast<uint32_t>(staticShared), device.properties()));
  if (kernel.threads > static_cast<uint32_t>(maxThreads)) // the registers it was compiled to use set this one
    return incompatible(kernel, device.properties(), limit("threads a block", kernel.threads, maxThreads));
  if (kernel.sharedBytes > 0)
    CADENZA_CUDA_TRY(device, cuFuncSetAttribute, function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                     static_cast<int>(kernel.sharedBytes));
  return function;
}

} // namespace

CUlaunchConfig launchConfig(const Kernel &kernel, CUstream stream) {
  return {.gridDimX = kernel.blocks,
          .gridDimY = 1,
          .gridDimZ = 1,
          .blockDimX = kernel.threads,
          .blockDimY = 1,
          .blockDimZ = 1,
          .sharedMemBytes = kernel.sharedBytes,
          .hStream = stream,
          .attrs = nullptr,
          .numAttrs = 0};
}

Status checkLimits(const Kernel &kernel, uint32_t staticSharedBytes, const DeviceProperties &device) {
  if (kernel.blocks == 0 || kernel.blocks > device.maxBlocks)
    return incompatible(kernel, device, limit("blocks", kernel.blocks, device.maxBlocks));
  if (kernel.threads == 0 || kernel.threads > device.maxThreads)
    return incompatible(kernel, device, limit("threads a block", kernel.threads, device.maxThreads));
  uint64_t shared = uint64_t{kernel.sharedBytes} + staticSharedBytes;
  if (shared > device.maxSharedBytes)
    return incompatible(kernel, device, limit("bytes of shared memory a block", shared, device.maxSharedBytes));
  return Status::ok();
}

StatusOr<Kernels> Kernels::load(Device &device, const Plan &plan) {
  CADENZA_ASSIGN_OR_RETURN(const CodeSection *code, chooseCode(plan.code(), device.properties(), plan.path()));
  std::string where = plan.path() + ": code section " + code->target;
  Kernels kernels;
  kernels.dependencyWaits_ = cuda::hasDependencyWaits(*code);
  CADENZA_ASSIGN_OR_RETURN(kernels.module_, Module::load(device, code->image, code->kind == ImageKind::Ptx, where));
  kernels.target_ = code->target;
  const std::vector<Division> &divisions = plan.program().divisions;
  for (const Kernel &kernel : plan.program().kernels) {
    const bool isHere = kernel.targets.empty() ||
                        std::find(kernel.targets.begin(), kernel.targets.end(), code->target) != kernel.targets.end();
    const bool isOptional =
        !kernel.targets.empty() || std::any_of(divisions.begin(), divisions.end(), [&](const Division &division) {
          return division.kernel == kernel.name ||
                 (division.longContext && division.longContext->kernel == kernel.name);
        });
    StatusOr<CUfunction> function = isHere
                                        ? prepare(device, kernels.module_, kernel)
                                        : Status(StatusCode::IncompatiblePlan,
                                                 "kernel '" + kernel.name + "' is not in the code for " + code->target);
    CUfunction drawing = nullptr;
    if (function.isOk() && kernel.phaseKind == persistentKind) {
      Kernel other = kernel;
      other.name += "_draw"; // codegen/kernels/persistent.cuh
      const StatusOr<CUfunction> prepared = prepare(device, kernels.module_, other);
      if (prepared.isOk())
        drawing = *prepared;
      else
        function = prepared.status();
    }
    if (!function.isOk() && !(isOptional && function.status().code() == StatusCode::IncompatiblePlan))
      return function.status().withPrefix(where);
    kernels.drawing_.push_back(drawing);
    kernels.functions_.push_back(function.isOk() ? *function : nullptr);
    kernels.problems_.push_back(function.status());
  }
  return kernels;
}

} // namespace cadenza::cuda
