#include "runtime/api/device_choice.h"

#include <charconv>

namespace cadenza {
namespace {

constexpr std::string_view gpuPrefix = "cuda";
constexpr int maximumThreads = 4096; // as the tools'

StatusOr<ChosenDevice> onCpu(const Plan &plan, const ExecutorOptions &options, int threads, std::string notice) {
  CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<Executor> executor, makeCpuExecutor(plan, options, threads));
  return ChosenDevice{std::move(executor), nullptr, std::move(notice)};
}

StatusOr<ChosenDevice> onGpu(const Plan &plan, const ExecutorOptions &options, int ordinal) {
  CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<cuda::CudaExecutor> executor,
                           cuda::CudaExecutor::make(plan, options, ordinal));
  cuda::CudaExecutor *gpu = executor.get();
  std::string notice;
  if (!gpu->scheduleNotice().empty())
    notice = "schedule " + std::string(scheduleName(gpu->schedule())) + ": " + gpu->scheduleNotice();
  return ChosenDevice{std::move(executor), gpu, std::move(notice)};
}

/// The N of "cuda:N"; 0 for "cuda".
StatusOr<int> gpuOrdinal(std::string_view device) {
  int ordinal = 0;
  std::string_view rest = device.substr(gpuPrefix.size());
  if (rest.empty())
    return ordinal;
  auto [end, problem] = std::from_chars(rest.data() + 1, rest.data() + rest.size(), ordinal);
  if (rest[0] != ':' || problem != std::errc() || end != rest.data() + rest.size() || ordinal < 0)
    return Status(StatusCode::InvalidArgument,
                  "device '" + std::string(device) + "' is not one of auto, cpu, cuda, cuda:N");
  return ordinal;
}

} // namespace

StatusOr<Schedule> parseSchedule(std::string_view name) {
  if (name.empty())
    return Schedule::Auto;
  for (Schedule schedule : {Schedule::Auto, Schedule::Launch, Schedule::Graph, Schedule::Persistent})
    if (name == scheduleName(schedule))
      return schedule;
  return Status(StatusCode::InvalidArgument,
                "schedule '" + std::string(name) + "' is not auto, launch, graph or persistent");
}

std::string_view scheduleName(Schedule schedule) {
  switch (schedule) {
  case Schedule::Auto:
    return "auto";
  case Schedule::Launch:
    return "launch";
  case Schedule::Graph:
    return "graph";
  case Schedule::Persistent:
    return "persistent";
  }
  return "unknown";
}

StatusOr<ChosenDevice> chooseDevice(std::string_view device, const Plan &plan, const ExecutorOptions &options,
                                    int threads) {
  if (threads < 0 || threads > maximumThreads)
    return Status(StatusCode::InvalidArgument, std::to_string(threads) + " threads; expected 0 (as many as there are " +
                                                   "cores) to " + std::to_string(maximumThreads));
  if (device == "cpu")
    return onCpu(plan, options, threads, {});
  if (device.starts_with(gpuPrefix)) {
    CADENZA_ASSIGN_OR_RETURN(int ordinal, gpuOrdinal(device));
    return onGpu(plan, options, ordinal);
  }
  if (device != "auto")
    return Status(StatusCode::InvalidArgument,
                  "device '" + std::string(device) + "' is not one of auto, cpu, cuda, cuda:N");

  std::string notice;
  for (int ordinal = 0;; ++ordinal) {
    StatusOr<ChosenDevice> gpu = onGpu(plan, options, ordinal);
    if (gpu.isOk())
      return gpu;
    StatusCode code = gpu.status().code();
    if (code != StatusCode::NoDevice && code != StatusCode::IncompatiblePlan)
      return gpu.status();
    if (notice.empty()) // the first GPU's reason says more than "there is no second one"
      notice = gpu.status().message();
    if (code == StatusCode::NoDevice)
      return onCpu(plan, options, threads, "running on the CPU: " + notice);
  }
}

} // namespace cadenza
