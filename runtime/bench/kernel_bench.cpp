#include "runtime/bench/kernel_bench.h"

#include "runtime/api/device_choice.h"
#include "runtime/bench/compile_tool.h"
#include "runtime/bench/graph_inputs.h"
#include "runtime/support/encoding_name.h"
#include "runtime/support/profile_range.h"

#include <algorithm>
#include <cmath>

namespace cadenza::bench {
namespace {

constexpr int64_t mostSets = 256;
constexpr int launchesARepeat = 200; // at least

using Progress = std::function<void(const std::string &)>;

std::vector<std::string> compilerOptions(const KernelCase &kernel) {
  std::vector<std::string> options;
  if (kernel.isPacked())
    options.push_back("--encode=" + kernel.encoding);
  if (!kernel.wgmma)
    options.push_back("--no-wgmma");
  return options;
}

/// The bytes of the matrix of a set, as the plan stores it.
uint64_t matrixBytes(const Plan &plan) {
  const std::vector<Weight> &weights = plan.program().weights;
  return weights.empty() ? 0 : weights.front().bytes;
}

/// One that is measured: its plan, loaded on the GPU.
class Measurement {
public:
  Measurement(const KernelCase &kernel, const Plan &plan, cuda::CudaTensorExecutor &gpu, int64_t sets)
      : kernel_(kernel), plan_(plan), gpu_(gpu), sets_(sets) {}

  StatusOr<KernelResult> run(int repeats, const Progress &progress) {
    KernelResult result{.kernel = kernel_, .sets = sets_, .origin = originOf(plan_)};
    CADENZA_ASSIGN_OR_RETURN(result.name, gpu_.onlyKernel("time"));
    CADENZA_ASSIGN_OR_RETURN(const std::string checked, gpu_.onlyKernel("check"));
    if (checked != result.name)
      return Status(StatusCode::Internal, "kernel '" + checked + "' is checked, '" + result.name + "' is timed");
    result.bytes = matrixBytes(plan_) + kernel_.activationBytes();
    progress("checking");
    CADENZA_ASSIGN_OR_RETURN(result.error, check());
    progress("timing");
    const int runs = gpu_.device().properties().emulated ? 1 : std::max(1, launchesARepeat / static_cast<int>(sets_));
    const ProfileRange range(result.name);
    std::vector<double> times;
    for (int i = 0; i <= repeats; ++i) { // the first one warms up
      CADENZA_ASSIGN_OR_RETURN(const double milliseconds, gpu_.timeKernels("time", runs));
      if (i > 0)
        times.push_back(milliseconds * 1e3 / static_cast<double>(sets_));
    }
    result.microseconds = summarize(times);
    return result;
  }

private:
  StatusOr<Tensors> inputsOf(const std::string &name) const {
    CADENZA_ASSIGN_OR_RETURN(const uint32_t entry, findTensorEntry(plan_.program(), name, plan_.path()));
    CADENZA_ASSIGN_OR_RETURN(std::vector<GraphInput> made,
                             graphInputs(plan_.program(), plan_.program().entries[entry], {}));
    Tensors inputs;
    for (GraphInput &input : made)
      inputs[input.name] = std::move(input.value);
    return inputs;
  }

  /// Compares the kernel with the CPU executor, and what is timed with the kernel: its first set gives the same bits.
  StatusOr<double> check() {
    CADENZA_ASSIGN_OR_RETURN(const Tensors inputs, inputsOf("check"));
    CADENZA_ASSIGN_OR_RETURN(Tensors result, gpu_.run("check", inputs));
    double error = 0;
    {
      CADENZA_ASSIGN_OR_RETURN(const std::unique_ptr<TensorExecutor> cpu, makeCpuTensorExecutor(plan_));
      CADENZA_ASSIGN_OR_RETURN(const Tensors reference, cpu->run("check", inputs));
      CADENZA_ASSIGN_OR_RETURN(error, compareToReference(result.at("y"), reference.at("y")));
    }
    CADENZA_ASSIGN_OR_RETURN(Tensors all, inputsOf("time"));
    for (const auto &[name, value] : inputs)
      all[name + "0"] = value;
    CADENZA_ASSIGN_OR_RETURN(const Tensors timed, gpu_.run("time", all));
    if (timed.at("y0").bytes != result.at("y").bytes)
      return Status(StatusCode::NumericMismatch, "the kernel gives other bits where it is timed than alone");
    return error;
  }

  const KernelCase &kernel_;
  const Plan &plan_;
  cuda::CudaTensorExecutor &gpu_;
  const int64_t sets_;
};

std::string describe(const KernelCase &kernel) {
  return std::string(kernelKindName(kernel.kind)) + " " + kernel.shapeText() +
         (kernel.kind == KernelKind::Attention ? (kernel.causal ? ", causal" : "") : ", " + kernel.encoding);
}

/// Bytes that a set has of its own, before there is a plan.
uint64_t ownBytes(const KernelCase &kernel) {
  uint64_t matrix = 0;
  if (kernel.kind != KernelKind::Attention) {
    const std::optional<Encoding> encoding = encodingNamed(kernel.encoding);
    const auto rows = static_cast<uint64_t>(kernel.shape[1]), columns = static_cast<uint64_t>(kernel.shape[2]);
    matrix = encoding ? matrix_bytes(format_of(*encoding), rows, columns) : 2 * rows * columns;
  }
  return matrix + kernel.activationBytes() - kernel.sharedBytes();
}

StatusOr<std::shared_ptr<const Plan>> compile(const KernelCase &kernel, int64_t sets) {
  DeferSignals signals; // until the folder is gone
  CADENZA_ASSIGN_OR_RETURN(const TemporaryFolder folder, TemporaryFolder::make("cadenza-bench"));
  CADENZA_ASSIGN_OR_RETURN(const std::string path,
                           compileGraph(kernelGraph(kernel, sets), compilerOptions(kernel), folder, signals));
  return Plan::open(path); // which stays mapped
}

StatusOr<KernelResult> measureKernel(const KernelCase &kernel, const std::string &device, uint64_t l2Bytes,
                                     const KernelBenchOptions &options, KernelBenchResult &of,
                                     const Progress &progress) {
  const auto say = [&](const std::string &what) { progress(describe(kernel) + ": " + what); };
  const int64_t sets = of.emulated ? 2 : rotatingSets(ownBytes(kernel), l2Bytes);
  say("compiling, " + std::to_string(sets) + " sets of operands");
  CADENZA_ASSIGN_OR_RETURN(const std::shared_ptr<const Plan> plan, compile(kernel, sets));
  CADENZA_ASSIGN_OR_RETURN(const Schedule schedule, parseSchedule(options.schedule));
  CADENZA_ASSIGN_OR_RETURN(ChosenTensorDevice target, chooseTensorDevice(device, *plan, /*threads=*/0, schedule));
  of.schedule = scheduleName(target.gpu->schedule());
  return Measurement(kernel, *plan, *target.gpu, sets).run(options.repeats, say);
}

} // namespace

int64_t rotatingSets(uint64_t bytes, uint64_t l2Bytes) {
  const uint64_t wanted = 4 * l2Bytes;
  return std::clamp<int64_t>(static_cast<int64_t>((wanted + bytes - 1) / bytes), 2, mostSets);
}

StatusOr<double> compareToReference(const Tensor &result, const Tensor &reference) {
  // Results of 16 bits are off by 2^-9 of themselves at most, twice; weights of attention are rounded, too.
  constexpr double mostError = 0.01, mostOfElement = 0.1;
  const std::vector<float> values = floatsOf(result), expected = floatsOf(reference);
  if (values.size() != expected.size())
    return Status(StatusCode::NumericMismatch, "the kernel gives " + std::to_string(values.size()) +
                                                   " elements, the reference " + std::to_string(expected.size()));
  double square = 0, difference = 0, largest = 0;
  size_t where = 0;
  for (size_t i = 0; i < values.size(); ++i) {
    const double off = static_cast<double>(values[i]) - expected[i];
    if (!std::isfinite(off))
      return Status(StatusCode::NumericMismatch, "element " + std::to_string(i) + " is " + std::to_string(values[i]) +
                                                     ", of the reference " + std::to_string(expected[i]));
    square += static_cast<double>(expected[i]) * expected[i];
    difference += off * off;
    // Beside a step of a bf16 of that size, to which both were rounded.
    if (const double beyond = std::abs(off) - std::abs(expected[i]) / 128; beyond > largest) {
      largest = beyond;
      where = i;
    }
  }
  const double size = std::sqrt(square / static_cast<double>(values.size())),
               error = std::sqrt(difference / static_cast<double>(values.size()));
  if (size == 0)
    return Status(StatusCode::NumericMismatch, "the reference is 0 everywhere, which shows nothing");
  if (error > mostError * size || largest > mostOfElement * size)
    return Status(StatusCode::NumericMismatch,
                  "the kernel is off by " + std::to_string(error / size) + " of the reference, at element " +
                      std::to_string(where) + " by " + std::to_string(largest / size) + ": " +
                      std::to_string(values[where]) + ", not " + std::to_string(expected[where]));
  return error / size;
}

StatusOr<KernelBenchResult> measureKernels(const std::string &device, const KernelBenchOptions &options,
                                           const Progress &progress) {
  CADENZA_ASSIGN_OR_RETURN(const std::vector<KernelCase> cases, kernelCases(options.kernels));
  if (options.repeats < 1)
    return Status(StatusCode::InvalidArgument, "--repeat: at least one is needed");
  if (device == "cpu")
    return Status(StatusCode::InvalidArgument, "--kernel times a kernel of a GPU; --device=cpu has none");
  CADENZA_ASSIGN_OR_RETURN(const Schedule schedule, parseSchedule(options.schedule));
  if (schedule == Schedule::Persistent)
    return Status(StatusCode::InvalidArgument, "--kernel: only steps of a decoder have a persistent schedule; choose "
                                               "graph or launch");
  const std::string gpuName = device == "auto" ? "cuda" : device;
  CADENZA_ASSIGN_OR_RETURN(const int ordinal, gpuOrdinal(gpuName));
  CADENZA_ASSIGN_OR_RETURN(const std::shared_ptr<cuda::Device> gpu, cuda::Device::open(ordinal));
  const cuda::DeviceProperties &properties = gpu->properties();
  KernelBenchResult result{.device = properties.name,
                           .driver = driverText(properties.driverVersion),
                           .emulated = properties.emulated,
                           .l2Bytes = properties.l2Bytes,
                           .repeats = options.repeats};
  for (const KernelCase &kernel : cases) {
    StatusOr<KernelResult> measured = measureKernel(kernel, gpuName, properties.l2Bytes, options, result, progress);
    if (!measured.isOk())
      return measured.status().withPrefix(describe(kernel));
    result.kernels.push_back(std::move(*measured));
  }
  return result;
}

} // namespace cadenza::bench
