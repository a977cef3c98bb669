#include "runtime/bench/graph.h"

#include "runtime/api/device_choice.h"
#include "runtime/bench/statistics.h"

#include <chrono>

namespace cadenza::bench {
namespace {

GraphBenchResult describe(const Plan &plan, const Entry &entry, const ChosenTensorDevice &target,
                          const std::vector<GraphInput> &inputs) {
  GraphBenchResult result;
  result.model = plan.program().model.name;
  result.weights = plan.program().model.weights;
  result.entry = entry.name;
  result.device = target.executor->deviceName();
  result.origin = originOf(plan);
  result.memory = target.executor->memory();
  for (const GraphInput &input : inputs)
    result.inputs.push_back({input.name, nn::text(input.value), input.values});
  if (target.gpu) {
    result.schedule = scheduleName(target.gpu->schedule());
    const cuda::DeviceProperties &device = target.gpu->device().properties();
    result.device = device.name;
    result.driver = driverText(device.driverVersion);
    result.emulated = device.emulated;
  }
  return result;
}

StatusOr<double> timeRun(TensorExecutor &executor, const std::string &entry, const Tensors &inputs) {
  const auto start = std::chrono::steady_clock::now();
  CADENZA_RETURN_IF_ERROR(executor.run(entry, inputs).status());
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
}

GraphBenchResult::Times summarizeTimes(const std::vector<double> &milliseconds) {
  return {quantile(milliseconds, 0.5), quantile(milliseconds, 0.1), quantile(milliseconds, 0.9)};
}

Status measureOnDevice(cuda::CudaTensorExecutor &gpu, GraphBenchResult &result) {
  result.deviceRepeats = result.emulated ? 2 : 20; // the emulated device's times mean nothing, and are long
  result.deviceRuns = result.emulated ? 1 : 50;
  std::vector<double> times;
  for (int i = 0; i < result.deviceRepeats; ++i) {
    CADENZA_ASSIGN_OR_RETURN(const double milliseconds, gpu.timeOnDevice(result.entry, result.deviceRuns));
    times.push_back(milliseconds);
  }
  result.onDevice = summarizeTimes(times);
  result.copiedAgain = gpu.overwrittenInputs(result.entry);
  return Status::ok();
}

} // namespace

StatusOr<GraphBenchResult> measureGraph(const Plan &plan, const std::string &device, const GraphBenchOptions &options,
                                        const std::function<void(const std::string &)> &progress) {
  if (options.runs < 1 || options.warmup < 0)
    return Status(StatusCode::InvalidArgument, "at least one run is needed");
  const Program &program = plan.program();
  CADENZA_ASSIGN_OR_RETURN(const uint32_t index, findTensorEntry(program, options.entry, plan.path()));
  const Entry &entry = program.entries[index];
  CADENZA_ASSIGN_OR_RETURN(const std::vector<GraphInput> made, graphInputs(program, entry, options.inputs));
  Tensors inputs;
  for (const GraphInput &input : made)
    inputs[input.name] = input.value;
  CADENZA_ASSIGN_OR_RETURN(const Schedule schedule, parseSchedule(options.schedule));
  progress("loading");
  CADENZA_ASSIGN_OR_RETURN(ChosenTensorDevice target, chooseTensorDevice(device, plan, /*threads=*/0, schedule));
  if (!target.notice.empty())
    progress(target.notice);
  GraphBenchResult result = describe(plan, entry, target, made);
  result.runs = options.runs;
  result.warmup = options.warmup;
  progress(std::to_string(options.warmup) + " and " + std::to_string(options.runs) + " runs");
  std::vector<double> times;
  for (int i = 0; i < options.warmup + options.runs; ++i) {
    CADENZA_ASSIGN_OR_RETURN(const double milliseconds, timeRun(*target.executor, entry.name, inputs));
    if (i >= options.warmup)
      times.push_back(milliseconds);
  }
  result.times = summarizeTimes(times);
  if (target.gpu) {
    progress("the GPU alone");
    CADENZA_RETURN_IF_ERROR(measureOnDevice(*target.gpu, result));
  }
  return result;
}

} // namespace cadenza::bench
