#include "runtime/api/device_choice.h"

#include <charconv>

namespace cadenza {
namespace {

constexpr std::string_view gpuPrefix = "cuda";
constexpr int maximumThreads = 4096; // as the tools'

Status unknownDevice(std::string_view device) {
  return {StatusCode::InvalidArgument, "device '" + std::string(device) + "' is not one of auto, cpu, cuda, cuda:N"};
}

/// The device of that name: what `onCpu(notice)` or `onGpu(ordinal)` makes.
template <typename OnCpu, typename OnGpu>
auto choose(std::string_view device, int threads, OnCpu onCpu, OnGpu onGpu) -> decltype(onGpu(0)) {
  if (threads < 0 || threads > maximumThreads)
    return Status(StatusCode::InvalidArgument, std::to_string(threads) + " threads; expected 0 (as many as there are " +
                                                   "cores) to " + std::to_string(maximumThreads));
  if (device == "cpu")
    return onCpu(std::string());
  if (device.starts_with(gpuPrefix)) {
    CADENZA_ASSIGN_OR_RETURN(int ordinal, gpuOrdinal(device));
    return onGpu(ordinal);
  }
  if (device != "auto")
    return unknownDevice(device);

  std::string notice;
  for (int ordinal = 0;; ++ordinal) {
    auto gpu = onGpu(ordinal);
    if (gpu.isOk())
      return gpu;
    StatusCode code = gpu.status().code();
    if (code != StatusCode::NoDevice && code != StatusCode::IncompatiblePlan)
      return gpu.status();
    if (notice.empty()) // the first GPU's reason says more than "there is no second one"
      notice = gpu.status().message();
    if (code == StatusCode::NoDevice)
      return onCpu("running on the CPU: " + notice);
  }
}

/// Which of several divisions was chosen: what the bits depend on.
void addDivision(std::string &notice, const Executor &executor, const Plan &plan) {
  const std::vector<Division> &divisions = plan.program().divisions;
  if (divisions.size() < 2)
    return;
  std::string names;
  for (const Division &division : divisions)
    names += (names.empty() ? "" : ", ") + division.name;
  const std::string chosen = executor.divisionName();
  notice += (notice.empty() ? "" : "; ") + std::string("sums in the order of division ") +
            (chosen.empty() ? divisions[0].name : chosen) + " (of " + names + ")";
}

} // namespace

StatusOr<int> gpuOrdinal(std::string_view device) {
  int ordinal = 0;
  const bool isGpu = device.starts_with(gpuPrefix);
  const std::string_view rest = device.substr(isGpu ? gpuPrefix.size() : 0);
  if (isGpu && rest.empty())
    return ordinal;
  const auto [end, problem] = std::from_chars(rest.data() + !rest.empty(), rest.data() + rest.size(), ordinal);
  if (!isGpu || rest[0] != ':' || problem != std::errc() || end != rest.data() + rest.size() || ordinal < 0)
    return unknownDevice(device);
  return ordinal;
}

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
  const auto onCpu = [&](std::string notice) -> StatusOr<ChosenDevice> {
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<Executor> executor, makeCpuExecutor(plan, options, threads));
    addDivision(notice, *executor, plan);
    return ChosenDevice{std::move(executor), nullptr, std::move(notice)};
  };
  const auto onGpu = [&](int ordinal) -> StatusOr<ChosenDevice> {
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<cuda::CudaExecutor> executor,
                             cuda::CudaExecutor::make(plan, options, ordinal));
    cuda::CudaExecutor *gpu = executor.get();
    std::string notice;
    if (!gpu->scheduleNotice().empty())
      notice = "schedule " + std::string(scheduleName(gpu->schedule())) + ": " + gpu->scheduleNotice();
    addDivision(notice, *executor, plan);
    return ChosenDevice{std::move(executor), gpu, std::move(notice)};
  };
  return choose(device, threads, onCpu, onGpu);
}

StatusOr<ChosenTensorDevice> chooseTensorDevice(std::string_view device, const Plan &plan, int threads,
                                                Schedule schedule) {
  const auto onCpu = [&](std::string notice) -> StatusOr<ChosenTensorDevice> {
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<TensorExecutor> executor, makeCpuTensorExecutor(plan, threads));
    return ChosenTensorDevice{std::move(executor), nullptr, std::move(notice)};
  };
  const auto onGpu = [&](int ordinal) -> StatusOr<ChosenTensorDevice> {
    CADENZA_ASSIGN_OR_RETURN(std::unique_ptr<TensorExecutor> executor, makeCudaTensorExecutor(plan, ordinal, schedule));
    auto *gpu = static_cast<cuda::CudaTensorExecutor *>(executor.get());
    return ChosenTensorDevice{std::move(executor), gpu, {}};
  };
  return choose(device, threads, onCpu, onGpu);
}

} // namespace cadenza
