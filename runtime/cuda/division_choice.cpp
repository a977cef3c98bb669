#include "runtime/cuda/division_choice.h"

#include <algorithm>
#include <numeric>

namespace cadenza::cuda {
namespace {

/// Whether the GPU can run all blocks of a kernel of a division at once, as they need.
Status checkRoom(Device &device, const Program &program, const Kernels &kernels, const Division &division,
                 uint32_t index) {
  CADENZA_RETURN_IF_ERROR(kernels.problem(index));
  const Kernel &kernel = program.kernels[index];
  const DeviceProperties &gpu = device.properties();
  const auto groups = static_cast<int>(division.groups), ranks = static_cast<int>(division.ranks);
  int held = 0; // groups
  if (!division.clusters) {
    int blocks = 0; // of a multiprocessor
    CADENZA_CUDA_TRY(device, cuOccupancyMaxActiveBlocksPerMultiprocessor, &blocks, kernels.function(index),
                     static_cast<int>(kernel.threads), kernel.sharedBytes);
    held = blocks * gpu.multiprocessors / ranks;
  } else if (gpu.major < 9) {
    return Status(StatusCode::IncompatiblePlan, "the persistent kernel needs thread block clusters, which the GPU " +
                                                    gpu.name + " does not have: compile with --no-clusters");
  } else {
    DivisionLaunch launch;
    prepareLaunch(kernel, division, nullptr, launch);
    const CUresult result = device.api().cuOccupancyMaxActiveClusters(&held, kernels.function(index), &launch.config);
    if (result == CUDA_ERROR_INVALID_CLUSTER_SIZE)
      held = 0; // there is no room for clusters of so many blocks
    else
      CADENZA_RETURN_IF_ERROR(device.check(result, "cuOccupancyMaxActiveClusters"));
  }
  if (held >= groups)
    return Status::ok();
  return Status(StatusCode::IncompatiblePlan,
                "the persistent kernel needs " + std::to_string(groups) + " groups of " + std::to_string(ranks) +
                    " blocks at once; the GPU " + gpu.name + " holds " + std::to_string(held) + ": compile with " +
                    (held > 0 ? "--sms=" + std::to_string(held * ranks) : "--schedule=launch"));
}

/// The same of its kernels of whole steps, and whether it can run all others that the division launches.
Status checkRoom(Device &device, const Program &program, const Kernels &kernels, const Division &division) {
  for (const PhaseOrder &order : division.orders)
    CADENZA_RETURN_IF_ERROR(kernels.problem(kernelIndex(program, order.launch.kernel)));
  if (division.longContext)
    CADENZA_RETURN_IF_ERROR(
        checkRoom(device, program, kernels, division, kernelIndex(program, division.longContext->kernel)));
  return checkRoom(device, program, kernels, division, kernelIndex(program, division.kernel));
}

} // namespace

uint32_t kernelIndex(const Program &program, const std::string &name) {
  return static_cast<uint32_t>(std::find_if(program.kernels.begin(), program.kernels.end(),
                                            [&](const Kernel &kernel) { return kernel.name == name; }) -
                               program.kernels.begin());
}

void prepareLaunch(const Kernel &kernel, const Division &division, CUstream stream, DivisionLaunch &launch) {
  CUlaunchAttribute &cooperative = launch.attributes[0], &cluster = launch.attributes[1];
  cooperative.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
  cooperative.value.cooperative = 1;
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim = {division.ranks, 1, 1};
  launch.config = launchConfig(kernel, stream);
  launch.config.attrs = launch.attributes;
  launch.config.numAttrs = division.clusters ? 2 : 1;
}

StatusOr<DivisionChoice> chooseDivision(Device &device, const Plan &plan, const Kernels &kernels,
                                        std::string_view wanted) {
  const Program &program = plan.program();
  const auto isHere = [&](const Division &division) {
    return division.targets.empty() ||
           std::find(division.targets.begin(), division.targets.end(), kernels.target()) != division.targets.end();
  };
  if (!wanted.empty()) {
    CADENZA_ASSIGN_OR_RETURN(uint32_t index, findDivision(program, wanted, plan.path()));
    if (!isHere(program.divisions[index]))
      return Status(StatusCode::IncompatiblePlan, plan.path() + ": division " + std::string(wanted) +
                                                      " is not for the code that this GPU runs, " + kernels.target());
    CADENZA_RETURN_IF_ERROR(checkRoom(device, program, kernels, program.divisions[index]));
    return DivisionChoice{index, {}};
  }
  std::vector<uint32_t> order(program.divisions.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return program.divisions[a].blocks() > program.divisions[b].blocks();
  });
  DivisionChoice choice;
  for (uint32_t index : order) {
    if (!isHere(program.divisions[index]))
      continue;
    const Status room = checkRoom(device, program, kernels, program.divisions[index]);
    if (room.isOk())
      return DivisionChoice{index, {}};
    if (room.code() != StatusCode::IncompatiblePlan)
      return room;
    choice.notice = room.message(); // that of the smallest one
  }
  if (choice.notice.empty() && !program.divisions.empty())
    choice.notice = "the persistent schedule has no division for the code that this GPU runs, " + kernels.target();
  return choice;
}

} // namespace cadenza::cuda
